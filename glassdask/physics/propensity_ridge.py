"""How much of the propensity structure can predict: ridge regression, trained on other starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import need_dims
from glassdask.physics.correlations import pearson_array
from glassdask.physics.labelled import labelled

#: Candidate penalties for standardised descriptors, divided by the number of particles.
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
#: Largest number of groups of starts for the cross-validation.
_FOLDS = 5


def propensity_ridge(
    descriptors: xr.DataArray, propensity: xr.DataArray, train: xr.DataArray
) -> xr.Dataset:
    """Predict the propensity from descriptors of structure: a supervised ceiling for indicators.

    For each species and each time, ridge regression (scikit-learn) on standardised descriptors:
    w minimises sum_i (y_i - w x_i - b)^2 + alpha |w|^2 over the n particles of the training starts;
    A. E. Hoerl, R. W. Kennard, Technometrics 12, 55 (1970). alpha / n is the one of `PENALTIES`
    with the best mean R^2 when each group of training starts is predicted from the others. The
    test starts are used for nothing but the prediction. With `structural_descriptors` it is the
    method of E. Boattini, F. Smallenburg, L. Filion, Phys. Rev. Lett. 127, 088007 (2021).

    Parameters
    ----------
    descriptors : DataArray
        (start, particle, descriptor), such as `gd.structural_descriptors(ds)`, with the coordinate
        `species` (particle,). The name of `start` is free. The arguments are loaded into memory.
    propensity : DataArray
        (start, particle, ...), such as `gd.displacement_propensity(displacement)`.
    train : DataArray of bool
        (start,), which starts are for training: two at least, and one that is not.

    Returns
    -------
    Dataset
        Of the test starts: `predicted`, as `propensity`, and `pearson` (start, selection, ...),
        the correlation of prediction and propensity in each species, `selection`, 1. `penalty`
        (selection, ...), alpha / n, 1. NaN where the propensity is constant, and for a species with
        one particle.

    Raises
    ------
    ValueError
        When dimensions do not match, there are fewer than two starts for training or none to test,
        or a value is not finite.

    Examples
    --------
    >>> features = xr.DataArray(
    ...     random.normal(size=(5, 100, 4)),
    ...     dims=("start", "particle", "descriptor"),
    ...     coords={"species": ("particle", np.zeros(100, int))},
    ... )
    >>> train = xr.DataArray(np.arange(5) < 4, dims="start")
    >>> gd.propensity_ridge(features, features.sum("descriptor"), train).pearson.round(2).values
    array([[1.]])
    """
    x, y, train = _checked(descriptors, propensity, train)
    seen, unseen = x.values[train.values], x.values[~train.values]
    tested = y[~train.values]
    wanted = y.values[train.values].reshape(*seen.shape[:2], -1)
    measured = tested.values.reshape(*unseen.shape[:2], -1)
    species = x.species.values
    kinds = np.unique(species)
    predicted = np.full(measured.shape, np.nan)
    penalty = np.full((len(kinds), measured.shape[-1]), np.nan)
    pearson = np.full((len(measured), *penalty.shape), np.nan)
    for k, kind in enumerate(kinds):
        mine = species == kind
        varies = np.ptp(wanted[:, mine], axis=(0, 1)) > 0
        if mine.sum() < 2 or not varies.any():
            continue
        model, penalty[k, varies] = _fitted(seen[:, mine], wanted[:, mine][..., varies])
        for s, features in enumerate(unseen[:, mine]):
            found = np.full((mine.sum(), len(varies)), np.nan)
            found[:, varies] = model.predict(features).reshape(mine.sum(), -1)
            predicted[s, mine] = found
            pearson[s, k] = pearson_array(found.T, measured[s, mine].T)
    one = tested.isel(particle=0, drop=True).expand_dims(selection=kinds, axis=1)
    of_start = one.copy(data=pearson.reshape(one.shape))
    of_all = one[0].drop_vars(str(train.dims[0]), errors="ignore")
    return xr.Dataset(
        {
            "predicted": labelled(
                tested.copy(data=predicted.reshape(tested.shape)), "predicted",
                propensity.attrs.get("units", "1"), "propensity, predicted by ridge regression",
            ),
            "pearson": labelled(
                of_start, "pearson", "1", "correlation of predicted and measured propensity"
            ),
            "penalty": labelled(
                of_all.copy(data=penalty.reshape(of_all.shape)), "penalty", "1",
                "penalty of standardised descriptors, divided by the number of particles",
            ),
        }
    )  # fmt: skip


def _checked(
    descriptors: xr.DataArray, propensity: xr.DataArray, train: xr.DataArray
) -> tuple[xr.DataArray, ...]:
    """The arguments, loaded, with the start first and the particle second."""
    need_dims(descriptors, "particle", "descriptor", name="descriptors")
    need_dims(propensity, "particle", name="propensity")
    if not isinstance(train, xr.DataArray) or train.ndim != 1 or train.dtype != bool:
        raise BadArgument("train is not True or False for each start", "a DataArray (start,)")
    order = (train.dims[0], "particle")
    if {*descriptors.dims} != {*order, "descriptor"} or not {*order} <= {*propensity.dims}:
        raise BadArgument(
            f"descriptors along {descriptors.dims}, propensity along {propensity.dims}",
            f"{(*order, 'descriptor')} and {(*order, '...')}",
        )
    if "species" not in descriptors.coords or descriptors.species.dims != ("particle",):
        raise BadArgument(
            "descriptors without species, or with others in each start",
            "a coordinate species (particle,)",
            "Sort the particles of each start by species first.",
        )
    if train.sum() < 2 or train.all():
        raise BadArgument(
            f"{int(train.sum())} of {train.size} starts for training", "two, and one to test"
        )
    x = descriptors.transpose(*order, "descriptor").astype(float)
    y = propensity.transpose(*order, ...).astype(float)
    try:
        x, y, train = xr.align(x, y, train, join="exact")
    except (xr.AlignmentError, ValueError) as error:
        raise BadArgument(str(error), "the same starts and particles in each") from None
    for name, values in (("descriptors", x), ("propensity", y)):
        if not np.isfinite(values.values).all():
            raise BadArgument(f"{name} with values that are not finite", "finite ones")
    return x, y, train


def _fitted(x: np.ndarray, y: np.ndarray) -> tuple[Any, np.ndarray]:
    """The model with the best penalty of each target, and these.

    x (start, particle, descriptor), y (start, particle, target). All targets share the products of
    descriptors, which cost most.
    """
    from sklearn.linear_model import Ridge
    from sklearn.metrics import r2_score
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def model(penalty: Any, count: int) -> Any:
        return make_pipeline(StandardScaler(), Ridge(alpha=np.multiply(penalty, count)))

    group = np.repeat(np.arange(len(y)), y.shape[1])
    x, y = x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
    score = np.zeros((len(PENALTIES), y.shape[-1]))
    for train, test in GroupKFold(min(_FOLDS, group[-1] + 1)).split(x, groups=group):
        for k, penalty in enumerate(PENALTIES):
            guess = model(penalty, len(train)).fit(x[train], y[train]).predict(x[test])
            score[k] += r2_score(y[test], guess.reshape(len(test), -1), multioutput="raw_values")
    best = np.array(PENALTIES)[score.argmax(axis=0)]
    return model(best, len(x)).fit(x, y), best
