"""Curated environments: names, labels, versions, images."""

import pytest
from packaging.requirements import Requirement

from lazulite.catalog import base_images, curated_environments
from lazulite.errors import NotFound


@pytest.mark.parametrize(
    "name",
    ["AzureML-tensorflow-2.16-cuda11", "sklearn-1.5", "AzureML-sklearn-1.5", "AzureML-ACPT-pytorch-2.8-cuda12.6"],
)
def test_a_name_is_found_with_and_without_the_prefix(name):
    environment, version = curated_environments.resolve(name, label="latest")
    assert environment.name in name.lower() and version == str(environment.latest)


def test_a_version_up_to_the_newest_is_taken_as_named():
    assert curated_environments.resolve("AzureML-sklearn-1.0-ubuntu20.04-py38-cpu", "33")[1] == "33"


@pytest.mark.parametrize(
    ("version", "label"), [("0", None), ("9999", None), ("latest", None), ("²", None), (None, "x")]
)
def test_what_does_not_exist_is_named_with_what_does(version, label):
    with pytest.raises(NotFound, match=r"versions 1-\d+|has \"latest\""):
        curated_environments.resolve("sklearn-1.5", version, label)


def test_an_unknown_name_gets_its_neighbours():
    with pytest.raises(NotFound) as caught:
        curated_environments.resolve("AzureML-sklearn-1.6")
    assert "sklearn-1.5" in caught.value.hint


def test_what_is_sent_to_clients_leads_back_to_the_same_environment():
    for environment in curated_environments.curated_environments():
        image = curated_environments.wire(environment, "3")["image"]
        assert image.endswith(":3")
        assert curated_environments.find_image(image) == environment
        assert base_images.describe(image).requirements == environment.requirements


def test_every_entry_is_whole():
    names = [environment.name for environment in curated_environments.curated_environments()]
    assert len(names) == len(set(names))
    for environment in curated_environments.curated_environments():
        assert environment.latest >= 1 and environment.source and environment.python.startswith("3.")
        assert [Requirement(line) for line in environment.requirements]
