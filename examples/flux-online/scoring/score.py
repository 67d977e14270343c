"""Draws what a prompt asks for. Azure ML calls init() once, and run() for every request.

Request:  {"prompt": "a red circle", "seed": 7, "num_inference_steps": 12}, all but the prompt may be left out.
Answer:   a PNG, or status 500 and the reason as plain text; the endpoint hands a 500 on as 424, "model error".
"""

import io
import json
import logging
import os

import cpu_nf4
import torch
from diffusers import FluxPipeline
from flask import Response

pipeline: FluxPipeline


def init():
    """Loads the pipeline from the folder that the model was registered with, and draws once: the first time is slow."""
    global pipeline
    cpu_nf4.enable()
    on_gpu = torch.cuda.is_available()
    pipeline = FluxPipeline.from_pretrained(
        os.path.join(os.environ["AZUREML_MODEL_DIR"], "saved_model"),
        dtype=torch.bfloat16 if on_gpu else torch.float32,
    )
    if on_gpu:
        pipeline.to("cuda")
    pipeline.set_progress_bar_config(disable=True)
    draw("a red circle", num_inference_steps=1)


def run(raw_data):
    """Answers one request with a picture."""
    try:
        picture = draw(**json.loads(raw_data))
    except Exception as error:
        logging.exception("No picture could be drawn")
        return Response(f"{type(error).__name__}: {error}", status=500, mimetype="text/plain")
    png = io.BytesIO()
    picture.save(png, format="PNG")
    return Response(png.getvalue(), mimetype="image/png")


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
