"""Confidence interval of the correlation with a mean over few replicas.

The effect of a replica on the correlation is linear in the replica. So it can be computed without
coarse-graining each replica, with the transposed coarse-graining.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.physics.arguments import need_dims
from glassdask.physics.correlations import standardised
from glassdask.physics.labelled import Values, apply, labelled, takes_datasets
from glassdask.physics.reliability import centred
from glassdask.physics.statistics import check_bootstrap, small_sample_factor


@takes_datasets("structure", "x")
def correlation_interval(
    structure: Values,
    x: Values,
    dim: str = "replica",
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int | list[int] = 0,
) -> xr.Dataset:
    """Interval of the Pearson correlation C of a structure with a mean over R replicas.

    It is a bootstrap over replicas of their effects on C: p_s = R dC/dw_s, the derivative of C with
    respect to the weight of replica s in the mean (L. A. Jaeckel's infinitesimal jackknife; B.
    Efron, The Jackknife, the Bootstrap and Other Resampling Plans (1982), ch. 6). Resampling C
    itself would be biased: a mean with repeated replicas is noisier than the measured one, so that
    all resampled C are too close to 0. The ends are C + w q, where q are quantiles of the means of
    resampled p, and w is `statistics.small_sample_factor`.

    The interval estimates the mean C over sets of R replicas of this configuration; for infinitely
    many replicas see `noise_corrected_correlation`. For an interval over configurations, which
    includes the noise of their replicas, use `gd.mean_with_interval`.

    Parameters
    ----------
    structure : DataArray or Dataset
        (..., particle).
    x : DataArray or Dataset
        The replicas, such as -CRSD, (..., replica, particle); other dimensions are broadcast by
        name.
    dim : str
        Dimension of the replicas.
    confidence : float
        Level of the interval, 0 to 1.
    resamples : int
        Number of resamples.
    seed : int or list of int
        Seed of the resamples, which are the same along all other dimensions.

    Returns
    -------
    Dataset
        `lower` and `upper`, (...,), -1 to 1. NaN for less than two replicas, or if one is constant
        or NaN.

    Raises
    ------
    ValueError
        When the level is not between 0 and 1, or there are no resamples.

    Examples
    --------
    >>> signal = random.normal(size=100)
    >>> replicas = signal + random.normal(size=(8, 100))
    >>> x = xr.DataArray(replicas, dims=("replica", "particle"))
    >>> found = gd.correlation_interval(xr.DataArray(signal, dims="particle"), x)
    >>> bool(found.lower < found.upper)
    True
    """
    need_dims(structure, "particle", scalar=True, name="structure")
    need_dims(x, dim, "particle", scalar=True)
    check_bootstrap(confidence, resamples)

    def block(one: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return correlation_interval_array(one, values, confidence, resamples, seed)

    inputs = [["particle"], [dim, "particle"]]
    ends = apply(block, [structure, x], inputs, [[], []], vectorize=False)
    about = f"end of the interval of the Pearson correlation over {dim}"
    made = {
        name: labelled(end, name, "1", f"{name} {about}")
        for name, end in zip(("lower", "upper"), ends, strict=True)
    }
    return xr.Dataset(made, attrs={"confidence": confidence, "resamples": resamples})


def correlation_interval_array(
    structure: np.ndarray,
    values: np.ndarray,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int | list[int] = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """`correlation_interval` of (..., particle) and (..., replica, particle): both ends."""
    check_bootstrap(confidence, resamples)
    values = np.ascontiguousarray(values, dtype=float)
    unit, mean = standardised(structure), centred(values.mean(axis=-2))
    along = ((values @ each[..., None])[..., 0] for each in (unit, mean))
    found, effect = correlation_and_effects(unit, mean, *along)
    return interval_of_effects(found, effect, confidence, resamples, seed)


def correlation_and_effects(
    unit: np.ndarray, mean: np.ndarray, along_unit: np.ndarray, along_mean: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pearson's C of a structure with a mean m, and p_s = s.x_s / |m| - C m.x_s / |m|^2.

    Parameters
    ----------
    unit, mean : ndarray
        s, the deviations of the structure scaled to length 1, and m, the deviations of the mean;
        (..., particle).
    along_unit, along_mean : ndarray
        s.x_s and m.x_s of each replica, (..., replica).

    Returns
    -------
    correlation, effect : ndarray
        (...,) and (..., replica).
    """
    square = (mean**2).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.sqrt(square)
        found = (unit * mean).sum(axis=-1) / size
        share = (found / square)[..., None]
        return found, along_unit / size[..., None] - share * along_mean


def interval_of_effects(
    correlation: np.ndarray,
    effect: np.ndarray,
    confidence: float,
    resamples: int,
    seed: int | list[int],
) -> tuple[np.ndarray, np.ndarray]:
    """Both ends, (...,), from C (...,) and the effects p of the replicas (..., replica)."""
    replicas = effect.shape[-1]
    if replicas < 2:
        nothing = np.full(correlation.shape, np.nan)
        return nothing, nothing
    effect = effect - effect.mean(axis=-1, keepdims=True)
    drawn = np.random.default_rng(seed).multinomial(
        replicas, np.full(replicas, 1 / replicas), resamples
    )
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    spread = np.quantile(effect @ drawn.T / replicas, tails, axis=-1)
    ends = correlation + small_sample_factor(replicas, confidence) * spread
    lower, upper = np.clip(ends, -1, 1)
    return lower, upper
