"""Lets diffusers load NF4 weights on a machine without a GPU.

bitsandbytes computes with NF4 on CPUs too, and transformers lets it. diffusers 0.42 still refuses, with "No GPU found.
A GPU is needed for quantization.", and would place the weights on `cuda`. Those two answers are all that changes here,
and only where there is no GPU.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.quantizers import auto
from diffusers.quantizers.bitsandbytes.bnb_quantizer import BnB4BitDiffusersQuantizer


class CpuNf4Quantizer(BnB4BitDiffusersQuantizer):
    """diffusers' own quantizer of 4-bit weights, content with a CPU."""

    def validate_environment(self, *args: Any, **kwargs: Any) -> None:
        """Accepts the CPU. The original also checks versions, which config.yml pins."""

    def update_device_map(self, device_map: Any) -> Any:
        """Puts everything on the CPU unless told otherwise."""
        return {"": "cpu"} if device_map is None else device_map


def enable() -> None:
    """Makes diffusers use the quantizer above for `bitsandbytes_4bit` weights, if there is no GPU."""
    if not torch.cuda.is_available():
        auto.AUTO_QUANTIZER_MAPPING["bitsandbytes_4bit"] = CpuNf4Quantizer
