"""Azure's virtual machine sizes: what each has, and where it is allowed. Data in vm_sizes.tsv; knows no resource.

Source: learn.microsoft.com/azure/virtual-machines/sizes (vCPUs, memory, temporary disk, GPUs) and
learn.microsoft.com/azure/machine-learning/reference-managed-online-endpoints-vm-sku-list (column `online`).
The edition of that list of October 2025 adds the NVads A10 v5 sizes; all editions before refuse them, and so does this
table. Memory is in GiB; gpu_memory_gb is of one GPU; a share of a GPU is written as a fraction.
"""

import csv
import difflib
import functools
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

SKU_LIST = "https://learn.microsoft.com/azure/machine-learning/reference-managed-online-endpoints-vm-sku-list"
_GIB = 1024**3
# Ubuntu's disk of an Azure Machine Learning node. Source: guess.
_OS_DISK_MB = 1_047_552


@dataclass(frozen=True)
class VmSize:
    """One size as Azure sells it. gpus may be a share of one (`1/6`); is_online: managed online endpoints take it."""

    name: str
    family: str
    vcpus: int
    memory_gb: float
    temporary_disk_gb: int
    gpus: Fraction
    gpu_kind: str
    gpu_memory_gb: int
    is_online: bool

    @property
    def total_gpu_memory_gb(self) -> float:
        """Returns the memory of all its GPUs together; a share of a GPU has the memory that the table gives it."""
        return float(max(self.gpus, Fraction(1)) * self.gpu_memory_gb)


@dataclass(frozen=True)
class Problem:
    """What is wrong with a choice of size. code is Azure's; is_refusal: Azure would not start the deployment."""

    code: str
    message: str
    hint: str
    is_refusal: bool


@functools.cache
def sizes() -> tuple[VmSize, ...]:
    """Returns every known size, in the table's order."""
    with Path(__file__).with_suffix(".tsv").open(encoding="utf-8", newline="") as file:
        return tuple(_size(row) for row in csv.DictReader(file, delimiter="\t"))


def _size(row: dict[str, str]) -> VmSize:
    return VmSize(
        name=row["name"],
        family=row["family"],
        vcpus=int(row["vcpus"]),
        memory_gb=float(row["memory_gb"]),
        temporary_disk_gb=int(row["temporary_disk_gb"]),
        gpus=Fraction(row["gpus"]),
        gpu_kind=row["gpu_kind"],
        gpu_memory_gb=int(row["gpu_memory_gb"]),
        is_online=row["online"] == "yes",
    )


def find(name: str) -> VmSize | None:
    """Returns the size of that name, whatever its letter case; None when there is none."""
    return _by_name().get(name.lower())


@functools.cache
def _by_name() -> dict[str, VmSize]:
    return {size.name.lower(): size for size in sizes()}


def check_online_size(name: str) -> Problem | None:
    """Says why a managed online deployment cannot use a size (`instanceType`); None when it can.

    Source: the SKU list above; code: learn.microsoft.com, "Troubleshoot online endpoints", BadArgument.
    """
    size = find(name)
    if size is None:
        close = difflib.get_close_matches(name.lower(), _by_name(), n=3)
        guess = f" Did you mean {' or '.join(_by_name()[match].name for match in close)}?" if close else ""
        return _refusal(f'"{name}" is not a known virtual machine size.{guess}')
    if not size.is_online:
        return _refusal(
            f"Managed online endpoints do not offer {size.name}{_gpu_words(size)}. {_alternatives(size)}",
        )
    return None


def _refusal(message: str) -> Problem:
    return Problem("BadArgument", message, f"The sizes that they offer: {SKU_LIST}.", is_refusal=True)


def _gpu_words(size: VmSize) -> str:
    return f" ({size.gpu_kind} GPU)" if size.gpus else ""


def _alternatives(size: VmSize) -> str:
    offered = [other for other in sizes() if other.is_online and bool(other.gpus) == bool(size.gpus)]
    if size.gpus:
        enough = [other for other in offered if other.total_gpu_memory_gb >= size.total_gpu_memory_gb]
        nearest = sorted(enough, key=lambda other: (other.total_gpu_memory_gb, other.vcpus))[:3]
    else:
        enough = [other for other in offered if other.vcpus >= size.vcpus and other.memory_gb >= size.memory_gb]
        nearest = sorted(enough, key=lambda other: (other.vcpus, other.memory_gb))[:3]
    return f"Near it are {', '.join(other.name for other in nearest)}." if nearest else ""


def check_memory(name: str, model_bytes: int) -> Problem | None:
    """Says whether a model's files outgrow a size's memory; None when they fit, or when the size is unknown.

    model_bytes: size of the model's files, taken as what the loaded weights need at least. More than the instance's
    memory is a refusal (Azure: OutOfQuota, "memory quota"); more than the GPUs' memory is a warning, since a script
    may keep a part in main memory. Source: guess, the thresholds; the code is from "Troubleshoot online endpoints".
    """
    size = find(name)
    if size is None:
        return None
    model_gb = model_bytes / _GIB
    if model_gb > size.memory_gb:
        message = f"The model's files take {model_gb:.1f} GiB, but {size.name} has {size.memory_gb:g} GiB of memory."
        return Problem("OutOfQuota", message, _larger(model_gb, on_gpu=bool(size.gpus)), is_refusal=True)
    if size.gpus and model_gb > size.total_gpu_memory_gb:
        message = (
            f"The model's files take {model_gb:.1f} GiB, but the {size.gpu_kind} GPU memory of {size.name} "
            f"is {size.total_gpu_memory_gb:g} GiB: loaded whole onto the GPU it would not fit."
        )
        return Problem("OutOfQuota", message, _larger(model_gb, on_gpu=True), is_refusal=False)
    return None


def _larger(needed_gb: float, *, on_gpu: bool) -> str:
    fitting = [
        size
        for size in sizes()
        if size.is_online
        and bool(size.gpus) == on_gpu
        and (size.total_gpu_memory_gb if on_gpu else size.memory_gb) >= needed_gb
    ]
    if not fitting:
        return "No size of managed online endpoints is large enough; quantise or shard the model."
    smallest = min(fitting, key=lambda size: (size.total_gpu_memory_gb, size.memory_gb))
    return f"The smallest size that fits is {smallest.name}."


def wire(size: VmSize) -> dict[str, Any]:
    """Returns a size as `locations/{location}/vmSizes` lists it.

    Source: azure-ai-ml 1.35.2 entities/_compute/_vm_size.py (the fields it reads); prices are Azure's own affair.
    """
    return {
        "name": size.name,
        "family": size.family,
        "vCPUs": size.vcpus,
        "gpus": -(-size.gpus.numerator // size.gpus.denominator),
        "memoryGB": size.memory_gb,
        "maxResourceVolumeMB": size.temporary_disk_gb * 1024,
        "osVhdSizeMB": _OS_DISK_MB,
        "lowPriorityCapable": not size.name.endswith("_A10_v5"),
        "premiumIO": _has_premium_storage(size.name),
        "estimatedVMPrices": {"billingCurrency": "USD", "unitOfMeasure": "OneHour", "values": []},
        "supportedComputeTypes": ["AmlCompute", "ComputeInstance"],
    }


def _has_premium_storage(name: str) -> bool:
    # Azure's naming convention: an "s" among the letters after the vCPU count, or the DS prefix of old.
    return bool(re.match(r"Standard_(DS\d+|[A-Z]+\d+[a-z]*s[a-z]*)(_|$)", name))
