"""Loads the detector for MLflow's python_function: a column `image` of base64 text in, boxes out."""

import base64
import io

from PIL import Image

from symbols.detector import Detector


class Model:
    def __init__(self, path):
        self.detector = Detector(path)

    def predict(self, frame):
        """Returns a list of symbols for each picture of the column `image`."""
        pictures = (Image.open(io.BytesIO(base64.b64decode(text))) for text in frame["image"])
        return [{"boxes": self.detector.find(picture)} for picture in pictures]


def _load_pyfunc(path):
    """Is what MLflow calls; path: the folder `artifacts`."""
    return Model(path)
