"""What makes two environments the same."""

from dataclasses import replace

import pytest

from lazulite.environments import interpreters
from lazulite.environments.key import key_of
from lazulite.environments.pip_config import PipConfig
from lazulite.environments.requirements import LocalPackage, PipOptions, Requirements
from lazulite.environments.spec import EnvironmentSpec

UNTOLD = PipConfig()
SPEC = EnvironmentSpec("python:3.11", "", Requirements(("six", "flask")))


def key(spec=SPEC, config=UNTOLD, has_gpu=False, **other):
    interpreter = replace(interpreters.choose("").interpreter, **other)
    return key_of(spec, interpreter, config, has_gpu=has_gpu)


@pytest.mark.parametrize(
    "spec",
    [
        replace(SPEC, image="other"),
        replace(SPEC, variables={"A": "b"}),
        replace(SPEC, notes=("said",)),
        replace(SPEC, requirements=Requirements(("flask", "six"))),
    ],
)
def test_names_variables_notes_and_order_do_not_count(spec):
    assert key(spec) == key()


@pytest.mark.parametrize(
    "requirements",
    [
        Requirements(("six", "flask==2")),
        Requirements(("six", "flask"), constraints=("six<2",)),
        Requirements(("six", "flask"), local=(LocalPackage("package", "abc"),)),
        Requirements(("six", "flask"), options=PipOptions(index_url="https://a")),
        Requirements(("six", "flask"), options=PipOptions(pre=True)),
    ],
)
def test_everything_that_is_asked_for_counts(requirements):
    assert key(replace(SPEC, requirements=requirements)) != key()


def test_the_machine_counts():
    keys = {key(), key(has_gpu=True), key(version="3.99.0"), key(config=PipConfig(PipOptions(index_url="https://a")))}
    assert len(keys) == 4


def test_passwords_do_not_count():
    first, second = (PipConfig(PipOptions(index_url=f"https://jo:{word}@a/b")) for word in ("one", "two"))
    assert key(config=first) == key(config=second)
