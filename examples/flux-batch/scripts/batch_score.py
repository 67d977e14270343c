"""Draws what prompts ask for, many files at a time. Azure ML calls init() once in each process, and run() many times.

A file: {"prompt": "a red circle", "seed": 7, "num_inference_steps": 12}, all but the prompt may be left out.
A row of predictions.csv: the file's name and its picture's, which lies beside predictions.csv.
"""

import json
import logging
import os
from pathlib import Path

import torch
from diffusers import FluxPipeline

pipeline: FluxPipeline
output: Path


def init():
    """Loads the pipeline from the folder that the model was registered with."""
    global pipeline, output
    output = Path(os.environ["AZUREML_BI_OUTPUT_PATH"])
    on_gpu = torch.cuda.is_available()
    pipeline = FluxPipeline.from_pretrained(
        os.path.join(os.environ["AZUREML_MODEL_DIR"], "saved_model"),
        dtype=torch.bfloat16 if on_gpu else torch.float32,
    )
    if on_gpu:
        pipeline.to("cuda")
    pipeline.set_progress_bar_config(disable=True)


def run(mini_batch: list[str]):
    """Draws the pictures of one mini-batch."""
    rows = []
    for path in map(Path, mini_batch):
        request = json.loads(path.read_text())
        picture = f"{path.stem}.png"  # of the file's own name: a number within the mini-batch would come again
        draw(**request).save(output / picture)
        logging.info("%s: %s", picture, request["prompt"])
        rows.append(f"{path.name},{picture}")
    return rows


def draw(prompt, seed=None, num_inference_steps=20):
    """Draws in the size and with the text length the model was trained for: 64 pixels here, 1024 for FLUX.1-dev."""
    size = pipeline.vae.config.sample_size
    return pipeline(
        prompt,
        width=size,
        height=size,
        num_inference_steps=num_inference_steps,
        max_sequence_length=min(512, pipeline.tokenizer_2.model_max_length),
        generator=None if seed is None else torch.Generator().manual_seed(seed),
    ).images[0]
