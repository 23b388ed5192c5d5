"""Correlations by chance: one map against another one, shifted, rotated and reflected at random."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product

import numpy as np
import xarray as xr
from scipy.spatial import cKDTree

from glassdask.base.errors import BadArgument
from glassdask.physics.arguments import need_configuration, need_dims, whole_number
from glassdask.physics.correlations import VALUES_OF, standardised
from glassdask.physics.geometry.inputs import in_box
from glassdask.physics.labelled import (
    CONFIGURATION,
    Values,
    apply,
    is_missing,
    labelled,
    takes_datasets,
)

#: Fraction of the values by chance that lie below the chance level.
LEVEL = 0.95
#: Number of random transformations.
DRAWS = 200
#: A transformed map with a smaller variance, relative to the map, is constant.
ROUNDING = 1e-12


@takes_datasets("a", "b")
def chance_correlation(
    a: Values,
    b: Values,
    ds: xr.Dataset,
    draws: int = DRAWS,
    seed: int | list[int] = 0,
    kind: str = "pearson",
) -> xr.Dataset:
    """Correlations that two maps of one configuration have by chance.

    Two smooth maps that know nothing of each other are correlated by accident, since few patches
    fit into the box. Here a is moved against b by random transformations that keep the periodic
    box: a shift, and one of its rotations and reflections (a square has 8, a cube 48; others keep
    only a rectangular box). Particle i gets the value of a at the particle nearest to its
    transformed position.

    All transformations are equally likely. Then the p-value is uniform for independent maps,
    whatever their spectra: E. L. Lehmann, J. P. Romano, Testing Statistical Hypotheses (2005),
    ch. 15. For this reason transformations close to the identity are not left out; they are rare.

    Parameters
    ----------
    a, b : DataArray or Dataset
        (..., particle), coarse-grained or raw; other dimensions are broadcast by name.
    ds : Dataset
        `position` (..., particle, axis), wrapped to [0, L), sigma, and `box_length` (axis,), sigma.
    draws : int
        Number of transformations.
    seed : int or list of int
        Seed of the transformations, which are the same for all configurations and maps.
    kind : {"pearson", "spearman"}
        For Spearman's correlation the maps are replaced by their ranks, which are moved.

    Returns
    -------
    Dataset
        `pearson` or `spearman` (...,), the correlation of a and b; `drawn` (..., draw), those by
        chance; `level` (...,), the absolute value below which 95 % of these lie; `p_value` (...,),
        the fraction of absolute values that are as large as the measured one, which counts as a
        further draw. NaN if a or b has a NaN or is constant.

    Raises
    ------
    ValueError
        When there is no draw, `kind` is another word, or only some positions of a configuration
        are NaN.

    Examples
    --------
    >>> import glassdask as gd
    >>> side, random = 10.0, np.random.default_rng(0)
    >>> ds = gd.from_arrays(random.uniform(0, side, (300, 2)), np.zeros(300, int), side)
    >>> noise = xr.DataArray(random.normal(size=(2, 300)), dims=("map", "particle"))
    >>> a, b = gd.coarse_grain(noise, ds, 2.0)
    >>> found = gd.chance_correlation(a, b, ds)
    >>> bool(found["level"] > 0.2), bool(found["p_value"] > 0.05)
    (True, True)
    """
    ds = need_configuration(ds, "gd.chance_correlation(a, b, ds)")
    need_dims(a, "particle", scalar=True, name="a")
    need_dims(b, "particle", scalar=True, name="b")
    whole_number("draws", draws)
    if kind not in VALUES_OF:
        raise BadArgument(f"kind {kind!r}", f"one of {', '.join(VALUES_OF)}")
    extra = [dim for dim in dict.fromkeys((*a.dims, *b.dims)) if dim not in ds["position"].dims]
    inner = [[*(dim for dim in extra if dim in x.dims), "particle"] for x in (a, b)]
    wide = [[slice(None) if dim in x.dims else None for dim in extra] for x in (a, b)]

    def one(
        x: np.ndarray, y: np.ndarray, position: np.ndarray, box: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        x, y = (
            VALUES_OF[kind](each)[(*index, slice(None))]
            for each, index in zip((x, y), wide, strict=True)
        )
        if is_missing(position):
            x, maps = x * np.nan, np.zeros((draws, len(position)), dtype=int)
        else:
            maps = transformed_particles(position, box, draws, seed)
        found = _products(standardised(x), standardised(y))
        drawn = chance_correlation_array(x, y, maps)
        sizes = np.abs(drawn)
        return found, drawn, level(sizes), p_value(np.abs(found), sizes)

    results = apply(
        one,
        [a, b, ds["position"], ds["box_length"]],
        [*inner, *CONFIGURATION],
        [extra, [*extra, "draw"], extra, extra],
        {"draw": draws},
    )
    names = {
        kind: f"{kind.title()} correlation over particle",
        "drawn": f"{kind.title()} correlations by chance",
        "level": f"absolute correlation that {LEVEL:.0%} of those by chance do not reach",
        "p_value": "fraction of the correlations by chance that are as large",
    }
    made = {
        name: labelled(one, name, "1", about)
        for one, (name, about) in zip(results, names.items(), strict=True)
    }
    return xr.Dataset(made, attrs={"draws": draws})


def chance_correlation_array(a: np.ndarray, b: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Pearson correlations of a, transformed, with b; leading axes are broadcast.

    Parameters
    ----------
    a, b : ndarray
        (..., particle).
    maps : ndarray
        Result of `transformed_particles`, (draw, particle).

    Returns
    -------
    ndarray
        (..., draw).
    """
    b = standardised(b)
    return np.stack([_products(moved, b) for moved in _moved(a, maps)], axis=-1)


def chance_table_array(a: np.ndarray, b: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Pearson correlations of every a, transformed, with every b.

    Parameters
    ----------
    a, b : ndarray
        (..., i, particle) and (..., j, particle); leading axes are broadcast.
    maps : ndarray
        Result of `transformed_particles`, (draw, particle).

    Returns
    -------
    ndarray
        (..., i, j, draw), as `chance_correlation_array`, but much faster.
    """
    b = standardised(b).swapaxes(-1, -2)
    drawn = np.stack([moved @ b for moved in _moved(a, maps)], axis=-1)
    return np.clip(drawn, -1, 1)


def _moved(a: np.ndarray, maps: np.ndarray) -> Iterator[np.ndarray]:
    """a, transformed by each map, scaled so that the squared deviations from the mean add up to 1.

    The mean is not subtracted: it has no effect on products with maps of mean 0.
    """
    a = standardised(a)
    for taken in maps:
        moved = a[..., taken]
        # several particles can get the value of the same one, so mean and variance change
        variance = (moved * moved).sum(axis=-1) - moved.sum(axis=-1) ** 2 / len(taken)
        size = np.sqrt(np.where(variance > ROUNDING, variance, np.nan))
        yield moved / size[..., None]


def _products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.clip(np.einsum("...p,...p->...", a, b), -1, 1)


def transformed_particles(
    position: np.ndarray, box_length: float | np.ndarray, draws: int, seed: int | list[int]
) -> np.ndarray:
    """The particle nearest to the transformed position of each particle.

    Parameters
    ----------
    position : ndarray
        Wrapped positions, (particle, axis), sigma.
    box_length : float or ndarray
        Length of the periodic box along each axis, sigma.
    draws : int
        Number of transformations.
    seed : int or list of int
        They do not depend on the positions, only on the box, and not on the number of draws.

    Returns
    -------
    ndarray
        Numbers of particles, (draw, particle) int32.
    """
    position, box = in_box(position, box_length)
    tree, matrices = cKDTree(position, boxsize=box), symmetries(box)
    random = np.random.default_rng(seed)
    found = np.empty((draws, len(position)), dtype=np.int32)
    for row in found:
        matrix = matrices[random.integers(len(matrices))]
        moved = (position @ matrix.T + random.uniform(0, box)) % box
        # a tiny negative number modulo L is L after rounding
        row[:] = tree.query(np.where(moved < box, moved, 0))[1]
    return found


def symmetries(box: np.ndarray) -> np.ndarray:
    """Rotations and reflections that keep a periodic box of sides (axis,): (symmetry, axis, axis).

    They exchange only axes of equal length.
    """
    axes = range(len(box))
    return np.array(
        [
            np.diag(signs)[list(order)]
            for order in permutations(axes)
            if np.allclose(box[list(order)], box, rtol=1e-9, atol=0)
            for signs in product((1, -1), repeat=len(box))
        ]
    )


def level(drawn: np.ndarray) -> np.ndarray:
    """The value that the fraction `LEVEL` of the draws, on the last axis, do not exceed."""
    return np.quantile(drawn, LEVEL, axis=-1)


def p_value(value: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """(1 + number of draws >= value) / (1 + draws), over the last axis; NaN if one is NaN."""
    value = np.asarray(value)
    larger = (drawn >= value[..., None]).sum(axis=-1)
    unknown = np.isnan(value) | np.isnan(drawn).any(axis=-1)
    return np.where(unknown, np.nan, (1 + larger) / (1 + drawn.shape[-1]))
