"""Structural indicators of each particle of one configuration."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.spatial import cKDTree

from glassdask.kernels.tessellation import Tessellation


def voronoi_volume(tessellation: Tessellation) -> np.ndarray:
    """Volume (2D: area) of the Voronoi cell of each particle, Upsilon.

    Parameters
    ----------
    tessellation : Tessellation

    Returns
    -------
    ndarray
        (particle,), sigma^d. They add up to the volume of the box.
    """
    return tessellation.cells.volume


def tong_tanaka(
    tessellation: Tessellation, species: np.ndarray, reference_length: np.ndarray
) -> np.ndarray:
    """Order parameter Theta of Tong and Tanaka: how far the neighbours are from touching.

    Theta_o is the mean over all Delaunay triangles at particle o of |theta1 - theta2|: theta1 is
    the angle at o, theta2 that of the triangle whose sides are the reference lengths of its
    corners. 2D: H. Tong, H. Tanaka, Phys. Rev. X 8, 011041 (2018). In 3D tetrahedra take the
    place of triangles, and solid angles that of angles.

    Parameters
    ----------
    tessellation : Tessellation
    species : ndarray of int
        Species of each particle, from 0, (particle,).
    reference_length : ndarray
        Side of the ideal triangle (edge of the ideal tetrahedron) between two species,
        (species, species), sigma.

    Returns
    -------
    ndarray
        (particle,), rad in 2D and sr in 3D. 0 in an ideal packing.

    Raises
    ------
    ValueError
        When the lengths are not a symmetric matrix of positive numbers that covers all species,
        or three (four) particles meet whose reference lengths close no triangle (tetrahedron).
    """
    lengths = _symmetric(reference_length, species, "reference_length")
    if (lengths <= 0).any():
        raise ValueError("reference_length that is not positive; expected lengths in sigma")
    ideal = _ideal_angles(lengths, tessellation.dimension)
    simplices, count = tessellation.simplices, tessellation.particles
    kinds = np.asarray(species)[tessellation.particle[simplices]]
    corners = tessellation.position[simplices]
    total, terms = np.zeros(count), np.zeros(count)
    for corner in range(simplices.shape[1]):
        here = simplices[:, corner] < count
        others = [k for k in range(simplices.shape[1]) if k != corner]
        edges = corners[here][:, others] - corners[here][:, [corner]]
        kind = kinds[here]
        reference = ideal[tuple(kind[:, k] for k in (corner, *others))]
        term = np.abs(corner_angle(edges) - reference)
        particle = simplices[here, corner]
        total += np.bincount(particle, term, minlength=count)
        terms += np.bincount(particle, minlength=count)
    theta = total / terms
    if np.isnan(theta).any():
        raise ValueError(
            "reference_length that closes no triangle (tetrahedron); expected lengths such as "
            "the sums of the radii"
        )
    return theta


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
    volume = np.abs(np.linalg.det(edges))
    a, b = edges[..., 0, :], edges[..., 1, :]
    if edges.shape[-1] == 2:
        return np.arctan2(volume, (a * b).sum(axis=-1))
    c = edges[..., 2, :]
    la, lb, lc = (np.linalg.norm(v, axis=-1) for v in (a, b, c))
    ab, ac, bc = ((u * v).sum(axis=-1) for u, v in ((a, b), (a, c), (b, c)))
    return 2 * np.arctan2(volume, la * lb * lc + ab * lc + ac * lb + bc * la)


def _ideal_angles(lengths: np.ndarray, dimension: int) -> np.ndarray:
    """Angle at the first of d + 1 species, by their numbers; NaN where nothing closes."""
    angles = np.full((len(lengths),) * (dimension + 1), np.nan)
    for corner, *others in product(range(len(lengths)), repeat=dimension + 1):
        side = lengths[corner, others]
        # law of cosines: the scalar products of the edges fix them up to a rotation
        products = (side[:, None] ** 2 + side**2 - lengths[np.ix_(others, others)] ** 2) / 2
        np.fill_diagonal(products, side**2)
        try:
            angles[corner, *others] = corner_angle(np.linalg.cholesky(products))
        except np.linalg.LinAlgError:
            continue
    return angles


def potential_energy(
    position: np.ndarray,
    box_length: float | np.ndarray,
    species: np.ndarray,
    sigma: np.ndarray,
    epsilon: np.ndarray,
    cutoff: float,
) -> np.ndarray:
    """Potential energy of each particle: half of that of each of its pairs.

    phi*(r) = phi(r) - phi(r_c) - (r - r_c) phi'(r_c) for r < r_c = cutoff sigma_ij, with
    phi(r) = 4 epsilon_ij [(sigma_ij / r)^12 - (sigma_ij / r)^6]; Eq. (1) and (2) of Oyama, Koyama
    and Kawasaki (2022), the `lj/smooth/linear` of LAMMPS.

    Parameters
    ----------
    position : ndarray
        Wrapped positions, (particle, axis), sigma.
    box_length : float or ndarray
        Length of the periodic box along each axis, sigma.
    species : ndarray of int
        Species of each particle, from 0, (particle,).
    sigma, epsilon : ndarray
        Symmetric matrices (species, species): range in sigma, depth in epsilon.
    cutoff : float
        r_c / sigma_ij.

    Returns
    -------
    ndarray
        (particle,), epsilon. They add up to the energy of the configuration.

    Raises
    ------
    ValueError
        When a cutoff is longer than half the box, a position lies outside [0, L), two particles
        coincide, or a matrix is not symmetric or too small.
    """
    position = np.asarray(position, dtype=float)
    length = np.broadcast_to(np.asarray(box_length, dtype=float), position.shape[1:])
    sigma = _symmetric(sigma, species, "sigma")
    epsilon = _symmetric(epsilon, species, "epsilon")
    reach = float(cutoff * sigma.max())
    if reach > length.min() / 2:
        raise ValueError(
            f"cutoff of {reach:g} sigma in a box of {length.min():g}; expected at most half the box"
        )
    if not ((position >= 0) & (position < length)).all():
        raise ValueError("positions outside the box; expected them wrapped to [0, L)")
    i, j = cKDTree(position, boxsize=length).query_pairs(reach, output_type="ndarray").T
    separation = position[i] - position[j]
    separation -= length * np.round(separation / length)
    distance = np.linalg.norm(separation, axis=1)
    if (distance == 0).any():
        raise ValueError("particles at the same place; expected distinct positions")
    species = np.asarray(species)
    kinds = species[i], species[j]
    pair = epsilon[kinds] * _smoothed(distance / sigma[kinds], float(cutoff))
    count = len(position)
    return 0.5 * (np.bincount(i, pair, minlength=count) + np.bincount(j, pair, minlength=count))


def _smoothed(r: np.ndarray, cutoff: float) -> np.ndarray:
    """phi*(r) / epsilon for r in units of sigma_ij."""
    at_cutoff = 4 * (cutoff**-12 - cutoff**-6)
    slope = 4 * (6 * cutoff**-7 - 12 * cutoff**-13)
    sixth = r**-6.0
    energy = 4 * (sixth**2 - sixth) - at_cutoff - (r - cutoff) * slope
    return np.where(r < cutoff, energy, 0.0)


def _symmetric(matrix: np.ndarray, species: np.ndarray, name: str) -> np.ndarray:
    """A checked matrix (species, species), float."""
    matrix = np.asarray(matrix, dtype=float)
    kinds = int(np.max(species, initial=0)) + 1
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < kinds:
        raise ValueError(f"{name} of shape {matrix.shape}; expected at least {(kinds, kinds)}")
    if not np.array_equal(matrix, matrix.T):
        raise ValueError(f"{name} is not symmetric; expected the same for both orders of a pair")
    return matrix
