"""LitServe, one worker. It takes JSON or forms, no bare bytes."""

import json
import os

import litserve
import work
from fastapi import Request


class Api(litserve.LitAPI):
    """Answers what the other servers answer."""

    def setup(self, device):
        """Loads the model."""
        work.init()

    def decode_request(self, request: Request):
        """Takes the body as it was parsed, or the file in a form."""
        return request["image"].file.read() if work.IS_OF_BYTES else request

    def predict(self, given):
        """Runs the work on the body's text, as the other servers do, or on the picture."""
        return work.boxes_on(given) if work.IS_OF_BYTES else work.run_text(json.dumps(given))

    def encode_response(self, output):
        """Returns what becomes JSON."""
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Api(api_path="/score"), accelerator="cpu", workers_per_device=1)
    server.run(port=int(os.environ["BENCH_PORT"]), host="127.0.0.1", num_api_servers=1, log_level="warning",
               generate_client_file=False)  # fmt: skip
