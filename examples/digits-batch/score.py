"""Has both deployments read the digits, waits, fetches the results and counts how many are right."""

import csv
import json
from pathlib import Path

from azure.ai.ml import Input
from azure.ai.ml.constants import AssetTypes

from deploy import ENDPOINT, connect


def main():
    ml_client = connect()
    truth = json.loads(Path("truth.json").read_text())
    for deployment, data in (("svm", "digits-unseen"), ("mlflow", "digits-tables")):
        found = ml_client.data.get(name=data, label="latest")
        job = ml_client.batch_endpoints.invoke(
            endpoint_name=ENDPOINT,
            deployment_name=deployment,
            input=Input(type=AssetTypes.URI_FOLDER, path=found.id),
        )
        ml_client.jobs.stream(job.name)
        scoring = next(iter(ml_client.jobs.list(parent_job_name=job.name)))
        to = Path("results") / deployment
        ml_client.jobs.download(name=scoring.name, download_path=to, output_name="score")
        digits = read(to / "named-outputs" / "score" / "predictions.csv")
        right = sum(digit == wanted for digit, wanted in zip(digits, truth, strict=True))
        print(f"{deployment}: {right} of {len(truth)} right, in {to}")


def read(path):
    """Returns the digits in the order of the input: what stands second in each row, whoever wrote it."""
    with path.open() as file:
        return [int(row[1]) for row in csv.reader(file)]


if __name__ == "__main__":
    main()
