"""What `--query` and `--output` print, as az prints it."""

import json

import pytest

from lazulite.cli import output
from lazulite.cli.grammar import Misuse

ARM_ID = "/subscriptions/s/resourceGroups/team/providers/Microsoft.MachineLearningServices/workspaces/w/computes/c"
ROWS = [
    {"name": "b", "size": 3, "tags": {"x": "y"}, "id": "hidden", "on": True, "none": None},
    {"name": "a", "size": 2, "list": [1, 2], "id": "hidden", "on": False},
]


def test_json_sorts_names_and_keeps_letters_beyond_ascii():
    assert output.render({"b": 1, "a": "ü"}, None, None) == '{\n  "a": "ü",\n  "b": 1\n}\n'


def test_text_is_json_too_and_bare_in_tsv():
    assert output.render("line\nnext", "json", None) == '"line\\nnext"\n'
    assert output.render("line\nnext", "tsv", None) == "line\nnext\n"


def test_every_arm_id_gets_its_resource_group_beside_it():
    shown = json.loads(output.render([{"id": ARM_ID}, {"id": f"azureml:{ARM_ID}"}, {"id": "short"}], "json", None))
    assert [row.get("resourceGroup") for row in shown] == ["team", "team", None]
    assert output.render({"id": ARM_ID}, "tsv", "resourceGroup") == "team\n"


def test_a_resource_group_that_is_there_stays():
    assert json.loads(output.render({"id": ARM_ID, "resourceGroup": "other"}, "json", None))["resourceGroup"] == "other"


def test_table_has_scalar_columns_only_sorted_and_headed():
    assert output.render(ROWS, "table", None).splitlines() == [
        "Name  On     Size",
        "----  -----  ----",
        "b     True   3",
        "a     False  2",
    ]


def test_table_of_a_query_keeps_the_order_of_the_query():
    assert output.render(ROWS, "table", "[].{Size: size, Name: name}").splitlines()[0] == "Size  Name"


def test_table_leaves_out_what_is_too_wide_unless_a_query_asks_for_it():
    rows = [{"name": "a", "uri": "x" * 61}]
    assert output.render(rows, "table", None).split() == ["Name", "----", "a"]
    assert "x" * 61 in output.render(rows, "table", "[].{Uri: uri}")


def test_table_of_nothing_is_nothing():
    assert output.render([], "table", None) == ""


def test_tsv_sorts_columns_and_counts_lists():
    assert output.render({"b": [1, 2, 3], "a": "x", "c": {"d": 1}}, "tsv", None) == "x\t3\t\n"


def test_tsv_of_a_query_keeps_its_order_and_spells_truth_in_lower_case():
    assert output.render(ROWS, "tsv", "[].{n: name, i: id}") == "b\thidden\na\thidden\n"
    assert output.render(ROWS, "tsv", "[].on") == "true\nfalse\n"
    assert output.render(ROWS, "tsv", "[0].name") == "b\n"


def test_yaml_is_block_style():
    assert output.render({"a": [1, {"b": 2}]}, "yaml", None) == "a:\n- 1\n- b: 2\n"
    assert output.render(ROWS, "yaml", "[].{n: name}") == "- n: b\n- n: a\n"


@pytest.mark.parametrize("form", ["json", "yaml", "table", "tsv", "none"])
def test_what_a_query_does_not_find_prints_nothing(form):
    assert output.render({"a": 1}, form, "b") == ""


def test_a_query_that_is_none_is_refused_with_its_place():
    with pytest.raises(Misuse, match="JMESPath"):
        output.render({"a": 1}, None, "a[")
