"""Trains the network and tracks it with MLflow; the model goes to outputs/model, a table of mistakes to --report."""

import argparse
import os

import mlflow
import numpy as np
import torch
from network import KINDS, Network, classify, confusion, load, train_epoch


def main():
    arguments = parse()
    mlflow.log_params({"lr": arguments.lr, "epochs": arguments.epochs})
    torch.manual_seed(0)
    (images, labels), (test_images, test_labels) = load(arguments.data)
    print(f"{len(images)} pictures to learn from, {len(test_images)} to be tested with", flush=True)

    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), lr=arguments.lr)
    for epoch in range(1, arguments.epochs + 1):
        loss = train_epoch(network, optimizer, images, labels)
        found = classify(network, test_images)
        accuracy = (found == test_labels).float().mean().item()
        mlflow.log_metrics({"loss": loss, "accuracy": accuracy}, step=epoch)
        print(f"epoch {epoch}: loss {loss:.3f}, accuracy {accuracy:.1%}", flush=True)

    os.makedirs("outputs/model", exist_ok=True)
    torch.save(network.state_dict(), "outputs/model/network.pt")
    mistakes = os.path.join(arguments.report, "confusion.csv")
    np.savetxt(mistakes, confusion(test_labels, found), fmt="%d", delimiter=",", header=",".join(KINDS), comments="")
    mlflow.log_artifact(mistakes)


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--report", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
