"""Pipelines, components and registries by `az ml` in bash alone, as story 004's scripts have them."""

import uuid

import pytest

from tests.cli.conftest import Cli
from tests.conftest import SUBSCRIPTION

COMPONENT = """\
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
name: count_{suffix}
version: 1
type: command
inputs:
  upto: {{type: integer, default: 2}}
outputs:
  numbers: {{type: uri_folder}}
code: ./src
environment: {{image: "python:3.11"}}
command: python count.py ${{{{inputs.upto}}}} ${{{{outputs.numbers}}}}
"""
PIPELINE = """\
type: pipeline
display_name: counting
settings: {{default_compute: azureml:serverless}}
inputs: {{upto: 3}}
outputs: {{numbers: {{type: uri_folder}}}}
jobs:
  count:
    type: command
    component: azureml://registries/{registry}/components/count_{suffix}/versions/1
    inputs: {{upto: "${{{{parent.inputs.upto}}}}"}}
    outputs: {{numbers: "${{{{parent.outputs.numbers}}}}"}}
  show:
    type: command
    command: cat ${{{{inputs.numbers}}}}/numbers.txt
    environment: {{image: "python:3.11"}}
    inputs: {{numbers: "${{{{parent.jobs.count.outputs.numbers}}}}"}}
"""
SCRIPT = """\
set -euo pipefail
az extension add --name ml --yes 2>/dev/null || true
az account set --subscription "$SUBSCRIPTION"
az configure --defaults group=shared-group workspace="$WORKSPACE" location=eastus
az group create --name shared-group --output none
az ml workspace create --name "$WORKSPACE" --output none
az ml registry create --file registry.yml --output none
for file in count.yml; do az ml component create --file $file --registry-name "$REGISTRY" --output none; done
az ml component show --name "$COMPONENT" --label latest --registry-name "$REGISTRY" --query id -o tsv
az ml component create -f count.yml --version 5 --query version -o tsv
echo 'print("changed")' >> src/count.py
if az ml component create -f count.yml --version 5 2>refused.txt; then exit 9; fi
grep -q "count.py changed" refused.txt
az ml component create -f count.yml --version 5 --bump --query version -o tsv
JOB=$(az ml job create --file pipeline.yml --set inputs.upto=4 --query name -o tsv)
az ml job stream --name "$JOB" > stream.txt
STATUS=$(az ml job show -n "$JOB" --query status -o tsv)
[[ $STATUS == "Completed" ]] && echo "Job completed"
az ml job list --parent-job-name "$JOB" --query "length(@)"
az ml job download -n "$JOB" --output-name numbers --download-path got >/dev/null 2>&1
cat got/named-outputs/numbers/numbers.txt
az ml job why -n "$JOB" | sort
az ml model create --name counted --version 1 --path "azureml://jobs/$JOB/outputs/numbers" --query version -o tsv
az ml model share -n counted -v 1 --registry-name "$REGISTRY" --query id -o tsv
az ml model list --registry-name "$REGISTRY" --query "[].name" -o tsv
az ml component archive --name "$COMPONENT"
az ml component list --query "length([?name=='$COMPONENT'])"
az ml component restore --name "$COMPONENT"
az ml component update -n "$COMPONENT" -v 5 --set tags.stage=test description="Counts" --query "tags.stage" -o tsv
az ml job show -n no-such-job 2>/dev/null || echo "exit $?"
"""


@pytest.fixture
def folder(tmp_path):
    suffix = uuid.uuid4().hex[:8]
    names = {"suffix": suffix, "registry": f"reg{suffix}"}
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "count.py").write_text(
        "import pathlib, sys\n"
        "text = ''.join(f'{n}\\n' for n in range(int(sys.argv[1])))\n"
        "pathlib.Path(sys.argv[2], 'numbers.txt').write_text(text)\n"
        "print('counted to', sys.argv[1])\n"
    )
    (tmp_path / "count.yml").write_text(COMPONENT.format(**names))
    (tmp_path / "pipeline.yml").write_text(PIPELINE.format(**names))
    (tmp_path / "registry.yml").write_text(
        f"name: reg{suffix}\nlocation: eastus\nreplication_locations: [{{location: eastus}}]\n"
    )
    (tmp_path / "run.sh").write_text(SCRIPT)
    return tmp_path, suffix


def test_a_script_publishes_components_runs_a_pipeline_and_shares_its_model(platform, folder, tmp_path):
    where, suffix = folder
    variables = {
        "SUBSCRIPTION": SUBSCRIPTION,
        "WORKSPACE": f"ws-{suffix}",
        "REGISTRY": f"reg{suffix}",
        "COMPONENT": f"count_{suffix}",
    }
    cli = Cli(platform)
    done = cli.run("run", "--", "bash", "-c", "export AZURE_CONFIG_DIR=$PWD/azure; . ./run.sh", cwd=where,
                   env={**cli.environ, **variables}, timeout=150)  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.splitlines() == [
        f"azureml://registries/reg{suffix}/components/count_{suffix}/versions/1",
        "5",
        "6",
        "Job completed",
        "2",
        *"0123",
        "count (Completed): no job of this step has run before",
        "show (Completed): no job of this step has run before",
        "1",
        f"azureml://registries/reg{suffix}/models/counted/versions/1",
        "counted",
        "0",
        "test",
        "exit 3",
    ]
    streamed = (where / "stream.txt").read_text()
    assert "[count] counted to 4\n" in streamed and "[show] 3\n" in streamed
    assert "Streaming logs/azureml/executionlogs.txt" in streamed and "Execution Summary" in streamed
