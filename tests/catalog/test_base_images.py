"""Base images: what a name says about its content."""

import pytest

from lazulite.catalog import base_images

KNOWN = [
    ("mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cuda11.8-gpu-inference:20241216.v1", "3.9", True),
    ("mcr.microsoft.com/azureml/minimal-ubuntu26.04-py314-cpu-inference", "3.14", False),
    ("mcr.microsoft.com/azureml/minimal-py312-inference:latest", "3.12", False),
    ("mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04", "3.8", False),
    ("mcr.microsoft.com/azureml/openmpi4.1.0-cuda11.8-cudnn8-ubuntu22.04:latest", "3.10", True),
    ("mcr.microsoft.com/azureml/openmpi5.0-cuda12.6-ubuntu24.04@sha256:0123", "3.10", True),
    ("mcr.microsoft.com/azureml/curated/acpt-pytorch-2.8-cuda12.6:1", "3.10", True),
    ("mcr.microsoft.com/aifx/acpt/stable-ubuntu2204-cu124-py310-torch251:biweekly.202505.1", "3.10", True),
    ("python:3.11-slim", "3.11", False),
    ("docker.io/library/python:3.9.18", "3.9", False),
    ("python:3-slim", None, False),
    ("ubuntu:22.04", None, False),
    ("nvidia/cuda:12.4.1-runtime-ubuntu22.04", None, True),
    ("continuumio/miniconda3", None, False),
]


@pytest.mark.parametrize(("image", "python", "has_cuda"), KNOWN)
def test_a_known_image_says_its_python_and_cuda(image, python, has_cuda):
    described = base_images.describe(image)
    assert described is not None and described.source
    assert (described.python, described.has_cuda) == (python, has_cuda)


def test_inference_images_hold_the_inference_server():
    described = base_images.describe("mcr.microsoft.com/azureml/minimal-ubuntu22.04-py310-cpu-inference:latest")
    assert "azureml-inference-server-http" in described.requirements


def test_a_framework_in_the_name_becomes_a_requirement():
    image = "mcr.microsoft.com/aifx/acpt/stable-ubuntu2204-cu126-py310-torch2100:x"
    assert "torch~=2.10.0" in base_images.describe(image).requirements
    assert base_images.describe("tensorflow/tensorflow:2.16.1-gpu").requirements == ("tensorflow==2.16.1",)


@pytest.mark.parametrize(
    "image",
    [
        "contoso.azurecr.io/detector:4",
        "evil.io/mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04",
        "python2:7",
        "",
        "x/y:1",
    ],
)
def test_an_unknown_image_is_not_guessed(image):
    assert base_images.describe(image) is None
