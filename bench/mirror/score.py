"""The entry script of the live and of the mirrored deployment.

BENCH_WORK: noop; model, 5 ms of CPU; differs, an answer that is another each time; large, 1 MB in, a number out.
"""

import json
import os
import random
import time
import zlib

from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse

_MODEL_S = 0.005
_work = os.environ["BENCH_WORK"]


def init():
    """Has nothing to load."""


def answer(body):
    """Works on the body and returns what becomes JSON."""
    if _work == "model":
        over_at = time.thread_time() + _MODEL_S
        while time.thread_time() < over_at:
            pass
    if _work == "differs":
        return [random.random() for _ in range(64)]
    return zlib.crc32(body) if _work == "large" else len(body)


@rawhttp
def run(request):
    """Answers a request whole."""
    return AMLResponse(json.dumps(answer(request.get_data(False))), 200)
