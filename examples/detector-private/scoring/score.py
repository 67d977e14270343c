"""Answers which symbols are on a drawing: POST multipart/form-data with a file `image`."""

import io
import json
import os
import sys
from pathlib import Path

from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse
from PIL import Image, UnidentifiedImageError

detector = None


def init():
    """Loads the model that the deployment names, whatever its folder is called."""
    global detector
    model = next(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("MLmodel")).parent
    sys.path.insert(0, str(model / "code"))
    from symbols.detector import Detector  # comes with the model

    detector = Detector(model / "artifacts")
    print("Settings:", detector.settings)


@rawhttp
def run(request: AMLRequest):
    """Answers a health check with the path that was asked for, and a drawing with boxes."""
    if request.method == "GET":
        return AMLResponse(str(request.full_path), 200)
    if request.method != "POST":
        return AMLResponse("bad request, use POST", 405)
    if "image" not in request.files:
        return refusal("The form has no file called image.")
    try:
        picture = Image.open(io.BytesIO(request.files["image"].read()))
        picture.load()
    except (UnidentifiedImageError, OSError) as error:
        return refusal(f"The file is no picture that can be read: {error}")
    return AMLResponse(json.dumps({"boxes": detector.find(picture)}), 200, {"Content-Type": "application/json"})


def refusal(message):
    return AMLResponse(json.dumps({"message": message}), 400, {"Content-Type": "application/json"})
