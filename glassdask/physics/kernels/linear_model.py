"""A linear model that tells two classes of snapshots apart, fitted as the network is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

#: Values of C that are tried, from the strongest regularisation to the weakest.
REGULARISATIONS = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
_MOST_ITERATIONS = 10_000


class Unfit(ValueError):
    """There is nothing to fit, or nothing to choose the regularisation by."""


class LinearModel(NamedTuple):
    """What was fitted, and what it makes of each snapshot.

    Attributes
    ----------
    found : ndarray of int
        Class of each snapshot, 0 or 1, (snapshot,); -1 for one that has a NaN.
    coefficient : ndarray
        Of each feature once standardised, (feature,); positive ones speak for class 1. 0, but for
        rounding, where a feature is constant, NaN where no training snapshot has it.
    regularisation : float
        C as it was chosen.
    validation_accuracy : float
        With it.
    """

    found: np.ndarray
    coefficient: np.ndarray
    regularisation: float
    validation_accuracy: float


def classify(
    features: np.ndarray, label: np.ndarray, split: np.ndarray, names: Sequence[str] = ("0", "1")
) -> LinearModel:
    """Logistic regression on standardised features, by scikit-learn.

    Mean and spread of each feature, and the coefficients w and b, are those of the training split:
    w and b minimise |w|^2 / 2 + C sum log(1 + exp(-y (w x + b))), y = -1, 1; D. R. Cox, J. R.
    Stat. Soc. B 20, 215 (1958), with a ridge. Of `REGULARISATIONS`, the C with the highest accuracy
    on the validation split is taken, then with the lowest loss there, then the smallest, as the
    network's weights are chosen among its epochs. The test split enters nothing.

    Parameters
    ----------
    features : ndarray
        (snapshot, feature), any units. A feature that is NaN throughout the training split is left
        out, then each snapshot that has a NaN.
    label : ndarray of int
        0 or 1, (snapshot,).
    split : ndarray of str
        "train", "validation" or "test", (snapshot,).
    names : sequence of str
        Of the two classes, for errors.

    Returns
    -------
    LinearModel

    Raises
    ------
    Unfit
        When a class is missing from the training split, or the validation split is empty.
    ValueError
        When a feature is infinite.
    """
    features, label, split = np.asarray(features, dtype=float), np.asarray(label), np.asarray(split)
    if np.isinf(features).any():
        raise ValueError("features that are infinite; expected finite ones, or NaN")
    kept = ~np.isnan(features[split == "train"]).all(axis=0)
    used = features[:, kept]
    whole = ~np.isnan(used).any(axis=1) if kept.any() else np.zeros(len(features), dtype=bool)
    train, validation = (whole & (split == name) for name in ("train", "validation"))
    _check(label[train], validation, names)
    model, regularisation, accuracy = _chosen(
        used[train], label[train], used[validation], label[validation]
    )
    found = np.full(len(features), -1)
    found[whole] = model.predict(used[whole])
    coefficient = np.full(features.shape[1], np.nan)
    coefficient[kept] = model[-1].coef_[0]
    return LinearModel(found, coefficient, regularisation, accuracy)


def _check(label: np.ndarray, validation: np.ndarray, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        if not (label == number).any():
            raise Unfit(f"the train split has no {name}; expected both classes")
    if not validation.any():
        raise Unfit("the validation split is empty; expected a snapshot at least")


def _chosen(x: np.ndarray, y: np.ndarray, others: np.ndarray, theirs: np.ndarray) -> tuple:
    """The model with the best C, that C, and the accuracy on the other snapshots."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    best: tuple = ()
    for strength in REGULARISATIONS:
        regression = LogisticRegression(C=strength, max_iter=_MOST_ITERATIONS)
        model = make_pipeline(StandardScaler(), regression).fit(x, y)
        accuracy = float(model.score(others, theirs))
        rank = (accuracy, -log_loss(theirs, model.predict_proba(others), labels=[0, 1]))
        if not best or rank > best[0]:
            best = (rank, model, strength, accuracy)
    return best[1:]
