"""The environment variables that a job's command meets: what each means and where we know it from. Sets none."""

from dataclasses import dataclass
from typing import Literal

_V1 = "azureml-core 1.61, core/run.py and _base_sdk_common: what `Run.get_context()` reads"
_MLFLOW = "mlflow 3.15 environment_variables.py; azureml-mlflow 1.62"
_DATA = "azure-ai-ml 1.35.2 constants/_job/job.py; azureml-examples cli/train-rest.sh"
_GPUS = "learn.microsoft.com/azure/machine-learning/how-to-train-distributed-gpu"
_SWEEP = "azure-ai-ml 1.35.2 entities/_job/sweep/sweep_job.py"
_IDENTITY = "azure-identity 1.27; azure-ai-ml 1.35.2 identity/_internal"
_BATCH = "learn.microsoft.com/azure/machine-learning/how-to-batch-scoring-script, how-to-deploy-model-custom-output"
_PARALLEL = "learn.microsoft.com/azure/machine-learning/v1/how-to-debug-parallel-run-step"
_RAY = "docs.ray.io, ray.init"
_SEEN = "seen in jobs on Azure: logs in public issues"


@dataclass(frozen=True)
class JobVariable:
    """One environment variable of jobs. `{name}` in its name stands for an input's or output's.

    set_for: `every` job, `each rank` of a job, the ranks of a distribution, or `none`: Azure sets it and Lazulite does
    not, for the reason that its meaning gives. A job's own environment_variables win over all of them.
    """

    name: str
    set_for: Literal[
        "every", "each rank", "PyTorch", "Mpi", "TensorFlow", "Ray", "instance", "trial", "parallel", "none"
    ]
    meaning: str
    source: str


JOB_VARIABLES = (
    JobVariable("AZUREML_RUN_ID", "every", "The job's name.", _V1),
    JobVariable("AZUREML_ROOT_RUN_ID", "every", "The name of the topmost job that it is a part of.", _V1),
    JobVariable("AZUREML_RUN_TOKEN", "every", "A bearer token for the data planes, good for 60 days.", _V1),
    JobVariable("AZUREML_RUN_TOKEN_EXPIRY", "every", "When the token expires, in seconds since 1970.", _V1),
    JobVariable("AZUREML_ARM_SUBSCRIPTION", "every", "The subscription's id.", _V1),
    JobVariable("AZUREML_ARM_RESOURCEGROUP", "every", "The resource group's name.", _V1),
    JobVariable("AZUREML_ARM_WORKSPACE_NAME", "every", "The workspace's name.", _V1),
    JobVariable("AZUREML_ARM_PROJECT_NAME", "every", "The experiment's name.", _V1),
    JobVariable("AZUREML_EXPERIMENT_ID", "every", "The experiment's id.", _V1),
    JobVariable("AZUREML_EXPERIMENT_SCOPE", "every", "The experiment's ARM id.", _SEEN),
    JobVariable("AZUREML_WORKSPACE_ID", "every", "The workspace's GUID.", _V1),
    JobVariable("AZUREML_WORKSPACE_SCOPE", "every", "The workspace's ARM id.", _SEEN),
    JobVariable("AZUREML_SERVICE_ENDPOINT", "every", "The base address of run history.", _V1),
    JobVariable("AZUREML_DISCOVERY_SERVICE_ENDPOINT", "every", "Where the other services' addresses are told.", _V1),
    JobVariable("AZUREML_NODE_COUNT", "every", "resources.instance_count.", _SEEN),
    JobVariable("AZUREML_COMMUNICATOR", "every", "None, Gloo, OpenMpi or ParameterServer.", _V1),
    JobVariable("AZUREML_LOGDIRECTORY_PATH", "every", "The folder that ./logs leads to.", _SEEN),
    JobVariable("AZUREML_CR_EXECUTION_WORKING_DIR_PATH", "every", "The working directory, a copy of the code.", _SEEN),
    JobVariable("MLFLOW_TRACKING_URI", "every", "This workspace: `azureml://` where azureml-mlflow is there.", _MLFLOW),
    JobVariable("MLFLOW_TRACKING_TOKEN", "every", "The same token as AZUREML_RUN_TOKEN.", _MLFLOW),
    JobVariable("MLFLOW_RUN_ID", "every", "The job's name: what is logged belongs to the job.", _MLFLOW),
    JobVariable("MLFLOW_EXPERIMENT_ID", "every", "The experiment's id.", _MLFLOW),
    JobVariable("MLFLOW_EXPERIMENT_NAME", "every", "The experiment's name.", _MLFLOW),
    JobVariable("DEFAULT_IDENTITY_CLIENT_ID", "every", "Which identity the job has.", _IDENTITY),
    JobVariable("AZURE_ML_INPUT_{name}", "every", "An input: its value, or the path or URI of its data.", _DATA),
    JobVariable("AZURE_ML_OUTPUT_{name}", "every", "An output's path, or its URI in mode direct.", _DATA),
    JobVariable("AZUREML_PARAMETER_{name}", "every", "A literal input, as SDK v1 calls it.", _DATA),
    JobVariable("AZUREML_DATAREFERENCE_{name}", "every", "Any other input or output, as SDK v1 calls it.", _DATA),
    JobVariable("PYTHONUNBUFFERED", "every", "1: what Python prints is in the log at once.", "docs.python.org"),
    JobVariable("LAZULITE_JOB_FOLDER", "every", "The job's folder; by it what a job left behind is found.", "Lazulite"),
    JobVariable("AZUREML_CR_NODE_RANK", "each rank", "The node's number, from 0.", _SEEN),
    JobVariable("AZUREML_PROCESS_NAME", "each rank", "`rank_0`, `rank_1`, ...", _SEEN),
    JobVariable("NODE_RANK", "PyTorch", "The node's number, from 0.", _GPUS),
    JobVariable("RANK", "PyTorch", "The process's number among all, from 0.", _GPUS),
    JobVariable("LOCAL_RANK", "PyTorch", "The process's number on its node, from 0.", _GPUS),
    JobVariable("WORLD_SIZE", "PyTorch", "How many processes there are.", _GPUS),
    JobVariable("LOCAL_WORLD_SIZE", "PyTorch", "How many processes there are on each node.", _GPUS),
    JobVariable("MASTER_ADDR", "PyTorch", "127.0.0.1: all nodes are this machine.", _GPUS),
    JobVariable("MASTER_PORT", "PyTorch", "A port that was free when the job began.", _GPUS),
    JobVariable("NODE_RANK", "Mpi", "The node's number, from 0.", _GPUS),
    JobVariable("OMPI_COMM_WORLD_RANK", "Mpi", "The process's number among all, from 0.", _GPUS),
    JobVariable("OMPI_COMM_WORLD_SIZE", "Mpi", "How many processes there are.", _GPUS),
    JobVariable("OMPI_COMM_WORLD_LOCAL_RANK", "Mpi", "The process's number on its node, from 0.", _GPUS),
    JobVariable("OMPI_COMM_WORLD_LOCAL_SIZE", "Mpi", "How many processes there are on each node.", _GPUS),
    JobVariable("AZ_BATCH_MASTER_NODE", "Mpi", "127.0.0.1 and a port that was free when the job began.", _GPUS),
    JobVariable("AZ_BATCHAI_MPI_MASTER_NODE", "Mpi", "127.0.0.1.", _GPUS),
    JobVariable("AZ_BATCH_HOST_LIST", "Mpi", "127.0.0.1 for each node.", _SEEN),
    JobVariable("MASTER_ADDR", "Mpi", "127.0.0.1: all nodes are this machine.", _GPUS),
    JobVariable("MASTER_PORT", "Mpi", "A port that was free when the job began.", _GPUS),
    JobVariable("NODE_RANK", "TensorFlow", "The task's number, workers first.", _GPUS),
    JobVariable(
        "TF_CONFIG", "TensorFlow", "JSON: the addresses of all workers and servers, and which one it is.", _GPUS
    ),
    JobVariable("CI_NAME", "instance", "The compute instance's name.", _SEEN),
    JobVariable("AZUREML_SWEEP_{name}", "trial", "The value of a parameter of the search space.", _SWEEP),
    JobVariable(
        "AZUREML_BI_OUTPUT_PATH",
        "parallel",
        "Where a batch script writes files of its own; each worker has the folder to itself until a mini-batch ends.",
        _BATCH,
    ),
    JobVariable("AZUREML_MODEL_DIR", "parallel", "The folder that contains the model's own folder or file.", _BATCH),
    JobVariable(
        "CUDA_VISIBLE_DEVICES", "parallel", "On a machine with GPUs: the one that is the worker's own.", _PARALLEL
    ),
    JobVariable("RAY_ADDRESS", "Ray", "Where the head of the job's cluster listens: `ray.init()` needs no more.", _RAY),
    JobVariable("LAZULITE_AUTOML", "trial", "Of AutoML: what is trained, and how, as JSON.", "Lazulite"),
    JobVariable("AZUREML_RUN_TOKEN_PASS", "none", "The token is not encrypted.", _V1),
    JobVariable("AZUREML_RUN_TOKEN_RAND", "none", "The token is not encrypted.", _V1),
    JobVariable("AZUREML_JOB_TASK_ERROR_PATH", "none", "Errors are read from the log.", _SEEN),
    JobVariable("AZUREML_IDENTITY_IN_USE", "none", "Nothing here depends on it.", _V1),
    JobVariable("AZUREML_DATAPREP_TOKEN_PROVIDER", "none", "DefaultAzureCredential finds a token.", _SEEN),
)
