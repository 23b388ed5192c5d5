"""The group dynamics: how particles move, and how structure predicts it."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassdask.campaign import Campaign
from glassdask.store.layout.axes import (
    ensemble_axes,
    ladder_axis,
    networks_axis,
    particles_axis,
)
from glassdask.store.layout.parts import (
    Array,
    Coordinate,
    Group,
    indicator_names,
)

_LEAD = ("configuration", "temperature")


def dynamics(campaign: Campaign, samples: np.ndarray, times: np.ndarray) -> Group:
    """Dynamics of the ensembles and correlations with structure; arguments as for `propensity`."""
    section = campaign.file.correlate
    names = np.array(indicator_names(campaign))
    replicas = campaign.file.propensity.replicas
    return Group(
        "dynamics",
        ensemble_axes(campaign, samples, times)
        | particles_axis(campaign)
        | {
            "replica": Coordinate(("replica",), np.arange(replicas), "1", "velocity draw"),
            "selection": Coordinate(
                ("selection",), np.array(selections(campaign)), "1", "all particles, or a species"
            ),
            "indicator": Coordinate(("indicator",), names, "1", "structural indicator"),
            "draw": Coordinate(
                ("draw",),
                np.arange(section.chance_draws),
                "1",
                "random shift, rotation and reflection; the same for all times",
            ),
        }
        | ladder_axis(campaign)
        | networks_axis(campaign),
        _arrays(campaign, len(samples), len(times)),
        {
            "convention": "against 1 - Delta; tong_tanaka enters as 1 - Theta",
            "coarse_graining_length": section.coarse_graining_length,
            "coarse_graining_length_units": "sigma",
            "species_centred": section.species_centred,
            "wave_number": section.wave_number,
            "wave_number_units": "sigma^-1",
            "overlap_distance": section.overlap_distance,
            "overlap_distance_units": "sigma",
            "bond_length": section.bond_length,
            "broken_bond_length": section.broken_bond_length,
            "bond_length_units": "sigma_ij",
            "bootstrap": section.bootstrap,
            "relaxation": "first time at which the function falls below 1/e, interpolated in log t "
            "between recorded times; NaN if it never does, or before the first recorded time",
        },
    )


def selections(campaign: Campaign) -> tuple[str, ...]:
    """Selections of particles for means and correlations: all, and each species."""
    return ("all", *campaign.model.species)


def _arrays(campaign: Campaign, samples: int, times: int) -> dict[str, Array]:
    lead = {"configuration": samples, "temperature": len(campaign.propensity_temperatures)}
    time, particles = {"time": times}, {"particle": campaign.file.system.particles}
    selection = {"selection": len(selections(campaign))}
    indicator = {"indicator": len(indicator_names(campaign))}
    network = {"network": campaign.file.train.seeds}
    rung = {"coarse_graining_length": len(campaign.file.correlate.coarse_graining_ladder)}

    def array(
        units: str,
        long_name: str,
        *inner: dict[str, int],
        before: dict[str, int] | None = None,
        dtype: str = "float64",
        fill: Any = np.nan,
    ) -> Array:
        """A variable with one file for each ensemble."""
        sizes = (before or {}) | lead
        for more in inner:
            sizes |= more
        chunks = tuple(1 if dim in lead else size for dim, size in sizes.items())
        return Array(
            tuple(sizes), tuple(sizes.values()), chunks, None, dtype, units, long_name, fill
        )

    def of_each(units: str, long_name: str) -> Array:
        return array(units, long_name, time, particles, dtype="float32")

    def over(units: str, long_name: str, *inner: dict[str, int]) -> Array:
        return array(units, long_name, selection, *inner)

    both = "1 - Delta, both coarse-grained"
    arrays = {
        "delta": array("sigma", "mean root propensity delta(t)", time),
        "propensity": of_each("sigma^2", "dynamic propensity Delta, mean CRSD over the replicas"),
        "propensity_field": of_each("1", "propensity, coarse-grained and normalised to [0, 1]"),
        "displacement_propensity": of_each("sigma", "mean displacement over the replicas"),
        "bond_breaking_propensity": of_each("1", "mean number of broken bonds over the replicas"),
        "mean_squared_displacement": over("sigma^2", "mean squared displacement", time),
        "cage_relative_mean_squared_displacement": over(
            "sigma^2", "cage-relative mean squared displacement", time
        ),
        "non_gaussian_parameter": over("1", "non-Gaussian parameter alpha_2", time),
        "cage_relative_non_gaussian_parameter": over(
            "1", "cage-relative non-Gaussian parameter alpha_2", time
        ),
        "self_intermediate_scattering": over("1", "self-intermediate scattering F_s(q, t)", time),
        "cage_relative_self_intermediate_scattering": over(
            "1", "cage-relative self-intermediate scattering", time
        ),
        "relaxation_time": over("sigma sqrt(m/epsilon)", "relaxation time of F_s"),
        "cage_relative_relaxation_time": over(
            "sigma sqrt(m/epsilon)", "relaxation time of the cage-relative F_s"
        ),
        "overlap": array(
            "1", "overlap Q(t) of each trajectory with its start",
            {"replica": campaign.file.propensity.replicas}, time,
        ),
        "isoconfigurational_chi4": array("1", "N var(Q) over the replicas", time),
        "chi4": _chi4(lead["temperature"], times),
        "reliability": array(
            "1", "split-half reliability of the propensity field (Spearman-Brown)", time
        ),
        "reliability_ladder": array(
            "1", "split-half reliability of the propensity (Spearman-Brown)", time,
            before=selection | rung,
        ),
        "pearson_low": array(
            "1", "lower end of the 95 % interval of pearson over the replicas", time,
            before=indicator,
        ),
        "pearson_high": array(
            "1", "upper end of the 95 % interval of pearson over the replicas", time,
            before=indicator,
        ),
        "replicas": array("1", "trajectories in the mean", dtype="int32", fill=0),
    }  # fmt: skip
    by_chance = "by chance: the indicator shifted, rotated and reflected at random"
    draw = {"draw": campaign.file.correlate.chance_draws}
    for kind in ("pearson", "spearman"):
        name = f"{kind.title()} correlation"
        for end, before in (("", indicator), ("_ladder", indicator | selection | rung)):
            arrays |= {
                f"{kind}{end}": array("1", f"{name} with {both}", time, before=before),
                f"chance_{kind}{end}": array(
                    "1", f"{kind}{end} {by_chance}", time, draw, before=before, dtype="float32"
                ),
            }
        if campaign.file.train.seeds > 1:
            about = f"{name} of gradcam of each network with {both}"
            arrays[f"{kind}_by_network"] = array("1", about, time, before=network)
    if campaign.file.correlate.supervised:
        about = "Pearson correlation of supervised_propensity and propensity"
        arrays |= {
            "supervised_propensity": of_each(
                "sigma^2", "Delta, predicted by ridge regression trained on other starts"
            ),
            "supervised_pearson": array("1", f"{about}, both coarse-grained", time),
            "supervised_pearson_ladder": array(
                "1", f"{about}, both coarse-grained", time, before=selection | rung
            ),
        }
    return arrays


def _chi4(temperatures: int, times: int) -> Array:
    """In one file, which is written after all ensembles."""
    shape = (temperatures, times)
    about = "N var(Q) over trajectories from any start"
    return Array(("temperature", "time"), shape, shape, None, "float64", "1", about)
