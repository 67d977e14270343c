"""The same as train_mlflow.py, as one wrote it for version 1 of the SDK: the run is asked for and told everything."""

import argparse
import os

import numpy as np
import torch
from azureml.core import Run
from network import KINDS, Network, classify, confusion, load, train_epoch


def main():
    arguments = parse()
    run = Run.get_context()
    run.tag("style", "v1")
    run.log("lr", arguments.lr)
    torch.manual_seed(0)
    (images, labels), (test_images, test_labels) = load(arguments.data)
    print(f"{len(images)} pictures to learn from, {len(test_images)} to be tested with", flush=True)

    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), lr=arguments.lr)
    for epoch in range(1, arguments.epochs + 1):
        loss = train_epoch(network, optimizer, images, labels)
        found = classify(network, test_images)
        accuracy = (found == test_labels).float().mean().item()
        run.log("loss", loss)
        run.log("accuracy", accuracy)
        print(f"epoch {epoch}: loss {loss:.3f}, accuracy {accuracy:.1%}", flush=True)

    os.makedirs("outputs/model", exist_ok=True)
    torch.save(network.state_dict(), "outputs/model/network.pt")
    mistakes = os.path.join(arguments.report, "confusion.csv")
    np.savetxt(mistakes, confusion(test_labels, found), fmt="%d", delimiter=",", header=",".join(KINDS), comments="")
    run.upload_file("confusion.csv", mistakes)
    run.complete()


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--report", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
