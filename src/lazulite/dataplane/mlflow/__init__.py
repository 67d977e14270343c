"""The MLflow REST API, answered from the workspace's own runs and models."""

from lazulite.dataplane.mlflow import (
    artifacts,
    experiments,
    logged,
    logged_models,
    model_versions,
    registered_models,
    runs,
    server,
)

PARTS = (experiments, runs, logged, logged_models, registered_models, model_versions, artifacts, server)
