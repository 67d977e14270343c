"""Trains a reader of handwritten digits on the 1,797 pictures that scikit-learn brings along; writes ./model."""

from pathlib import Path

import joblib
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC


def main():
    images, digits = load_digits(return_X_y=True)  # 8 x 8 pixels, 0 (paper) to 16 (ink)
    train_images, test_images, train_digits, test_digits = train_test_split(images, digits, random_state=0)
    model = SVC(C=10, gamma=0.001).fit(train_images, train_digits)
    print(f"{model.score(test_images, test_digits):.1%} of {len(test_digits)} digits it had not seen were read right")

    Path("model").mkdir(exist_ok=True)
    joblib.dump(model, "model/digits.joblib")


if __name__ == "__main__":
    main()
