"""Indicators, images and fields computed directly: freud, NumPy and Python loops."""

from __future__ import annotations

import math
from itertools import combinations

import freud
import numpy as np
from configurations import CUTOFF, Quenched


def voronoi(made: Quenched) -> freud.locality.Voronoi:
    """freud's Voronoi cells; its box is centred at the origin."""
    d = made.model.dimension
    box = freud.box.Box(*[made.box_length] * d, is2D=d == 2)
    points = np.zeros((len(made.position), 3))
    points[:, :d] = made.position - made.box_length / 2
    return freud.locality.Voronoi().compute((box, points))


def distances(made: Quenched) -> np.ndarray:
    """All minimum-image distances, (particle, particle)."""
    square = 0.0
    for x in made.position.T:
        apart = np.abs(x[:, None] - x)
        square = square + np.minimum(apart, made.box_length - apart) ** 2
    return np.sqrt(square)


def potential_energy(made: Quenched, distance: np.ndarray) -> np.ndarray:
    """Potential energy of each particle, from all pairs."""
    pair = np.ix_(made.species, made.species)
    r = distance / made.sigma[pair]
    np.fill_diagonal(r, np.inf)
    r = np.where(r < CUTOFF, r, np.inf)
    sixth = r**-6
    slope = 4 * (6 * CUTOFF**-7 - 12 * CUTOFF**-13)
    shift = 4 * (CUTOFF**-12 - CUTOFF**-6) + np.where(np.isinf(r), 0, r - CUTOFF) * slope
    phi = np.where(np.isinf(r), 0, 4 * (sixth**2 - sixth) - shift)
    return 0.5 * (made.epsilon[pair] * phi).sum(axis=1)


def coarse_grain(values: np.ndarray, distance: np.ndarray, xi: float) -> np.ndarray:
    """Fields of (variable, particle) from all pairs."""
    weight = np.exp(-distance / xi)
    return values @ weight / weight.sum(axis=0)


def grid_density(made: Quenched, cells: int) -> np.ndarray:
    """Particles in each cell, (species, y, x)."""
    image = np.zeros((len(made.model.species), *[cells] * made.model.dimension), np.uint8)
    place = (made.position * (cells / made.box_length)).astype(int)
    np.add.at(image, (made.species, *place.T[::-1]), 1)
    return image


def tong_tanaka(made: Quenched, cells: freud.locality.Voronoi) -> np.ndarray:
    """Tong-Tanaka order in 2D: a loop over pairs of neighbours that are neighbours themselves."""
    position, species, side = made.position.tolist(), made.species.tolist(), made.box_length
    ideal, neighbours = _ideal_angles(made.reference_length.tolist()), _neighbours(cells)
    theta = np.zeros(len(position))
    for o, around in enumerate(neighbours):
        x, y = position[o]
        edge = {}
        for j in around:
            across, up = position[j][0] - x, position[j][1] - y
            edge[j] = across - side * round(across / side), up - side * round(up / side)
        total, terms = 0.0, 0
        for i, j in combinations(around, 2):
            if j in neighbours[i]:
                (a, b), (c, d) = edge[i], edge[j]
                angle = math.atan2(abs(a * d - b * c), a * c + b * d)
                total += abs(angle - ideal[species[o]][species[i]][species[j]])
                terms += 1
        theta[o] = total / terms
    return theta


def _neighbours(cells: freud.locality.Voronoi) -> list[set[int]]:
    around: list[set[int]] = [set() for _ in cells.volumes]
    for i, j in np.asarray(cells.nlist[:]).tolist():
        around[i].add(j)
    return around


def _ideal_angles(length: list[list[float]]) -> list[list[list[float]]]:
    """Angle at the first of three species, by the law of cosines."""
    kinds = range(len(length))
    return [
        [
            [
                math.acos(
                    (length[o][i] ** 2 + length[o][j] ** 2 - length[i][j] ** 2)
                    / (2 * length[o][i] * length[o][j])
                )
                for j in kinds
            ]
            for i in kinds
        ]
        for o in kinds
    ]
