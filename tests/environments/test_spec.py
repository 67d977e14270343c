"""From an environment's body to what it needs."""

import pytest

from lazulite.catalog import curated_environments
from lazulite.environments.spec import spec_of
from lazulite.errors import BadRequest, NotImplementedHere, UserCodeError

MINIMAL = "mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cuda11.8-gpu-inference:20241216.v1"


def test_the_environment_of_the_flux_story():
    spec = spec_of({"image": MINIMAL, "condaFile": "dependencies:\n- pip:\n  - diffusers==0.31.0\n  - flask\n"})
    assert spec.python == "==3.9.*" and spec.has_cuda
    assert spec.requirements.lines == ("diffusers==0.31.0", "flask")  # the image's own are not in the conda environment
    assert spec.notes == ()


def test_a_conda_file_says_which_python():
    spec = spec_of({"image": MINIMAL, "condaFile": '{"dependencies": ["python=3.11"], "variables": {"A": "1"}}'})
    assert (spec.python, dict(spec.variables)) == ("==3.11.*", {"A": "1"})


def test_an_image_alone_means_what_it_is_known_to_hold():
    spec = spec_of({"image": MINIMAL})
    assert spec.requirements.lines == ("azureml-inference-server-http",)


def test_every_curated_environment_can_be_built_from_what_clients_get():
    for environment in curated_environments.curated_environments():
        spec = spec_of(curated_environments.wire(environment, "1"))
        assert spec.requirements.lines == environment.requirements
        assert spec.python == f"=={environment.python}.*"


def test_a_conda_file_is_enough_where_nothing_is_known_of_the_image():
    spec = spec_of({"image": "contoso.azurecr.io/base:1", "condaFile": "dependencies: [numpy]"})
    assert spec.requirements.lines == ("numpy",) and "contoso.azurecr.io/base:1" in spec.notes[0]


def test_an_unknown_image_alone_says_what_is_missing_and_the_ways_on():
    with pytest.raises(UserCodeError) as caught:
        spec_of({"image": "contoso.azurecr.io/detector:4"})
    assert '"contoso.azurecr.io/detector:4"' in caught.value.message
    assert "environment bind" in caught.value.hint and "known image" in caught.value.hint
    assert "docker or podman" in caught.value.hint


def test_what_conda_and_apt_give_beyond_pip_is_noted(tmp_path):
    (tmp_path / "Dockerfile").write_text(
        "FROM mcr.microsoft.com/azureml/minimal-py311-inference\n"
        "RUN apt-get update && apt-get install -y libgl1\nRUN conda install -y cudatoolkit=11.3 && pip install flask\n"
    )
    spec = spec_of({"build": {"contextUri": "https://a/b/", "dockerfilePath": "Dockerfile"}}, tmp_path)
    assert spec.requirements.lines[-1] == "flask" and "azureml-inference-server-http" in spec.requirements.lines
    assert spec.context == tmp_path
    assert any("cudatoolkit=11.3" in note for note in spec.notes) and any("libgl1" in note for note in spec.notes)


def test_a_conda_environment_in_a_dockerfile_takes_the_place_of_the_bases(tmp_path):
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "env.yml").write_text("dependencies: [python=3.10, numpy]\n")
    (tmp_path / "docker" / "Dockerfile").write_text(
        "FROM acme/unknown\nCOPY docker/env.yml .\nRUN conda env create -f env.yml\n"
    )
    spec = spec_of({"build": {"dockerfilePath": "docker/Dockerfile"}}, tmp_path)
    assert (spec.python, spec.requirements.lines) == ("==3.10.*", ("numpy",))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "needs an image"),
        ({"image": 5}, "image must be text, but is int"),
        ({"image": "python:3.11", "condaFile": {"dependencies": []}}, "condaFile must be text, but is dict"),
        ({"image": "python:3.11", "condaFile": "dependencies: 3"}, "condaFile line 1"),
        ({"build": "x"}, "build must be an object"),
        ({"build": {"contextUri": "https://a/b"}}, "not found"),
        ({"build": {"dockerfilePath": 1}}, "dockerfilePath must be text"),
        ({"image": "python:3.11", "build": {}}, "either an image"),
    ],
)
def test_a_malformed_body_is_refused_with_its_field(body, words):
    with pytest.raises(BadRequest, match=words):
        spec_of(body)


def test_windows_is_said_to_be_missing_here():
    with pytest.raises(NotImplementedHere, match="Windows"):
        spec_of({"image": "x", "osType": "Windows"})
