"""Has the newest requests drawn, waits, and fetches the pictures into results/."""

from azure.ai.ml import Input

from deploy import ENDPOINT
from prepare_data import DATA, connect


def main():
    ml_client = connect()
    requests = ml_client.data.get(name=DATA, label="latest")
    job = ml_client.batch_endpoints.invoke(endpoint_name=ENDPOINT, input=Input(path=requests.id))
    print(f"Job {job.name} draws version {requests.version}")
    ml_client.jobs.stream(job.name)

    scoring = next(iter(ml_client.jobs.list(parent_job_name=job.name)))
    ml_client.jobs.download(name=scoring.name, download_path="results", output_name="score")
    print("results/named-outputs/score holds predictions.csv and the pictures")


if __name__ == "__main__":
    main()
