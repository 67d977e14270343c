"""What is sent to a server for each kind of work, in the words that it understands."""

import base64
import io
import json
from pathlib import Path

from PIL import Image

_DRAWING = Path(__file__).parents[2] / "examples" / "detector-private" / "samples" / "drawing.png"
_PART = (704, 512, 832, 640)  # a part with some symbols
_SIDE = 1024  # 1 MB, uncompressed: to decode it costs little, so that servers are told apart
_ROW = [0.5] * 64
_BOUNDARY = "a-boundary-that-the-picture-lacks"


def body(form: str, work: str) -> tuple[bytes, str]:
    """Returns a request's body and its type. form: the server's; `azure`, `form` (files in forms), `mlflow` or `v2`."""
    if work in ("binary", "detector"):
        return _bytes(form, picture() if work == "detector" else b"0123456789abcdef" * 65536)
    if form == "mlflow":
        return json.dumps({"inputs": [_ROW]}).encode(), "application/json"
    if form == "v2":
        one = {"name": "rows", "shape": [1, len(_ROW)], "datatype": "FP64", "data": _ROW}
        return json.dumps({"inputs": [one]}).encode(), "application/json"
    return json.dumps({"data": [_ROW]}).encode(), "application/json"


def _bytes(form: str, data: bytes) -> tuple[bytes, str]:
    if form == "mlflow":
        return json.dumps({"inputs": [base64.b64encode(data).decode()]}).encode(), "application/json"
    if form == "form":
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="image.bmp"\r\n'
        part = head.encode() + b"Content-Type: image/bmp\r\n\r\n" + data
        return part + f"\r\n--{_BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={_BOUNDARY}"
    return data, "application/octet-stream"


def picture() -> bytes:
    """Returns a part of a drawing as a 1 MB picture."""
    file = io.BytesIO()
    Image.open(_DRAWING).convert("L").crop(_PART).resize((_SIDE, _SIDE)).save(file, "BMP")
    return file.getvalue()
