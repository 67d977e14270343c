"""Trains a small text-to-image FLUX on pictures of coloured shapes, and writes it to ./saved_model.

Takes about half an hour on one CPU core. It may be stopped at any moment: the same command goes on from the last
checkpoint. A trained ./saved_model is shipped with the example.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

if sys.platform == "linux":
    # Keep freed memory instead of handing it back to the system after every tensor: four times faster on many machines.
    # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD and M_ARENA_MAX of malloc.h; before torch allocates anything.
    for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 256 << 20), (-8, 1)):
        ctypes.CDLL("libc.so.6").mallopt(option, value)
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from diffusers import FluxPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from training import shapes, tiny_flux
from training.stage import Stage

PICTURES = 6000
# Text lengths in tokens, and how often each is trained. FLUX does not mask padding, so a model that has seen one length
# only draws mush at another; the long ones are rare because they are dear.
TEXT_LENGTHS = {16: 0.5, 32: 0.3, 77: 0.1, 256: 0.06, 512: 0.04}
TOKENS_PER_STEP = 64 * 32  # text and picture together, so that a step of long texts costs what a short one does


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("saved_model"), help="folder for the trained pipeline")
    parser.add_argument("--work", type=Path, default=Path("checkpoints"), help="folder for the checkpoints")
    parser.add_argument("--vae-steps", type=int, default=5000)
    parser.add_argument("--flow-steps", type=int, default=5500)
    arguments = parser.parse_args()

    arguments.work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    pixels, captions = make_data(random.Random(0))
    pipeline = tiny_flux.build(shapes.WORDS, shapes.SIZE)
    vae_stage = Stage("vae", nn.ModuleList([pipeline.vae]), arguments.vae_steps, 3e-3, arguments.work / "vae.pt")
    train_autoencoder(pipeline, pixels, vae_stage)
    latents = encode(pipeline, pixels)
    flow_modules = nn.ModuleList([pipeline.transformer, pipeline.text_encoder, pipeline.text_encoder_2])
    flow_stage = Stage("flow", flow_modules, arguments.flow_steps, 1e-3, arguments.work / "flow.pt")
    train_flow(pipeline, latents, captions, flow_stage)
    save(pipeline, arguments.out)


def make_data(rng: random.Random) -> tuple[Tensor, list[str]]:
    """Paints PICTURES scenes: pixels as uint8 [n, 3, SIZE, SIZE], and a caption for each."""
    scenes = [shapes.random_scene(rng) for _ in range(PICTURES)]
    pixels = np.stack([np.asarray(shapes.paint(scene, rng)) for scene in scenes])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), [shapes.caption(scene, rng) for scene in scenes]


def as_floats(pixels: Tensor) -> Tensor:
    return (pixels.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def train_autoencoder(pipeline: FluxPipeline, pixels: Tensor, stage: Stage) -> None:
    vae = pipeline.vae.to(memory_format=torch.channels_last)

    def loss_of_batch() -> Tensor:
        picture = as_floats(pixels[torch.randint(len(pixels), (16,))])
        posterior = vae.encode(picture).latent_dist
        drawn = vae.decode(posterior.sample()).sample
        divergence = posterior.kl().mean() / posterior.mean[0].numel()
        return functional.l1_loss(drawn, picture) + functional.mse_loss(drawn, picture) + 1e-3 * divergence

    stage.run(loss_of_batch)


@torch.no_grad()
def encode(pipeline: FluxPipeline, pixels: Tensor) -> Tensor:
    """Encodes all pictures to packed latents [n, picture tokens, 4 * channels] of mean 0 and spread 1.

    Writes the mean and the spread into the autoencoder's configuration, where the pipeline looks for them.
    """
    vae = pipeline.vae
    batches = [vae.encode(as_floats(batch)).latent_dist.mean for batch in pixels.split(100)]
    drawn = vae.decode(batches[0]).sample.clamp(-1, 1)
    error = functional.mse_loss(drawn, as_floats(pixels[: len(drawn)])).item()
    print(f"vae restores pictures at {10 * np.log10(4 / error):.1f} dB", flush=True)
    latents = torch.cat(batches)
    vae.register_to_config(shift_factor=latents.mean().item(), scaling_factor=1 / latents.std().item())
    latents = (latents - vae.config.shift_factor) * vae.config.scaling_factor
    return FluxPipeline._pack_latents(latents, *latents.shape)


def train_flow(pipeline: FluxPipeline, latents: Tensor, captions: list[str], stage: Stage) -> None:
    """Teaches the transformer the straight way from noise to each picture, told its caption: rectified flow."""
    side = int(latents.shape[1] ** 0.5)
    picture_ids = FluxPipeline._prepare_latent_image_ids(1, side, side, "cpu", torch.float32)
    lengths, odds = list(TEXT_LENGTHS), torch.tensor(list(TEXT_LENGTHS.values()))

    def loss_of_batch() -> Tensor:
        length = lengths[int(odds.multinomial(1))]
        size = TOKENS_PER_STEP // (length + latents.shape[1])
        chosen = torch.randint(len(latents), (size,))
        texts = [captions[i] if torch.rand(()) > 0.1 else "" for i in chosen]  # "" is what guidance compares with
        pooled = pipeline.text_encoder(tokens(pipeline.tokenizer, texts, 16)).pooler_output
        words = pipeline.text_encoder_2(tokens(pipeline.tokenizer_2, texts, length))[0]
        picture, noise = latents[chosen], torch.randn_like(latents[chosen])
        # How far towards noise: mostly in the middle, where it is hardest to tell, but everywhere now and then.
        time = torch.sigmoid(torch.randn(size) + 0.2).where(torch.rand(size) < 0.8, torch.rand(size))
        mixed = torch.lerp(picture, noise, time[:, None, None])
        velocity = pipeline.transformer(
            hidden_states=mixed,
            timestep=time,
            pooled_projections=pooled,
            encoder_hidden_states=words,
            txt_ids=torch.zeros(length, 3),
            img_ids=picture_ids,
        ).sample
        return functional.mse_loss(velocity, noise - picture)

    stage.run(loss_of_batch)


def tokens(tokenizer: Callable[..., dict[str, Tensor]], texts: list[str], length: int) -> Tensor:
    filled = tokenizer(texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    return filled["input_ids"]


def save(pipeline: FluxPipeline, folder: Path) -> None:
    """Saves the pipeline with its weights in bfloat16, half the size; they load as float32."""
    pipeline.save_pretrained(folder)
    for file in folder.rglob("*.safetensors"):
        weights = {name: weight.to(torch.bfloat16) for name, weight in load_file(file).items()}
        save_file(weights, file, metadata={"format": "pt"})


if __name__ == "__main__":
    main()
