"""The entry script, as Azure ML wants it, for azureml-inference-server-http and for Lazulite alike."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import work

if work.IS_OF_BYTES:
    from azureml.contrib.services.aml_request import rawhttp
    from azureml.contrib.services.aml_response import AMLResponse

    @rawhttp
    def run(request):
        """Answers a request whole."""
        return AMLResponse(work.run_bytes(request.get_data(False)), 200)

else:

    def run(raw_data):
        """Answers text."""
        return work.run_text(raw_data)


init = work.init
