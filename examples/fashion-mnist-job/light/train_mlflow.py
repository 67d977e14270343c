"""Trains a network of scikit-learn's, while MLflow looks on; the model goes to outputs/model, mistakes to --report."""

import argparse
import os
import warnings

import joblib
import mlflow
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import confusion_matrix
from sklearn.neural_network import MLPClassifier

KINDS = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def main():
    arguments = parse()
    mlflow.sklearn.autolog(log_models=False, silent=True)
    warnings.simplefilter("ignore", ConvergenceWarning)  # a few epochs do not reach the end, and need not
    with np.load(arguments.data) as arrays:
        images, labels, test_images, test_labels = (
            arrays[name] for name in ("train_images", "train_labels", "test_images", "test_labels")
        )
    print(f"{len(images)} pictures to learn from, {len(test_images)} to be tested with", flush=True)

    with mlflow.start_run():
        network = MLPClassifier((64,), learning_rate_init=arguments.lr, max_iter=arguments.epochs, verbose=True)
        network.fit(images.reshape(-1, 784) / 255, labels)
        found = network.predict(test_images.reshape(-1, 784) / 255)
        accuracy = float((found == test_labels).mean())
        mlflow.log_metric("accuracy", accuracy)
        print(f"accuracy {accuracy:.1%}", flush=True)

        os.makedirs("outputs/model", exist_ok=True)
        joblib.dump(network, "outputs/model/network.joblib")
        mistakes = os.path.join(arguments.report, "confusion.csv")
        table = confusion_matrix(test_labels, found)
        np.savetxt(mistakes, table, fmt="%d", delimiter=",", header=",".join(KINDS), comments="")
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
