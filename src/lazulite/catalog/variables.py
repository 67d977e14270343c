"""The environment variables that a scoring script meets: what each means, who sets it, and our defaults as data."""

import re
from dataclasses import dataclass
from typing import Literal

_SERVER = "azureml-inference-server-http 1.5.1, server/config.py and constants.py"
_GUIDE = "learn.microsoft.com/azure/machine-learning/how-to-deploy-online-endpoints"
_ADVANCED = "learn.microsoft.com/azure/machine-learning/how-to-inference-server-http"
_MLFLOW = "github.com/Azure/azureml-assets, mlflow_score_script.py of the mlflow-*-inference images"
_MDC = "azureml-ai-monitoring 1.0.0, config/config.py"


@dataclass(frozen=True)
class Variable:
    """One environment variable of an online deployment's workers.

    set_by: `platform`, a deployment's own environment_variables may say otherwise; `user`, unset unless they do;
    `ignored`, Azure's server reads it and Lazulite does not, for the reason that its meaning gives.
    """

    name: str
    set_by: Literal["platform", "user", "ignored"]
    meaning: str
    source: str


VARIABLES = (
    Variable("AML_APP_ROOT", "platform", "The folder that holds the code's folder; the working directory.", _SERVER),
    Variable("AZUREML_ENTRY_SCRIPT", "platform", "The scoring script, relative to AML_APP_ROOT.", _SERVER),
    Variable("AZUREML_SOURCE_DIRECTORY", "platform", "The code's folder; it can be imported from.", _SERVER),
    Variable("AZUREML_MODEL_DIR", "platform", "The folder that contains the model's own folder or file.", _GUIDE),
    Variable("SERVICE_NAME", "platform", "The endpoint's name; the title in /swagger.json.", _SERVER),
    Variable("SERVICE_VERSION", "user", "The version in /swagger.json, 1.0 by default.", _SERVER),
    Variable("SERVICE_PATH_PREFIX", "user", "Put before the paths in /swagger.json.", _SERVER),
    Variable("WORKSPACE_NAME", "platform", "The workspace's name.", _SERVER),
    Variable("SCORING_TIMEOUT_MS", "platform", "request_timeout_ms; the gateway keeps to it.", _SERVER),
    Variable("WORKER_COUNT", "user", "Worker processes per instance.", _SERVER),
    Variable(
        "AZUREML_LOG_LEVEL",
        "user",
        "The level from which the root logger shows what scripts log: INFO by default, WARNING on Azure.",
        _SERVER,
    ),
    Variable("AML_CORS_ORIGINS", "user", "Origins whose pages may call the endpoint, with commas between.", _SERVER),
    Variable(
        "HTTP_X_MS_SERVER_VERSION", "platform", "Sent with every answer as x-ms-server-version; empty: not.", _SERVER
    ),
    Variable("VIRTUAL_ENV", "platform", "The environment's folder; its programs come first on PATH.", _GUIDE),
    Variable("OMP_NUM_THREADS", "platform", "Threads per worker: its share of the instance's cores.", "docs/bench.md"),
    Variable(
        "OMP_WAIT_POLICY",
        "platform",
        "PASSIVE: a thread that waits for others leaves its core to them.",
        "OpenMP 5.2, chapter 21",
    ),
    Variable("MALLOC_MMAP_MAX_", "platform", "0: freed memory is kept for the next request.", "mallopt(3)"),
    Variable("MALLOC_TRIM_THRESHOLD_", "platform", "4 GiB: up to here freed memory is kept.", "mallopt(3)"),
    Variable("MALLOC_TOP_PAD_", "platform", "64 MiB: memory is asked for in pieces of this size.", "mallopt(3)"),
    Variable(
        "MLFLOW_MODEL_FOLDER",
        "platform",
        "Of an MLflow model without a script: its folder in AZUREML_MODEL_DIR.",
        _MLFLOW,
    ),
    Variable(
        "AZUREML_MDC_CONFIG_PATH", "platform", "What data_collector asks for: collections, sampling, folders.", _MDC
    ),
    Variable("AZUREML_MDC_HOST", "platform", "Where azureml-ai-monitoring sends what it collects: the worker.", _MDC),
    Variable("AZUREML_MDC_PORT", "platform", "The same worker's port.", _MDC),
    Variable("ENABLE_MDC", "platform", "true where data_collector is set: MLflow models are collected from.", _MLFLOW),
    Variable("LAZULITE_CONTAINER", "platform", "Of an image with a server of its own: what runs it.", "Lazulite"),
    Variable("LAZULITE_SCORING_PATH", "platform", "Of such an image: where its server takes scores.", "Lazulite"),
    Variable("WORKER_TIMEOUT", "ignored", "How long a worker may take to start: the startup probe says so.", _SERVER),
    Variable("SERVER_PORT", "ignored", "A worker listens on a unix socket.", _SERVER),
    Variable("HEALTH_PORT", "ignored", "The gateway answers health probes on the scoring port.", _SERVER),
    Variable("AML_APP_INSIGHTS_ENABLED", "ignored", "No telemetry leaves the machine; logs hold it.", _SERVER),
    Variable("AML_APP_INSIGHTS_KEY", "ignored", "No telemetry leaves the machine; logs hold it.", _SERVER),
    Variable("AML_MODEL_DC_STORAGE_ENABLED", "ignored", "Azure's server no longer collects by it either.", _SERVER),
    Variable("AZUREML_CONFIG_FILE", "ignored", "Variables come from the deployment alone.", _ADVANCED),
    Variable("AZUREML_DEBUG_PORT", "ignored", "Azure's server waits for a debugger there.", _ADVANCED),
)

# On machines where page faults are dear, memory that is given back and taken anew dominates: these three made a
# training step of torch 4.6 times, a fit of Keras 2.8 times faster.
MEMORY_DEFAULTS = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(4 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
}

# What user code is given of the platform's own environment: what any program needs, and which devices it may see.
# Nothing else, so that a script finds here what it finds on Azure.
INHERITED = re.compile(
    "HOME|USER|LOGNAME|SHELL|TMPDIR|TZ|LANG|LANGUAGE|LC_[A-Z]+|LD_LIBRARY_PATH"
    "|CUDA_[A-Z_]+|NVIDIA_[A-Z_]+|HIP_[A-Z_]+|ROCR_[A-Z_]+"
)
