"""Indicators from Voronoi cells and Delaunay simplices."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import numpy.typing as npt
import xarray as xr

from glassdask.base.errors import BadArgument
from glassdask.physics.compiled import compiled
from glassdask.physics.configuration import one_indicator
from glassdask.physics.geometry.inputs import species_numbers, symmetric
from glassdask.physics.geometry.tessellation import Tessellation


def voronoi_volume(ds: xr.Dataset) -> xr.DataArray:
    """Volume (2D: area) of each particle's Voronoi cell, Upsilon, sigma^d.

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`; needs no attribute.

    Returns
    -------
    DataArray
        (..., particle). The sum over particles is the volume of the box.

    Examples
    --------
    >>> volume = gd.voronoi_volume(ds)
    >>> round(float(volume.sum()), 6)  # the area of the box, 9 x 9
    81.0
    """
    return one_indicator(ds, "voronoi_volume")


def voronoi_volume_array(tessellation: Tessellation) -> np.ndarray:
    """`voronoi_volume` of one configuration, (particle,), sigma^d."""
    return tessellation.cells.volume


def centroid_distance(ds: xr.Dataset) -> xr.DataArray:
    """Distance of each particle from the centroid of its Voronoi cell, sigma.

    0 if the cell is symmetric about the particle. It is the length of the Voronoi cell anisotropy
    vector of J. M. Rieser, C. P. Goodrich, A. J. Liu and D. J. Durian, Phys. Rev. Lett.
    116, 088001 (2016).

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`; needs no attribute.

    Returns
    -------
    DataArray
        (..., particle).

    Examples
    --------
    >>> distance = gd.centroid_distance(ds)
    >>> round(float(distance.mean()), 3)
    0.059
    """
    return one_indicator(ds, "centroid_distance")


def centroid_distance_array(tessellation: Tessellation) -> np.ndarray:
    """`centroid_distance` of one configuration, (particle,), sigma."""
    return np.linalg.norm(tessellation.cells.centroid, axis=1)


def diameter(ds: xr.Dataset) -> xr.DataArray:
    """Diameter of each particle, sigma_ii of the potential, sigma.

    It depends only on the species; coarse-grained, in a mixture of two species, it is a linear
    function of `composition`, with the same correlations except for the sign.

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`, with the attribute `sigma`.

    Returns
    -------
    DataArray
        (..., particle).

    Examples
    --------
    >>> gd.diameter(ds).groupby("species").first().values
    array([1.  , 0.88])
    """
    return one_indicator(ds, "diameter")


def diameter_array(species: np.ndarray, sigma: npt.ArrayLike) -> np.ndarray:
    """`diameter` of one configuration, (particle,), sigma."""
    kinds = species_numbers(species, len(species))
    return np.diagonal(symmetric(sigma, kinds, "sigma"))[kinds]


def composition(ds: xr.Dataset) -> xr.DataArray:
    """1 for particles of the first species (A), 0 for others, x_A; their mean is its fraction.

    Coarse-grained, it is the fraction of A particles around each particle. It is the reference for
    other indicators: what they add to it is more than the composition.

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`; needs no attribute.

    Returns
    -------
    DataArray
        (..., particle).

    Examples
    --------
    >>> float(gd.composition(ds).mean()) == float((ds.species == 0).mean())
    True
    """
    return one_indicator(ds, "composition")


def composition_array(species: np.ndarray) -> np.ndarray:
    """`composition` of one configuration, (particle,)."""
    return (species_numbers(species, len(species)) == 0).astype(float)


def tong_tanaka(
    ds: xr.Dataset, reference_length: Sequence[Sequence[float]] | None = None
) -> xr.DataArray:
    """Order parameter Theta of Tong and Tanaka: the deviation of the neighbours from contact.

    Theta_o is the mean over all Delaunay triangles at particle o of |theta1 - theta2|: theta1 is
    the angle at o, theta2 that of the ideal triangle, whose sides are the reference lengths of its
    species. 2D: H. Tong, H. Tanaka, Phys. Rev. X 8, 011041 (2018). 3D: tetrahedra instead of
    triangles, and solid angles instead of angles.

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`.
    reference_length : matrix, optional
        Side of the ideal triangle (edge of the ideal tetrahedron) between two species,
        (species, species), sigma; by default the attribute of `ds`.

    Returns
    -------
    DataArray
        (..., particle), rad in 2D and sr in 3D. 0 in an ideal packing.

    Raises
    ------
    ValueError
        When reference lengths are missing, or not a symmetric matrix of positive numbers for all
        species, or cannot form a triangle (tetrahedron) of species that occurs.

    Examples
    --------
    >>> theta = gd.tong_tanaka(ds)
    >>> round(float(theta.mean()), 3)
    0.285
    >>> theta.units
    'rad'
    """
    return one_indicator(ds, "tong_tanaka", reference_length=reference_length)


def tong_tanaka_array(
    tessellation: Tessellation, species: np.ndarray, reference_length: np.ndarray
) -> np.ndarray:
    """`tong_tanaka` of one configuration, (particle,), rad or sr."""
    kinds = species_numbers(species, tessellation.particles)
    lengths = symmetric(reference_length, kinds, "reference_length")
    if (lengths <= 0).any():
        raise BadArgument("reference_length that is not positive", "lengths in sigma")
    ideal = ideal_angles(lengths, tessellation.dimension)
    theta = _mean_deviation(
        tessellation.position,
        tessellation.simplices,
        kinds[tessellation.particle],
        ideal,
        tessellation.particles,
    )
    if np.isnan(theta).any():
        raise BadArgument(
            "reference_length cannot form a triangle (tetrahedron); expected lengths such as "
            "the sums of the radii"
        )
    return theta


@compiled()
def _mean_deviation(position, simplices, kinds, ideal, count):  # type: ignore[no-untyped-def]
    """Mean of |angle - ideal| over the simplices at each particle."""
    d = position.shape[1]
    total, terms = np.zeros(count), np.zeros(count)
    edges, flat = np.empty((d, d)), ideal.reshape(-1)
    for simplex in simplices:
        for corner in range(d + 1):
            particle = simplex[corner]
            if particle >= count:
                continue
            which, row = kinds[particle], 0
            for k in range(d + 1):
                if k != corner:
                    which = which * len(ideal) + kinds[simplex[k]]
                    for axis in range(d):
                        edges[row, axis] = position[simplex[k], axis] - position[particle, axis]
                    row += 1
            total[particle] += abs(_angle(edges) - flat[which])
            terms[particle] += 1
    return total / terms


def corner_angle(edges: np.ndarray) -> np.ndarray:
    """Angle between two edges, or solid angle between three.

    Parameters
    ----------
    edges : ndarray
        Vectors from the corner, (..., d, d) with d = 2 or 3.

    Returns
    -------
    ndarray
        (...,), rad for d = 2; sr for d = 3, by A. van Oosterom and J. Strackee, IEEE Trans.
        Biomed. Eng. 30, 125 (1983).
    """
    edges = np.ascontiguousarray(edges, dtype=float)
    d = edges.shape[-1]
    return _angles(edges.reshape(-1, d, d)).reshape(edges.shape[:-2])


@compiled()
def _angles(edges):  # type: ignore[no-untyped-def]
    angles = np.empty(len(edges))
    for k in range(len(edges)):
        angles[k] = _angle(edges[k])
    return angles


@compiled()
def _angle(edges):  # type: ignore[no-untyped-def]
    d = len(edges)
    products = np.zeros((3, 3))
    for i in range(d):
        for j in range(d):
            for axis in range(d):
                products[i, j] += edges[i, axis] * edges[j, axis]
    a, b = edges[0], edges[1]
    if d == 2:
        return np.arctan2(abs(a[0] * b[1] - a[1] * b[0]), products[0, 1])
    c = edges[2]
    volume = (
        a[0] * (b[1] * c[2] - b[2] * c[1])
        - a[1] * (b[0] * c[2] - b[2] * c[0])
        + a[2] * (b[0] * c[1] - b[1] * c[0])
    )
    la, lb, lc = np.sqrt(products[0, 0]), np.sqrt(products[1, 1]), np.sqrt(products[2, 2])
    below = la * lb * lc + products[0, 1] * lc + products[0, 2] * lb + products[1, 2] * la
    return 2 * np.arctan2(abs(volume), below)


def ideal_angles(lengths: np.ndarray, dimension: int) -> np.ndarray:
    """Angle at the first of d + 1 species; NaN if the lengths cannot form a simplex.

    Parameters
    ----------
    lengths : ndarray
        Sides of the ideal triangle (edges of the tetrahedron), (species, species), sigma.
    dimension : int
        2 or 3.

    Returns
    -------
    ndarray
        (species, species, species[, species]), rad or sr.
    """
    angles = np.full((len(lengths),) * (dimension + 1), np.nan)
    for corner, *others in product(range(len(lengths)), repeat=dimension + 1):
        side = lengths[corner, others]
        # law of cosines: the scalar products of the edges determine them up to a rotation
        products = (side[:, None] ** 2 + side**2 - lengths[np.ix_(others, others)] ** 2) / 2
        np.fill_diagonal(products, side**2)
        try:
            angles[corner, *others] = corner_angle(np.linalg.cholesky(products))
        except np.linalg.LinAlgError:
            continue
    return angles
