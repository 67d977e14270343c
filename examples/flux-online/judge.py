"""Has a saved pipeline draw all 36 colour x shape pictures, counts the right ones, and shows them in a sheet.

python judge.py [FOLDER] [SHEET.png]    by default ./saved_model, and no sheet
"""

import argparse
from pathlib import Path

import torch
from diffusers import FluxPipeline
from PIL import Image

from scoring import cpu_nf4
from training import shapes

TEXT_LENGTHS = (32, 512)  # tokens: this model's own, and the most that FLUX takes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("saved_model"))
    parser.add_argument("sheet", nargs="?", type=Path)
    arguments = parser.parse_args()

    cpu_nf4.enable()
    pipeline = FluxPipeline.from_pretrained(arguments.folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    for length in TEXT_LENGTHS:
        pictures = draw_all(pipeline, length)
        report(pictures, length)
        if arguments.sheet and length == TEXT_LENGTHS[0]:
            sheet(list(pictures.values())).quantize(128).save(arguments.sheet, optimize=True)


def draw_all(pipeline: FluxPipeline, text_length: int) -> dict[tuple[str, str], Image.Image]:
    """Draws every pair of colour and shape; the colours of one shape in one batch."""
    pictures = {}
    for shape in shapes.SHAPES:
        drawn = pipeline(
            [f"a {colour} {shape}" for colour in shapes.COLOURS],
            width=shapes.SIZE,
            height=shapes.SIZE,
            num_inference_steps=12,
            max_sequence_length=text_length,
            generator=torch.Generator().manual_seed(7),
        )
        pictures.update(zip(((colour, shape) for colour in shapes.COLOURS), drawn.images, strict=True))
    return pictures


def report(pictures: dict[tuple[str, str], Image.Image], text_length: int) -> None:
    """Prints how many pictures show what was asked for, and what the others show."""
    wrong = {pair: seen for pair, picture in pictures.items() if (seen := shapes.recognise(picture)) != pair}
    never_shown = len(shapes.HELD_OUT - wrong.keys())
    print(
        f"{text_length} text tokens: {len(pictures) - len(wrong)} of {len(pictures)} right, "
        f"{never_shown} of the {len(shapes.HELD_OUT)} pairs never shown in training among them"
    )
    for pair, seen in wrong.items():
        print(f"  wanted {' '.join(pair)}, got {' '.join(seen)}")


def sheet(pictures: list[Image.Image]) -> Image.Image:
    """Lays the pictures out side by side, a row for each shape, a column for each colour."""
    columns, side = len(shapes.COLOURS), 2 * shapes.SIZE
    whole = Image.new("RGB", (columns * side, len(pictures) // columns * side))
    for i, picture in enumerate(pictures):
        whole.paste(picture.resize((side, side)), (i % columns * side, i // columns * side))
    return whole


if __name__ == "__main__":
    main()
