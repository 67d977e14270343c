"""Asks a Triton endpoint what lies on a tray, and prints one line for each part."""

import argparse
import json
from urllib.parse import urlsplit

import gevent.ssl
import numpy as np
import tritonclient.http as triton
from PIL import Image

KINDS = ("nut", "pin", "screw", "washer")  # in the order of the alphabet, as convert.py numbers them
STRIDE, RADIUS = 3, 7


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="the endpoint's scoring URI")
    parser.add_argument("--key", required=True)
    parser.add_argument("--deployment", required=True)
    parser.add_argument("--model", default="parts")
    parser.add_argument("picture")
    given = parser.parse_args()

    headers = {"Authorization": f"Bearer {given.key}", "azureml-model-deployment": given.deployment}
    client = connect(given.url)
    assert client.is_server_ready(headers=headers)
    drawing = np.asarray(Image.open(given.picture).convert("L"), np.float32)[None, None] / 255
    wanted = triton.InferInput("drawings", drawing.shape, "FP32")
    wanted.set_data_from_numpy(drawing)
    answer = client.infer(given.model, [wanted], outputs=[triton.InferRequestedOutput("chances")], headers=headers)
    for part in parts(answer.as_numpy("chances")[0]):
        print(json.dumps(part))


def connect(scoring_uri):
    """Makes a client of what lies at the scoring URI, whose path leads to Triton."""
    parsed = urlsplit(scoring_uri)
    is_https = parsed.scheme == "https"
    return triton.InferenceServerClient(
        parsed.netloc + parsed.path.removesuffix("/score").rstrip("/"),
        ssl=is_https,
        ssl_context_factory=gevent.ssl.create_default_context if is_https else None,
    )


def parts(chances, threshold=0.5):
    """Reads boxes off a grid of chances, [kind, row, column], the last kind being nothing."""
    best = chances[:-1].max(axis=0)
    while best.max() >= threshold:
        row, column = np.unravel_index(best.argmax(), best.shape)
        kind, x, y = KINDS[chances[:-1, row, column].argmax()], int(column) * STRIDE, int(row) * STRIDE
        yield {
            "kind": kind,
            "box": [x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS],
            "score": round(float(best[row, column]), 3),
        }
        best[max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4] = 0


if __name__ == "__main__":
    main()
