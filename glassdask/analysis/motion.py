"""Dynamic quantities of an ensemble, from some of its frames at a time."""

from __future__ import annotations

import numpy as np
import xarray as xr

from glassdask.campaign.analyses import Correlate
from glassdask.physics import bonds, relaxation, scattering, statistics
from glassdask.physics import displacement as displacements

#: Prefix of variables made from cage-relative displacements.
CAGE = "cage_relative_"


class Motion:
    """Dynamic quantities of the trajectories from one start.

    Parameters
    ----------
    start : Dataset
        `position` (particle, axis), `box_length`, `species`, with the attribute `sigma`.
    section : Correlate
        The table [correlate] of the campaign.
    """

    def __init__(self, start: xr.Dataset, section: Correlate) -> None:
        self.section, self.species = section, start["species"].values
        self.bonds = bonds.find_bonds(
            start["position"].values,
            start["box_length"].values,
            self.species,
            start.attrs["sigma"],
            section.bond_length,
            section.broken_bond_length,
        )

    def of_frames(self, displacement: np.ndarray, crsd: np.ndarray) -> dict[str, np.ndarray]:
        """Propensities, displacements, scattering and overlap of some frames.

        Parameters
        ----------
        displacement : ndarray
            (replica, time, particle, axis), sigma.
        crsd : ndarray
            (replica, time, particle), sigma^2.

        Returns
        -------
        dict of ndarray
            Variables of the group `dynamics`, (time,), (time, particle), (selection, time) or
            (replica, time).
        """
        squares = displacements.squared_displacement_array(displacement)
        broken = bonds.broken_bonds_array(displacement, self.bonds)
        delta_i = crsd.mean(axis=0, dtype=float)
        found = {
            "propensity": delta_i,
            "delta": displacements.mean_cage_relative_displacement_array(delta_i),
            "displacement_propensity": np.sqrt(squares).mean(axis=0, dtype=float),
            "bond_breaking_propensity": broken.mean(axis=0, dtype=float),
            "overlap": relaxation.overlap_array(squares, self.section.overlap_distance),
        }
        q, dimension = self.section.wave_number, displacement.shape[-1]
        for prefix, each in (("", squares), (CAGE, crsd)):
            second, fourth = self._means(each), self._means(each**2)
            found[f"{prefix}mean_squared_displacement"] = second
            found[f"{prefix}non_gaussian_parameter"] = relaxation.non_gaussian_parameter_array(
                second, fourth, dimension
            )
            found[f"{prefix}self_intermediate_scattering"] = self._means(
                scattering.angular_average(each, q, dimension)
            )
        return found

    def _means(self, values: np.ndarray) -> np.ndarray:
        """Mean over the replicas and over all particles, and over those of each species."""
        each = statistics.means_of_groups(values, self.species).mean(axis=0)
        share = np.unique(self.species, return_counts=True)[1] / len(self.species)
        return np.concatenate([(each @ share)[None], each.T])


def relaxed(found: dict[str, np.ndarray], times: np.ndarray) -> dict[str, np.ndarray]:
    """Relaxation times, from the scattering of all frames."""
    return {
        f"{prefix}relaxation_time": relaxation.relaxation_time_array(
            found[f"{prefix}self_intermediate_scattering"], times
        )
        for prefix in ("", CAGE)
    }
