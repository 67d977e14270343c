"""What shells complete, asked as they ask it."""

import subprocess
import sys

import pytest

from lazulite.cli.completion import following


@pytest.mark.parametrize(
    ("before", "begun", "words"),
    [
        (["lazulite"], "onl", ["online-deployment", "online-endpoint"]),
        (["az"], "acc", ["account"]),
        (["az", "ml"], "reg", ["registry"]),
        (["az", "ml", "component"], "s", ["share", "show"]),
        (["az", "storage"], "bl", ["blob"]),
        (["az", "storage", "blob"], "upload", ["upload", "upload-batch"]),
        (["/x/bin/az", "ml", "job", "create"], "--st", ["--stream"]),
        (["lazulite", "job", "list", "-o"], "t", ["table", "tsv"]),
        (["lazulite", "up"], "--det", ["--detach"]),
        (["az", "ml", "nothing"], "", []),
        (["lazulite", "az", "group"], "ex", ["exists"]),
    ],
)
def test_words_that_fit_are_offered(before, begun, words):
    assert following(before, begun) == words


def test_bash_completes_with_what_is_printed():
    script = f"""
    lazulite() {{ {sys.executable} -m lazulite.cli.main "$@"; }}
    eval "$(lazulite completion bash)"
    COMP_WORDS=(az ml job str); COMP_CWORD=3
    _lazulite_complete
    echo "${{COMPREPLY[@]}}"
    """
    assert subprocess.check_output(["bash", "-c", script], text=True) == "stream\n"
