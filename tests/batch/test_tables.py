"""Tables and models of MLflow: rows handed out as DataFrames by bytes, by keys, by file, with the real pandas."""

import json
import re
import subprocess
import textwrap
import venv

import pytest

from lazulite.batch import tables
from lazulite.errors import BadRequest, NotImplementedHere

COUNTED = """
    import pandas as pd

    def run(mini_batch, mini_batch_context):
        assert list(mini_batch.columns) == {columns}, list(mini_batch.columns)
        keys = mini_batch_context.partition_key_value
        return pd.DataFrame({{
            "batch": mini_batch_context.minibatch_index,
            "key": " ".join(map(str, keys.values())),
            "a": mini_batch["a"],
        }})
"""
CSV = "a,b\n" + "".join(f"{number},{number % 3}\n" for number in range(100))


def mltable(*steps, paths=({"pattern": "./**/*.csv"},)):
    return json.dumps({"type": "mltable", "paths": list(paths), "transformations": list(steps)})


def numbers(job):
    """Returns column `a` of all rows."""
    return [int(row.rpartition(" ")[2]) for row in job.rows]


@pytest.fixture
def table(batch, pandas_python):
    def make(columns, files, **more):
        return batch(
            COUNTED.format(columns=columns),
            files,
            python=pandas_python,
            is_table=True,
            **{"mini_batch_size": 100, "workers": 1, **more},
        )

    return make


def test_a_table_is_cut_into_mini_batches_of_some_bytes_none_over_two_files(table):
    files = {"one.csv": CSV, "deep/two.csv": CSV, "MLTable": mltable({"read_delimited": {"delimiter": ","}})}
    job = table(["a", "b"], files)
    assert job.run() == 0
    assert numbers(job) == [*range(100), *range(100)]
    sizes = {}
    for row in job.rows:
        batch_number = int(row.split(" ")[0])
        sizes[batch_number] = sizes.get(batch_number, 0) + 1
    assert len(sizes) == 10 and job.progress["items_done"] == 200
    assert job.rows[0] == "0  0"  # no names, no index, a space between


def test_lines_within_quotes_are_not_cut_where_the_table_says_there_are_some(table):
    text = "a,b\n" + "".join(f'{number},"x\ny, {number}"\n' for number in range(60))
    files = {"one.csv": text, "MLTable": mltable({"read_delimited": {"support_multi_line": True}})}
    job = table(["a", "b"], files)
    assert job.run() == 0
    assert numbers(job) == list(range(60)) and job.progress["mini_batches"] > 5


@pytest.mark.parametrize(
    ("name", "text", "step", "columns"),
    [
        (
            "x.tsv",
            "1\t2\n3\t4\n",
            {"read_delimited": {"delimiter": "\t", "header": "no_header"}},
            ["Column1", "Column2"],
        ),
        ("x.jsonl", '{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', "read_json_lines", ["a", "b"]),
        (
            "x.csv",
            "a,b,c\n1,2,3\n3,4,5\n",
            {"read_delimited": {"header": "all_files_same_headers", "include_path_column": True}},
            ["a", "c", "Path"],
        ),
    ],
)
def test_tables_are_read_as_their_mltable_says(batch, pandas_python, name, text, step, columns):
    script = f"""
        def run(mini_batch):
            assert list(mini_batch.columns) == {columns}
            return mini_batch.iloc[:, 0]
    """
    steps = (step, {"drop_columns": ["b"]}) if name == "x.csv" else (step,)
    files = {name: text, "MLTable": mltable(*steps, paths=({"file": f"./{name}"},))}
    job = batch(script, files, python=pandas_python, is_table=True, workers=1)
    assert job.run() == 0
    assert job.rows == ["1", "3"]


def test_a_parquet_file_is_cut_at_its_row_groups(batch, pandas_python):
    script = "def run(mini_batch):\n    return [f'{len(mini_batch)} {one}' for one in mini_batch['a']]"
    files = {"MLTable": mltable("read_parquet", paths=({"folder": "./"},))}
    job = batch(script, files, python=pandas_python, is_table=True, mini_batch_size=500, workers=1)
    make = "import pandas; pandas.DataFrame({'a': range(300)}).to_parquet('x.parquet', row_group_size=100)"
    subprocess.run([pandas_python, "-c", make], cwd=job.order.source, check=True)
    assert job.run() == 0
    assert job.rows == [f"100 {number}" for number in range(300)]


def test_rows_are_sorted_by_partition_keys_and_run_is_told_their_values(table):
    rows = [(store, brand, number) for number in range(20) for store in (2, 1) for brand in ("b", "a")]
    text = "Store,Brand,a\n" + "".join(f"{store},{brand},{number}\n" for store, brand, number in rows)
    files = {"one.csv": text, "two.csv": text, "MLTable": mltable({"read_delimited": {}})}
    job = table(["Store", "Brand", "a"], files, partition_keys=("Store", "Brand"))
    assert job.run() == 0
    keys = [row.split(" ", 1)[1].rpartition(" ")[0].strip('"') for row in job.rows]
    assert keys == [f"{store} {brand}" for store in (1, 2) for brand in "ab" for _ in range(40)]
    assert job.progress["mini_batches"] == 4 and job.progress["items_done"] == 160


def test_a_key_that_is_no_column_is_told_before_anything_runs(table):
    files = {"one.csv": CSV, "MLTable": mltable({"read_delimited": {}})}
    job = table(["a", "b"], files, partition_keys=("Shop",))
    assert job.run() == 1
    assert "partition_keys has Shop, but one.csv has only the columns a, b." in job.result["message"]


def test_files_are_put_together_by_what_their_paths_say(batch):
    script = """
        import os

        def run(mini_batch, mini_batch_context):
            return [f"{mini_batch_context.partition_key_value} {os.path.basename(one)}" for one in mini_batch]
    """
    names = [f"user={user}/genre={genre}/{number}.txt" for user in "ba" for genre in "yx" for number in (2, 1)]
    job = batch(script, dict.fromkeys(names, "x"), partition_keys=("genre", "user"))
    assert job.run() == 0
    expected = [
        f"{{'genre': '{genre}', 'user': '{user}'}} {number}.txt" for genre in "xy" for user in "ab" for number in (1, 2)
    ]
    assert job.rows == expected and job.progress["mini_batches"] == 4


def test_an_mltable_without_a_reader_is_a_list_of_files_and_its_format_names_the_keys(batch):
    script = """
        def run(mini_batch, mini_batch_context):
            return [mini_batch_context.partition_key_value] * len(mini_batch)
    """
    table = mltable(
        {"extract_columns_from_partition_format": "/{Shop}/{Day:yyyy/MM/dd}/{file}.csv"},
        paths=({"pattern": "**/*.csv"},),
    )
    files = {"north/2026/01/02/x.csv": "", "south/2026/01/03/x.csv": "", "south/2026/01/03/x.txt": "", "MLTable": table}
    job = batch(script, files, is_table=True, partition_keys=("Shop", "Day"))
    assert job.run() == 0
    assert job.rows == ["{'Shop': 'north', 'Day': '2026/01/02'}", "{'Shop': 'south', 'Day': '2026/01/03'}"]


def test_what_is_not_done_to_tables_here_is_refused_by_name(tmp_path):
    (tmp_path / "MLTable").write_text(mltable({"read_delimited": {}}, {"filter": "col('a') > 1"}))
    with pytest.raises(NotImplementedHere, match="the transformation filter; in parallel jobs Lazulite does read_del"):
        tables.read(str(tmp_path))


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("read_delimited", "transformations that are no list"),
        ({"read_delimited": {}}, "transformations that are no list"),
        ([{}], "neither a name nor a name with its options: {}"),
        ([{"read_delimited": {}, "drop_columns": "a"}], "neither a name nor a name"),
        ([3], "neither a name nor a name with its options: 3"),
        ([{"read_delimited": ","}], "read_delimited of the input's MLTable must have options by name, but has ','"),
        (["drop_columns"], "drop_columns of the input's MLTable must have a name or a list of names, but has None"),
        ([{"keep_columns": ["a", 1]}], "must have a name or a list of names"),
        ([{"extract_columns_from_partition_format": {}}], "must have a text, as"),
        ([{"extract_columns_from_partition_format": "/{a}/{a}.csv"}], "is none: redefinition of group name 'a'"),
    ],
)
def test_transformations_that_are_none_are_told_in_words(tmp_path, steps, words):
    (tmp_path / "MLTable").write_text(json.dumps({"paths": [{"file": "x.csv"}], "transformations": steps}))
    with pytest.raises(BadRequest, match=re.escape(words)):
        tables.read(str(tmp_path))


def test_an_environment_without_pandas_is_told_so(batch, tmp_path):
    venv.create(tmp_path / "bare", symlinks=True)
    files = {"one.csv": CSV, "MLTable": mltable({"read_delimited": {}})}
    python = str(tmp_path / "bare" / "bin" / "python")
    job = batch("def run(mini_batch):\n    return mini_batch", files, python=python, is_table=True)
    assert job.run() == 1
    assert "the environment has no pandas: add it to the environment" in job.result["message"]


MODEL = """
    import mlflow, pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    class Sum(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input["x"] * 2 + model_input["y"]

    schema = Schema([ColSpec("double", "x"), ColSpec("double", "y")])
    # what it needs is named: finding that out takes MLflow most of a minute
    mlflow.pyfunc.save_model(
        "models/sum", python_model=Sum(), signature=ModelSignature(inputs=schema), pip_requirements=[]
    )
    pd.DataFrame({"x": [1, 2], "y": [3, 4]}).to_parquet("in/b.parquet")
"""


def test_a_model_of_mlflow_needs_no_script(batch, pandas_python):
    files = {
        "a.csv": "x,y\n1,10\n2,20\n",
        "c.json": '[{"x": 5, "y": 6}]',
        "d.csv": "x,y\n1,bad\n",
        "e.avro": "?",
        "f.csv": "y,x\n1,1\n",
    }
    job = batch("", files, python=pandas_python, script="", mini_batch_size=1, workers=1)
    subprocess.run([pandas_python, "-c", textwrap.dedent(MODEL)], cwd=job.root, check=True, capture_output=True)
    variables = {"AZUREML_MODEL_DIR": str(job.root / "models")}
    told = json.loads((job.root / "parallel.json").read_text())
    (job.root / "parallel.json").write_text(json.dumps({**told, "variables": variables}))
    assert job.run() == 0
    assert job.rows == [
        "0,12.0,a.csv",
        "1,24.0,a.csv",
        "0,5.0,b.parquet",
        "1,8.0,b.parquet",
        "0,16.0,c.json",
        "0,3.0,f.csv",
    ]
    told = {one["files"][0]: one["error"] for one in job.failed}
    assert "could not convert string to float: 'bad'" in told["d.csv"]["message"]
    assert "Error processing input file: 'e.avro'. File type 'avro' is not supported" in told["e.avro"]["message"]
