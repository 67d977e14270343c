"""LitServe, one worker."""

import json
import os

import litserve
import work


class Api(litserve.LitAPI):
    """Answers what the other servers answer."""

    def setup(self, device):
        """Loads the model."""
        work.init()

    def decode_request(self, request):
        """Takes the body as it was parsed."""
        return request

    def predict(self, request):
        """Runs the work on the body's text, as the other servers do."""
        return work.run_text(json.dumps(request))

    def encode_response(self, output):
        """Returns what becomes JSON."""
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Api(api_path="/score"), accelerator="cpu", workers_per_device=1)
    server.run(port=int(os.environ["BENCH_PORT"]), host="127.0.0.1", num_api_servers=1, log_level="warning",
               generate_client_file=False)  # fmt: skip
