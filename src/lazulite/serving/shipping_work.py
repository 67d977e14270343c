"""What of jobs, schedules, batches, computes and data works here and would not on Azure. Pure."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from lazulite.ids import child_name
from lazulite.serving.shipped import DOCS, Body, Named, Shipped, Trouble

_REGISTRY = re.compile(r"azureml://registries/(?P<name>[^/]+)/", re.IGNORECASE)
# Registries that are Azure's own.
_AZURES = re.compile(r"azureml|azureml-\w+|huggingface", re.IGNORECASE)
_RESOURCE = re.compile(r"/subscriptions/", re.IGNORECASE)
_URIS = f"{DOCS}how-to-read-write-data-v2"
_INSTANCE_CHARACTERS = range(3, 25)
_CODE_BYTES, _CODE_FILES = 300 << 20, 2000
_BATCH_NEEDS = ("azureml-core", "azureml-defaults")
_HERE = ("localhost", "127.0.0.1", "::1")


def troubles(shipped: Shipped) -> Iterator[Trouble]:
    """Yields what would not ship of each kind of resource."""
    for compute in shipped.computes:
        yield from _compute(compute)
    for job in shipped.jobs:
        yield from _job(shipped, job)
    for schedule in shipped.schedules:
        yield from _schedule(schedule)
    for endpoint, body in shipped.batch_deployments:
        yield from _batch(shipped, f"{endpoint}/{body['name']}", body["properties"])
    for datastore in shipped.datastores:
        yield from _datastore(shipped, datastore)
    for one in shipped.data:
        yield from _uri("data", one.name, str(one.properties.get("dataUri") or ""))
    for name, folder in shipped.codes.items():
        if folder.files > _CODE_FILES or folder.size_bytes > _CODE_BYTES:
            said = f"It has {folder.files:,} files, {folder.size_bytes:,} bytes; snapshots have 2,000 and 300 MB."
            fix = "Leave data out of it by an .amlignore file, and register that as data."
            yield Trouble("code", name, said, fix, f"{DOCS}how-to-save-write-experiment-files", is_refused=False)


def _compute(compute: Named) -> Iterator[Trouble]:
    kind = compute.properties.get("computeType")
    if kind == "ComputeInstance" and len(compute.name) not in _INSTANCE_CHARACTERS:
        said = f"Names of compute instances have 3 to 24 characters; this one has {len(compute.name)}."
        yield Trouble("compute", compute.name, said, "Rename it.", f"{DOCS}how-to-create-compute-instance")
    if kind in ("Kubernetes", "AKS"):
        said = "It stands for a cluster of Kubernetes, which must be there and have Azure's extension."
        fix = "Attach one of that name: az ml compute attach --type Kubernetes."
        source = f"{DOCS}how-to-attach-kubernetes-anywhere"
        yield Trouble("compute", compute.name, said, fix, source, is_refused=False)


def _job(shipped: Shipped, job: Named) -> Iterator[Trouble]:
    for told in job.told:
        fix = "See the job's page, and whether it matters there."
        yield Trouble("job", job.name, told, fix, f"{DOCS}how-to-train-model", is_refused=False)
    task = (job.properties.get("parallel") or {}).get("task") or {}
    # A batch by an MLflow model alone has an environment that was made here, and a script that logs nothing.
    is_made_here = "model" in task and not task.get("entry_script")
    used = shipped.environments.get("" if is_made_here else str(job.properties.get("environmentId") or ""))
    if used and not used.has_any("azureml-mlflow") and used.has_any("mlflow", "mlflow-skinny"):
        said = "It has mlflow without azureml-mlflow: there, what a job logs is refused as of an unknown scheme."
        yield Trouble("environment", used.label, said, "Add azureml-mlflow to it.", f"{DOCS}how-to-use-mlflow-cli-runs")
    for name, one in (job.properties.get("inputs") or {}).items():
        yield from _uri("job", f"{job.name}, input {name}", str((one or {}).get("uri") or ""))


def _schedule(schedule: Named) -> Iterator[Trouble]:
    trigger = schedule.properties.get("trigger") or {}
    fields = str(trigger.get("expression") or "").split()
    if trigger.get("triggerType") == "Cron" and len(fields) == 5 and (fields[2] != "*" or fields[3] != "*"):
        said = f'Azure takes no notice of DAYS and MONTHS in "{" ".join(fields)}": it would tick every day.'
        fix = "Use a recurrence by months, or have the job look at the date."
        yield Trouble("schedule", schedule.name, said, fix, f"{DOCS}how-to-schedule-pipeline-job")


def _batch(shipped: Shipped, where: str, properties: Body) -> Iterator[Trouble]:
    source = f"{DOCS}how-to-use-batch-model-deployments"
    used = shipped.environments.get(str(properties.get("environmentId") or ""))
    if used and properties.get("codeConfiguration") and not used.has_any(*_BATCH_NEEDS):
        said = f"Environment {used.label} lacks the packages by which Azure runs batches."
        yield Trouble(
            "batch deployment", where, said, "Add azureml-core and azureml-dataset-runtime[fuse] to it.", source
        )
    name = child_name(str(properties.get("compute") or ""), "computes").lower()
    kinds = {one.name.lower(): one.properties.get("computeType") for one in shipped.computes}
    if kinds.get(name, "AmlCompute") not in ("AmlCompute", "Kubernetes"):
        said = f"Batches run on clusters, AmlCompute or Kubernetes; {name} is {kinds[name]}."
        yield Trouble("batch deployment", where, said, "Name a cluster.", source)


def _datastore(shipped: Shipped, datastore: Named) -> Iterator[Trouble]:
    properties = datastore.properties
    if properties.get("datastoreType") == "AzureDataLakeGen1":
        said = "Azure Data Lake Storage Gen1 was retired on 29 February 2024."
        yield Trouble("datastore", datastore.name, said, "Move to Gen2.", f"{DOCS}concept-data")
    account = str(properties.get("accountName") or "")
    if not properties.get("isLocal") and account.lower() in shipped.local_accounts:
        said = f"Account {account} is on this machine: on Azure it needs to exist, with what is in it."
        fix = "az storage account create, then azcopy copy from here."
        yield Trouble("datastore", datastore.name, said, fix, f"{DOCS}how-to-datastore", is_refused=False)


def registry(what: str, where: str, reference: str) -> Iterator[Trouble]:
    """Yields what is wrong with a reference into a registry of this machine."""
    found = _REGISTRY.match(reference)
    if found and not _AZURES.fullmatch(found["name"]):
        said = f'Registry "{found["name"]}" is this machine\'s, and so is what it holds.'
        fix = "Make one there (az ml registry create), and share into it."
        yield Trouble(what, where, said, fix, f"{DOCS}how-to-share-models-pipelines-across-workspaces-with-registries")


def _uri(what: str, where: str, named: str) -> Iterator[Trouble]:
    """Yields what is wrong with a place where data is said to be: a file, or a registry, of this machine."""
    yield from registry(what, where, named)
    try:
        parts = urlsplit(named)
    except ValueError:
        return
    if parts.scheme == "file" or (named.startswith("/") and not _RESOURCE.match(named)):
        said = f"{named} is a file of this machine."
        yield Trouble(what, where, said, "Register it as data: az ml data create --path.", _URIS)
    elif parts.scheme in ("http", "https") and parts.hostname in _HERE:
        yield Trouble(
            what, where, f"{named.partition('?')[0]} leads to this machine.", "Upload it to a datastore.", _URIS
        )
