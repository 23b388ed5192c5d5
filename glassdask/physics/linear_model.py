"""Linear classification of snapshots into two classes, a baseline for the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import need_dims, text_values
from glassdask.physics.labelled import labelled

#: Candidate values of C, from the strongest regularisation to the weakest.
REGULARISATIONS = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
_MOST_ITERATIONS = 10_000


class Unfit(BadArgument):
    """A class is missing from the training split, or the validation split is empty."""


class LinearModel(NamedTuple):
    """A fitted model and its classifications.

    Attributes
    ----------
    predicted : ndarray of int
        Predicted class of each snapshot, 0 or 1, (snapshot,); -1 if it has a NaN.
    coefficient : ndarray
        Coefficient of each standardised feature, (feature,); positive ones favour class 1. 0,
        except for rounding, for a constant feature; NaN for one that is NaN in all training
        snapshots.
    regularisation : float
        The chosen C.
    validation_accuracy : float
        Accuracy on the validation split.
    """

    predicted: np.ndarray
    coefficient: np.ndarray
    regularisation: float
    validation_accuracy: float


def linear_classifier(
    features: xr.DataArray, label: xr.DataArray, split: xr.DataArray
) -> xr.Dataset:
    """Classify snapshots into two classes by a linear model of their features.

    It is a logistic regression on standardised features, by scikit-learn, as a baseline for a
    network. Features are standardised by their mean and standard deviation in the training split,
    and w and b are fitted there: they minimise |w|^2 / 2 + C sum log(1 + exp(-y (w x + b))),
    y = -1, 1; D. R. Cox, J. R. Stat. Soc. B 20, 215 (1958), with an L2 penalty. The C of
    `REGULARISATIONS` with the highest validation accuracy is chosen; among equals, that with the
    lowest validation loss, then the smallest. The test split is not used. The arguments are loaded
    into memory.

    Parameters
    ----------
    features : DataArray
        Such as `gd.radial_distribution(ds)`. The dimensions of `label` and `split` number the
        snapshots; all other dimensions number the features. A feature that is NaN in the complete
        training split is left out, and then each snapshot with a NaN.
    label : DataArray
        Class of each snapshot, such as `ds.state`; two values.
    split : DataArray
        "train", "validation" or "test", such as `ds.split`.

    Returns
    -------
    Dataset
        `predicted` (snapshots), the predicted class, empty for a snapshot left out; `correct`
        (snapshots), 1 yes, 0 no, -1 left out; `accuracy` and `count` (label), the fraction of
        correctly classified test snapshots of a class (NaN if there are none) and their number;
        `coefficient` (features), of the standardised features; positive ones favour the second
        label. Attributes: `regularisation`, the chosen C, and `validation_accuracy`.

    Raises
    ------
    Unfit
        A ValueError: a class is missing from the training split, or the validation split is empty.
    ValueError
        When there are not two classes, `features` lacks a dimension of `label` or `split` or has
        no further dimension, or a feature is infinite.

    Examples
    --------
    >>> label = xr.DataArray(["liquid", "glass"] * 30, dims="snapshot")
    >>> split = xr.DataArray(np.repeat(["train", "validation", "test"], 20), dims="snapshot")
    >>> features = xr.where(label == "glass", 1.0, -1.0) + xr.DataArray(
    ...     random.normal(scale=0.2, size=(60, 3)), dims=("snapshot", "feature")
    ... )
    >>> found = gd.linear_classifier(features, label, split)
    >>> found.accuracy.values
    array([1., 1.])
    """
    need_dims(features, logical=False, name="features")
    for name, each in (("label", label), ("split", split)):
        if not isinstance(each, xr.DataArray):
            raise BadArgument(
                f"{name} is of the type {type(each).__name__}",
                "a DataArray along the snapshots",
                f"Type `{name}=ds.{'state' if name == 'label' else 'split'}`.",
            )
    if 0 in features.shape:
        raise BadArgument(f"features of shape {features.shape}", "at least one snapshot")
    numbered = [dim for dim in features.dims if dim in {*label.dims, *split.dims}]
    others = [dim for dim in features.dims if dim not in numbered]
    lacking = {*label.dims, *split.dims} - {*numbered}
    if lacking or not others:
        raise BadArgument(
            f"features along {features.dims}",
            f"the dimensions {(*label.dims, *split.dims)} of label and split, and others",
        )
    features = features.transpose(*numbered, *others)
    snapshots = features.isel(dict.fromkeys(others, 0), drop=True)
    label, split = (_text_of_each(each, snapshots) for each in (label, split))
    values, first = np.unique(label, return_index=True)
    names = values[np.argsort(first)].tolist()
    if len(names) != 2:
        raise BadArgument(f"classes {', '.join(names) or 'none'}", "two")
    if unknown := set(np.unique(split).tolist()) - {"train", "validation", "test"}:
        raise BadArgument(f"splits {', '.join(sorted(unknown))}", "train, validation or test")
    number = (label.values == names[1]).astype(int).ravel()
    table = features.values.reshape(number.size, -1)
    fit = classify(table, number, split.values.ravel(), names)
    one = features.isel(dict.fromkeys(numbered, 0), drop=True)
    return _described(fit, one, label, split, names)


def _text_of_each(x: xr.DataArray, snapshots: xr.DataArray) -> xr.DataArray:
    """A label of each snapshot as fixed-width NumPy text; the store has variable-length text."""
    x = x.broadcast_like(snapshots).transpose(*snapshots.dims)
    return x.copy(data=np.array(x.values.tolist(), dtype=str))


def _described(
    fit: LinearModel,
    feature: xr.DataArray,
    label: xr.DataArray,
    split: xr.DataArray,
    names: list[str],
) -> xr.Dataset:
    """The result of `linear_classifier`; `feature` has only the dimensions of the features."""
    number = fit.predicted.reshape(label.shape)
    predicted = label.copy(data=np.where(number < 0, "", text_values(names)[number]))
    correct = label.copy(data=np.where(number < 0, -1, predicted.values == label.values))
    tested = (split == "test") & (correct >= 0)
    of_class = [correct.values[tested.values & (label.values == name)] for name in names]
    count = np.array([len(each) for each in of_class])
    with np.errstate(invalid="ignore"):
        accuracy = np.array([each.sum() for each in of_class]) / count
    made = {
        "predicted": labelled(predicted, "predicted", "1", "predicted class; empty: left out"),
        "correct": labelled(
            correct.astype(np.int8), "correct", "1", "1 correct, 0 wrong, -1 left out"
        ),
        "accuracy": ("label", accuracy, _about("fraction of correctly classified test snapshots")),
        "count": ("label", count, _about("test snapshots of the class")),
        "coefficient": labelled(
            feature.copy(data=fit.coefficient.reshape(feature.shape)).drop_attrs(deep=False),
            "coefficient", "1", f"of the standardised feature, for {names[1]}",
        ),
    }  # fmt: skip
    classes = ("label", text_values(names), _about("class"))
    about = {"regularisation": fit.regularisation, "validation_accuracy": fit.validation_accuracy}
    return xr.Dataset(made, coords={"label": classes}, attrs=about)


def _about(long_name: str) -> dict[str, str]:
    return {"units": "1", "long_name": long_name}


def classify(
    features: np.ndarray, label: np.ndarray, split: np.ndarray, names: Sequence[str] = ("0", "1")
) -> LinearModel:
    """`linear_classifier` of (snapshot, feature), labels 0 or 1, and splits, (snapshot,)."""
    features, label, split = np.asarray(features, dtype=float), np.asarray(label), np.asarray(split)
    if np.isinf(features).any():
        raise BadArgument("features that are infinite", "finite ones, or NaN")
    kept = ~np.isnan(features[split == "train"]).all(axis=0)
    used = features[:, kept]
    whole = ~np.isnan(used).any(axis=1) if kept.any() else np.zeros(len(features), dtype=bool)
    train, validation = (whole & (split == name) for name in ("train", "validation"))
    _check(label[train], validation, names)
    model, regularisation, accuracy = _chosen(
        used[train], label[train], used[validation], label[validation]
    )
    predicted = np.full(len(features), -1)
    predicted[whole] = model.predict(used[whole])
    coefficient = np.full(features.shape[1], np.nan)
    coefficient[kept] = model[-1].coef_[0]
    return LinearModel(predicted, coefficient, regularisation, accuracy)


def _check(label: np.ndarray, validation: np.ndarray, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        if not (label == number).any():
            raise Unfit(f"the train split has no {name}", "both classes")
    if not validation.any():
        raise Unfit("the validation split is empty", "at least one snapshot")


def _chosen(x: np.ndarray, y: np.ndarray, others: np.ndarray, theirs: np.ndarray) -> tuple:
    """The model with the best C, this C, and the accuracy on the validation snapshots."""
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
