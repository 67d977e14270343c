"""`azureml.contrib.services.aml_response`: the answer of a script that decides on status and headers itself."""

import json

try:
    from flask import Response
except ImportError:
    from .response import Response  # type: ignore[assignment]


class AMLResponse(Response):
    """An HTTP response.

    message: the body, str or bytes; with json_str anything, sent as JSON; None gives an empty JSON object.
    response_headers: values are split at commas, one header line each.
    Source: azureml-inference-server-http 1.5.1 api/aml_response.py.
    """

    def __init__(  # type: ignore[no-untyped-def]
        self, message, status_code, response_headers=None, json_str=False, run_function_failed=False
    ):
        if json_str or message is None:
            body = json.dumps({} if message is None else message)
            super().__init__(body, status=status_code, mimetype="application/json")
        else:
            super().__init__(message, status=status_code)
            if response_headers and "Content-Type" in response_headers:
                self.headers.remove("Content-Type")
        self.headers["x-ms-run-function-failed"] = str(run_function_failed)
        for name, values in (response_headers or {}).items():
            for value in values.split(","):
                self.headers.add(name, value.strip())
