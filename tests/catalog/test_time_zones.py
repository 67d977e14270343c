"""Names of time zones: every one that the SDK has is known, and nothing else is taken for one."""

import pytest
from azure.ai.ml.constants import TimeZone

from lazulite.catalog import time_zones
from lazulite.errors import BadRequest


@pytest.mark.parametrize("name", [one.value for one in TimeZone])
def test_every_zone_of_the_sdk_is_known(name: str) -> None:
    assert time_zones.zone(name).key
    assert time_zones.zone(name.upper()).key == time_zones.zone(name).key


@pytest.mark.parametrize(("name", "key"), [("", "UTC"), ("UTC", "Etc/UTC"), ("Europe/Berlin", "Europe/Berlin")])
def test_iana_names_are_known_too(name: str, key: str) -> None:
    assert time_zones.zone(name).key == key


@pytest.mark.parametrize(
    "name", ["Europe", "../etc/passwd", "/etc/localtime", "x" * 5000, "\x00", "é", "Mars Standard Time"]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(BadRequest):
        time_zones.zone(name)
