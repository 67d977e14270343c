"""`azureml.contrib.services.aml_request`: Flask's request where there is Flask, else one with the same surface."""

try:
    from flask import Request
except ImportError:
    from .request import Request  # type: ignore[assignment]


def rawhttp(function):  # type: ignore[no-untyped-def]
    """Marks `run`: it takes the HTTP request itself."""
    function.is_rawhttp = True
    return function


class AMLRequest(Request):
    """The type that scripts annotate their request with. Requests are of its base class, as on Azure."""
