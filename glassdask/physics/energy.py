"""Potential energy of each particle."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.physics.compiled import compiled
from glassdask.physics.configuration import one_indicator
from glassdask.physics.geometry.inputs import species_numbers, symmetric
from glassdask.physics.geometry.pairs import pairs_within


def potential_energy(ds: xr.Dataset) -> xr.DataArray:
    """Potential energy of each particle, half the sum over its pairs, epsilon.

    phi*(r) = phi(r) - phi(r_c) - (r - r_c) phi'(r_c) for r < r_c = cutoff sigma_ij, with
    phi(r) = 4 epsilon_ij [(sigma_ij / r)^12 - (sigma_ij / r)^6]; Eq. (1) and (2) of Oyama, Koyama
    and Kawasaki (2022), and `lj/smooth/linear` in LAMMPS.

    Parameters
    ----------
    ds : Dataset
        As for `structural_indicators`, with the attributes `sigma` and `epsilon`, symmetric
        matrices (species, species), and `cutoff`, r_c / sigma_ij.

    Returns
    -------
    DataArray
        (..., particle). The sum over particles is the energy of the configuration.

    Raises
    ------
    ValueError
        When an attribute is missing, a cutoff is longer than half the box, a position lies outside
        [0, L), two particles coincide, or a matrix is not symmetric or too small.

    Examples
    --------
    >>> energy = gd.potential_energy(ds)
    >>> round(float(energy.mean()), 3)
    122.607
    """
    return one_indicator(ds, "potential_energy")


def potential_energy_array(
    position: np.ndarray,
    box_length: float | np.ndarray,
    species: np.ndarray,
    sigma: np.ndarray,
    epsilon: np.ndarray,
    cutoff: float,
) -> np.ndarray:
    """`potential_energy` of one configuration, (particle,), epsilon."""
    kinds, sigma, epsilon, reach = interaction(species, len(position), sigma, epsilon, cutoff)
    energy = np.zeros(len(kinds))
    for pairs in pairs_within(position, box_length, reach):
        _add_energies(energy, *pairs, kinds, sigma, epsilon, float(cutoff))
    return energy


def interaction(
    species: np.ndarray, count: int, sigma: np.ndarray, epsilon: np.ndarray, cutoff: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Checked species, sigma and epsilon for kernels, and the longest cutoff, sigma."""
    kinds = species_numbers(species, count)
    sigma = symmetric(sigma, kinds, "sigma")
    epsilon = symmetric(epsilon, kinds, "epsilon")
    here = np.unique(kinds)
    return kinds, sigma, epsilon, float(cutoff * sigma[np.ix_(here, here)].max(initial=0))


@compiled(inline="always")
def at_cutoff(cutoff):  # type: ignore[no-untyped-def]
    """Phi and its derivative at the cutoff, for epsilon = sigma = 1."""
    return 4 * (cutoff**-12 - cutoff**-6), 4 * (6 * cutoff**-7 - 12 * cutoff**-13)


@compiled(inline="always")
def phi_and_sixth(r, cutoff, value, slope):  # type: ignore[no-untyped-def]
    """phi* of Eq. (1), with the results of `at_cutoff`, and r^-6; for epsilon = sigma = 1."""
    sixth = 1 / (r * r * r)
    sixth *= sixth
    return 4 * (sixth * sixth - sixth) - value - (r - cutoff) * slope, sixth


@compiled()
def _add_energies(energy, particle, partner, distance, kinds, sigma, epsilon, cutoff):  # type: ignore[no-untyped-def]
    value, slope = at_cutoff(cutoff)
    for pair in range(len(particle)):
        i, j = kinds[particle[pair]], kinds[partner[pair]]
        r = distance[pair] / sigma[i, j]
        if r < cutoff:
            phi, _ = phi_and_sixth(r, cutoff, value, slope)
            energy[particle[pair]] += 0.5 * epsilon[i, j] * phi
