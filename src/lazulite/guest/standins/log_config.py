"""`azureml_inference_server_http.log_config`: the formatter that a script's own logging.json may name."""

from ..console import Formatter as AMLLogFormatter

__all__ = ("AMLLogFormatter",)
