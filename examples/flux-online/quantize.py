"""Packs a FLUX pipeline's two largest parts into 4 bits a weight (NF4) and saves it as a folder to deploy.

python quantize.py saved_model nf4/saved_model                      this example's model, on any CPU
python quantize.py black-forest-labs/FLUX.1-dev nf4/saved_model     the real one: 30 GB become 9, needs a GPU
"""

import sys

import diffusers
import torch
import transformers
from diffusers import FluxPipeline, FluxTransformer2DModel
from transformers import T5EncoderModel

from scoring import cpu_nf4


def main():
    source, target = sys.argv[1:]
    cpu_nf4.enable()
    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    nf4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype}
    # The first layer stays as it is: the small model's has 32 inputs, fewer than the 64 weights of an NF4 block.
    transformer = FluxTransformer2DModel.from_pretrained(
        source,
        subfolder="transformer",
        dtype=dtype,
        quantization_config=diffusers.BitsAndBytesConfig(**nf4, llm_int8_skip_modules=["x_embedder"]),
    )
    text_encoder_2 = T5EncoderModel.from_pretrained(
        source, subfolder="text_encoder_2", dtype=dtype, quantization_config=transformers.BitsAndBytesConfig(**nf4)
    )
    pipeline = FluxPipeline.from_pretrained(source, dtype=dtype, transformer=transformer, text_encoder_2=text_encoder_2)
    pipeline.save_pretrained(target)
    print(f"The transformer takes {transformer.get_memory_footprint() / 1e6:.1f} MB of memory")


if __name__ == "__main__":
    main()
