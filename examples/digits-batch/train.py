"""Trains a reader of handwritten digits on pictures that scikit-learn brings along.

Writes the model in two forms, `model/` for a scoring script and `mlflow_model/` for none, and the 450 digits that it
has not seen in two forms as well: `data/` with a JSON file for each, and `tables/` with a hundred to a CSV file.
"""

import json
import shutil
from pathlib import Path

import joblib
import mlflow.sklearn
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC


def main():
    images, digits = load_digits(return_X_y=True)  # 8 x 8 pixels, 0 (paper) to 16 (ink)
    train_images, test_images, train_digits, test_digits = train_test_split(images, digits, random_state=0)
    model = SVC(C=10, gamma=0.001).fit(train_images, train_digits)
    print(f"{model.score(test_images, test_digits):.1%} of {len(test_digits)} digits it had not seen were read right")

    for folder in ("model", "mlflow_model", "data", "tables"):
        shutil.rmtree(folder, ignore_errors=True)
    Path("model").mkdir()
    joblib.dump(model, "model/digits.joblib")
    table = pd.DataFrame(test_images, columns=[f"pixel{number}" for number in range(64)])
    mlflow.sklearn.save_model(
        model,
        "mlflow_model",
        serialization_format="cloudpickle",
        signature=mlflow.models.infer_signature(table, model.predict(test_images)),
        pip_requirements=["mlflow-skinny==3.15.0", "pandas==2.3.3", "scikit-learn==1.7.2", "numpy==2.2.6"],
    )
    write(test_images, table)
    Path("truth.json").write_text(json.dumps(test_digits.tolist()))


def write(images, table):
    """Writes the digits to be read: one to a file, and a hundred to a file."""
    Path("data").mkdir()
    for number, image in enumerate(images):
        Path(f"data/{number:03}.json").write_text(json.dumps({"image": image.reshape(8, 8).astype(int).tolist()}))
    Path("tables").mkdir()
    for first in range(0, len(table), 100):
        table[first : first + 100].to_csv(f"tables/from{first:03}.csv", index=False)


if __name__ == "__main__":
    main()
