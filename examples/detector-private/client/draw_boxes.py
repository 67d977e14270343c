"""Asks the endpoint which symbols are on a drawing, and draws the boxes that it answers."""

import argparse
import io
import time

import requests
from PIL import Image, ImageDraw

COLOURS = ("#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf")
TRY_AGAIN = (503, 504)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="the scoring URI")
    parser.add_argument("--key", default="")
    parser.add_argument("--out", default="boxes.png")
    parser.add_argument("drawing")
    given = parser.parse_args()
    boxes = ask(given.url, given.key, given.drawing)
    picture = Image.open(given.drawing).convert("RGB")
    paint(picture, boxes).save(given.out)
    for label in sorted({one["label"] for one in boxes}):
        print(f"{label}: {sum(one['label'] == label for one in boxes)}")


def ask(url, key, path, tries=3):
    """Returns the boxes of a drawing. The service may be starting or busy: it is asked again."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    for attempt in range(1, tries + 1):
        with open(path, "rb") as file:
            content = file.read()
        answer = requests.post(url, headers=headers, files={"image": (path, io.BytesIO(content))}, timeout=90)
        if answer.status_code not in TRY_AGAIN or attempt == tries:
            break
        time.sleep(2**attempt)
    answer.raise_for_status()
    return answer.json()["boxes"]


def paint(picture, boxes):
    """Draws each box with its label and score."""
    pen = ImageDraw.Draw(picture)
    labels = sorted({one["label"] for one in boxes})
    for one in boxes:
        box, colour = one["box"], COLOURS[labels.index(one["label"]) % len(COLOURS)]
        left, top = box["topX"] * picture.width, box["topY"] * picture.height
        right, bottom = box["bottomX"] * picture.width, box["bottomY"] * picture.height
        pen.rectangle([left, top, right, bottom], outline=colour, width=2)
        pen.text((left, bottom + 1), f"{one['label']} {one['score']:.2f}", fill=colour)
    return picture


if __name__ == "__main__":
    main()
