"""What tells liquid from glass without a network: linear models of whole snapshots."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.physics.fields import Labelled
from glassdask.physics.kernels import linear_model, sampling
from glassdask.physics.labelling import apply, described_as, labelled


def species_means(x: Labelled, species: xr.DataArray) -> Labelled:
    """Mean over the particles of each species, such as of an indicator; lazy with Dask.

    Parameters
    ----------
    x : DataArray or Dataset
        (..., particle).
    species : DataArray
        (particle,), such as `ds.species`. It is read at once.

    Returns
    -------
    DataArray or Dataset
        (..., species), the species that occur in ascending order, with the units of `x`. NaN where
        a particle of the species has NaN.
    """
    if isinstance(x, xr.Dataset):
        means = {name: species_means(each, species) for name, each in x.items()}
        return xr.Dataset(means, attrs=x.attrs)
    kinds = np.unique(species)
    core, sizes = [["particle"], ["particle"]], {"species": len(kinds)}
    (result,) = apply(
        sampling.means_of_groups, [x, species], core, [["species"]], sizes, vectorize=False
    )
    result = result.assign_coords(species=("species", kinds, species.attrs))
    return described_as(result, x, "mean over each species", {})


def linear_classifier(
    features: xr.DataArray, label: xr.DataArray, split: xr.DataArray
) -> xr.Dataset:
    """Tell two classes of snapshots apart by a linear model of their features.

    A logistic regression, fitted to the training split and chosen by the validation split; the
    kernel `linear_model.classify` says how. It is what is easy: what a network is to be held
    against. The arguments are read into memory.

    Parameters
    ----------
    features : DataArray
        Such as `gd.radial_distribution(ds)`. The dimensions of `label` and `split` number the
        snapshots, all others the features. A snapshot with a NaN is left out; a feature that is NaN
        throughout the training split, too.
    label : DataArray
        Class of each snapshot, such as `ds.state`; two values.
    split : DataArray
        "train", "validation" or "test", such as `ds.split`.

    Returns
    -------
    Dataset
        `predicted` (snapshots), the class found, empty for a snapshot left out; `correct`
        (snapshots), 1 yes, 0 no, -1 left out; `accuracy` and `count` (label), share of the test
        snapshots of a class that are classified rightly (NaN if there are none) and their number;
        `coefficient` (features), of the standardised features, positive ones speak for the second
        label. Attributes: `regularisation`, the C chosen, and `validation_accuracy` with it.

    Raises
    ------
    ValueError
        When there are not two classes, `features` lacks a dimension of the others or has no
        further one, a feature is infinite, a class is missing from the training split, or the
        validation split is empty.
    """
    numbered = [dim for dim in features.dims if dim in {*label.dims, *split.dims}]
    others = [dim for dim in features.dims if dim not in numbered]
    lacking = {*label.dims, *split.dims} - {*numbered}
    if lacking or not others:
        raise ValueError(
            f"features along {features.dims}; expected the dimensions {(*label.dims, *split.dims)} "
            "of label and split, and at least one more"
        )
    features = features.transpose(*numbered, *others)
    snapshots = features.isel(dict.fromkeys(others, 0), drop=True)
    label, split = (_text_of_each(each, snapshots) for each in (label, split))
    values, first = np.unique(label, return_index=True)
    names = values[np.argsort(first)].tolist()
    if len(names) != 2:
        raise ValueError(f"classes {', '.join(names) or 'none'}; expected two")
    number = (label.values == names[1]).astype(int).ravel()
    table = features.values.reshape(number.size, -1)
    fit = linear_model.classify(table, number, split.values.ravel(), names)
    one = features.isel(dict.fromkeys(numbered, 0), drop=True)
    return _described(fit, one, label, split, names)


def _text_of_each(x: xr.DataArray, snapshots: xr.DataArray) -> xr.DataArray:
    """A label of each snapshot as NumPy's own text, which the store's text does not become."""
    x = x.broadcast_like(snapshots).transpose(*snapshots.dims)
    return x.copy(data=np.array(x.values.tolist(), dtype=str))


def _described(
    fit: linear_model.LinearModel,
    feature: xr.DataArray,
    label: xr.DataArray,
    split: xr.DataArray,
    names: list[str],
) -> xr.Dataset:
    """The result of `linear_classifier`; `feature` has the dimensions of the features alone."""
    found = fit.found.reshape(label.shape)
    predicted = label.copy(data=np.where(found < 0, "", np.array(names)[found]))
    correct = label.copy(data=np.where(found < 0, -1, predicted.values == label.values))
    tested = (split == "test") & (correct >= 0)
    of_class = [correct.values[tested.values & (label.values == name)] for name in names]
    count = np.array([len(each) for each in of_class])
    with np.errstate(invalid="ignore"):
        accuracy = np.array([each.sum() for each in of_class]) / count
    made = {
        "predicted": labelled(predicted, "predicted", "1", "class found; empty: left out"),
        "correct": labelled(
            correct.astype(np.int8), "correct", "1", "classified rightly: 1 yes, 0 no, -1 left out"
        ),
        "accuracy": ("label", accuracy, _about("share of the test split classified rightly")),
        "count": ("label", count, _about("test snapshots of the class")),
        "coefficient": labelled(
            feature.copy(data=fit.coefficient.reshape(feature.shape)).drop_attrs(deep=False),
            "coefficient", "1", f"of the standardised feature, for {names[1]}",
        ),
    }  # fmt: skip
    classes = ("label", names, _about("class"))
    about = {"regularisation": fit.regularisation, "validation_accuracy": fit.validation_accuracy}
    return xr.Dataset(made, coords={"label": classes}, attrs=about)


def _about(long_name: str) -> dict[str, str]:
    return {"units": "1", "long_name": long_name}
