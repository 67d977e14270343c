"""One port for each test that asks for it."""

import pytest

from tests.front import running


@pytest.fixture
def front(tmp_path):
    with running(tmp_path / "home") as front:
        yield front
