"""Bindings in commands: replaced, left out, or refused with the place."""

import pytest

from lazulite.engine.bindings import bind
from lazulite.errors import BadRequest

VALUES = {"inputs.lr": "0.1", "inputs.data": "/in/data", "outputs.model": "/out/model"}


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("python train.py", "python train.py"),
        ("train --lr ${{inputs.lr}}", "train --lr 0.1"),
        ("a ${{ inputs.data }} ${{outputs.model}}/x", "a /in/data /out/model/x"),
        ("a $[[--lr ${{inputs.lr}}]] b", "a --lr 0.1 b"),
        ("a $[[--seed ${{inputs.seed}}]] b", "a  b"),
        ("a $[[--both ${{inputs.lr}} ${{inputs.seed}}]] b", "a  b"),
        ("echo ${HOME} $((1+1)) {{x}} $[1+1]", "echo ${HOME} $((1+1)) {{x}} $[1+1]"),
    ],
)
def test_values_take_the_place_of_bindings(text, bound):
    assert bind(text, VALUES, "command") == bound


def test_a_value_that_looks_like_a_binding_is_left_as_it_is():
    assert bind("${{inputs.lr}}", {"inputs.lr": "${{inputs.other}}"}, "command") == "${{inputs.other}}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x ${{inputs.seed}}", r"\$\{\{inputs.seed\}\}.*inputs.data, inputs.lr"),
        ("x ${{outputs.other}}", "outputs.model"),
        ("x ${{input.lr}}", r"\$\{\{inputs.NAME\}\}"),
        ("x ${{search_space.lr}}", "nothing has that name"),
        ("x ${{inputs.lr}", "not closed.*character 3"),
        ("x ${{inputs lr}}", "holds a space"),
        ("x ${{", "not closed"),
    ],
)
def test_a_wrong_binding_is_refused_with_what_there_is(text, told):
    with pytest.raises(BadRequest, match=told) as refused:
        bind(text, VALUES, "command")
    assert refused.value.target == "properties.command"
