"""The groups of single snapshots: configurations, cooling, density, indicators, explanations."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassdask.campaign import Campaign
from glassdask.campaign.analyses import FEATURE_MAP_METHODS
from glassdask.campaign.classes import STATES
from glassdask.campaign.cooling import ramp
from glassdask.store.layout.axes import (
    class_attributes,
    classes_axis,
    networks_axis,
    particles_axis,
    samples_axis,
    space_axes,
    starts_axes,
    states_axis,
)
from glassdask.store.layout.parts import (
    AXES,
    Array,
    Coordinate,
    Group,
    gamma_name,
    model_attributes,
    per_sample,
    run_outcome,
    run_seeds,
    run_status,
    sample_array,
)
from glassdask.store.layout.starts import gamma_of_starts

#: Variables of `cooling` that only control runs have, and their descriptions.
CONTROLLED = {
    "held_liquid_energy": "potential energy per particle of the liquid, held at T_L",
    "inherent_energy": "potential energy per particle of the inherent structure of the glass",
    "slow_inherent_energy": "inherent_energy after a last piece of the cooling ten times slower",
}


def configurations(campaign: Campaign) -> Group:
    """Snapshots of the quenches."""
    runs, quench = campaign.file.quench.runs, campaign.file.quench
    further = quench.snapshot_temperatures
    snapshots = {
        "snapshot_temperature": Coordinate(
            ("snapshot",), np.array(further), "epsilon/kB", "set temperature of the snapshot"
        )
    }
    return Group(
        "configurations",
        samples_axis(campaign)
        | states_axis(campaign)
        | (snapshots if further else {})
        | particles_axis(campaign)
        | space_axes(campaign)
        | {
            "seed": Coordinate(("sample",), run_seeds(campaign, 0, runs), "1", "seed of the run"),
        },
        _recorded(campaign, {"state": 2}, "")
        | (_recorded(campaign, {"snapshot": len(further)}, "snapshot_") if further else {})
        | run_outcome(("sample",), (runs,), "run"),
        model_attributes(campaign)
        | cooling_attributes(campaign)
        | {"time_step": campaign.file.quench.time_step},
    )


def of_runs(campaign: Campaign, name: str, arrays: dict[str, Array]) -> Group:
    """A group of small variables of each run, for a stage of your own.

    Parameters
    ----------
    campaign : Campaign
    name : str
    arrays : dict of str to Array
        Made by `per_sample`.
    """
    axes = samples_axis(campaign) | classes_axis(campaign)
    return Group(name, axes, arrays | {"run_status": run_status(campaign, "run")})


def _recorded(campaign: Campaign, along: dict[str, int], prefix: str) -> dict[str, Array]:
    """Variables recorded for each snapshot; `along` is the dimension of the snapshots."""
    places = along | {
        "particle": campaign.file.system.particles, "axis": campaign.model.dimension
    }  # fmt: skip
    found = {
        "position": sample_array(
            campaign, places, "float64", "sigma", "position, wrapped to [0, L)", np.nan
        ),
        "potential_energy": per_sample(
            campaign, along, "float64", "epsilon", "potential energy per particle", np.nan
        ),
        "kinetic_temperature": per_sample(
            campaign, along, "float64", "epsilon/kB", "temperature from the velocities", np.nan
        ),
    }
    if campaign.file.quench.inherent_structures:
        found |= {
            "inherent_position": sample_array(
                campaign, places, "float64", "sigma",
                "position in the inherent structure, wrapped to [0, L)", np.nan,
            ),
            "inherent_potential_energy": per_sample(
                campaign, along, "float64", "epsilon",
                "potential energy per particle of the inherent structure", np.nan,
            ),
        }  # fmt: skip
    return {prefix + name: array for name, array in found.items()}


def cooling_attributes(campaign: Campaign) -> dict[str, Any]:
    """The slowest cooling rate, and the start temperature and rate of each piece."""
    if campaign.imported:
        return {}
    path = ramp(campaign)
    return {
        "cooling_rate": path.slowest,
        "cooling_rate_units": "epsilon/kB per unit time",
        "schedule_temperature": [float(t) for t in path.corners[:-1]],
        "schedule_rate": list(path.rates),
    }


def cooling(campaign: Campaign, temperatures: np.ndarray) -> Group:
    """Energies on cooling; `temperatures` (temperature,) are the mean ones of each average."""
    controls = {
        name: per_sample(campaign, {}, "float64", "epsilon", f"{text}; only control runs", np.nan)
        for name, text in CONTROLLED.items()
    }
    return Group(
        "cooling",
        samples_axis(campaign)
        | {
            "temperature": Coordinate(
                ("temperature",), temperatures, "epsilon/kB", "mean set temperature of the average"
            )
        },
        {
            "potential_energy": per_sample(
                campaign, {"temperature": len(temperatures)}, "float64", "epsilon",
                "potential energy per particle, averaged along the ramp", np.nan,
            )
        }
        | (controls if campaign.file.quench.controls and not campaign.imported else {}),
        cooling_attributes(campaign),
    )  # fmt: skip


def density(campaign: Campaign) -> Group:
    """Particles on the grid."""
    from glassdask.physics.grid_weights import KERNELS

    settings = campaign.file.grid
    kernel = KERNELS[settings.kernel]
    cells, d = campaign.cells, campaign.model.dimension
    names = list(campaign.model.species) if settings.species_channels else ["all"]
    grid_axes = AXES[:d][::-1]
    step = campaign.box_length / cells
    middles = {
        axis: Coordinate((axis,), (np.arange(cells) + 0.5) * step, "sigma", f"{axis} of the cell")
        for axis in grid_axes
    }
    sizes = {"state": 2, "channel": len(names)} | dict.fromkeys(grid_axes, cells)
    return Group(
        "density",
        samples_axis(campaign)
        | classes_axis(campaign)
        | {"channel": Coordinate(("channel",), np.array(names), "1", "species counted")}
        | middles,
        {
            "density": sample_array(
                campaign, sizes, kernel.dtype, kernel.units, "particles in the cell", kernel.fill
            ),
            "run_status": run_status(campaign, "gridding"),
        },
        {"spacing": step, "spacing_units": "sigma"}
        | kernel.attributes(settings.kernel_width)
        | class_attributes(campaign),
    )


def indicators(campaign: Campaign) -> Group:
    """Structural indicators of each particle, raw."""
    from glassdask.physics.indicators import INDICATORS

    def described(name: str) -> tuple[str, str]:
        """Unit and long name."""
        known = INDICATORS.get(name)  # None for one of a user before its module is loaded
        return (known.units(d), known.long_name) if known else ("1", name)

    particles, d = campaign.file.system.particles, campaign.model.dimension
    return Group(
        "indicators",
        samples_axis(campaign) | classes_axis(campaign) | particles_axis(campaign),
        {
            name: sample_array(
                campaign, {"state": 2, "particle": particles}, "float64", *described(name), np.nan
            )
            for name in campaign.file.indicators.names
        }
        | {"run_status": run_status(campaign, "indicators")},
        campaign.indicator_parameters | class_attributes(campaign),
    )  # fmt: skip


def explanations(campaign: Campaign, starts: np.ndarray | None = None) -> Group:
    """Raw Gamma of each particle and the scores, of one network and, if several, of each.

    With `starts`, the runs (configuration,) whose equilibrated liquids the ensemble starts from,
    it has Gamma of these liquids, too.
    """
    particles, made_by = campaign.file.system.particles, _made_by(campaign)
    settings = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in made_by.items())
    networks = campaign.file.train.seeds
    correct = "classified correctly: 1 yes, 0 no, -1 not classified"
    each = {"network": networks, "state": 2}
    by_network = {
        "gradcam_by_network": sample_array(
            campaign, each | {"particle": particles}, "float32", "1",
            f"{gamma_name(campaign)} of each network, raw ({settings})", np.nan,
        ),
        "score_by_network": per_sample(
            campaign, each | {"label": 2}, "float32", "1", "score of each network before softmax",
            np.nan,
        ),
        "correct_by_network": per_sample(
            campaign, each, "int8", "1", f"by each network {correct}", -1
        ),
    }  # fmt: skip
    states, of_starts = classes_axis(campaign), {}
    if starts is not None:
        # here `temperature` is that of the ensemble
        states["state_temperature"] = states.pop("temperature")
        states |= starts_axes(campaign, starts)
        of_starts = gamma_of_starts(campaign, len(starts))
    return Group(
        "explanations",
        samples_axis(campaign)
        | states
        | particles_axis(campaign)
        | networks_axis(campaign)
        | {"label": Coordinate(("label",), np.array(STATES), "1", "class of the network")},
        {
            "gradcam": sample_array(
                campaign, {"state": 2, "particle": particles}, "float32", "1",
                f"{gamma_name(campaign)} Gamma, raw: {settings}", np.nan,
            ),
            "score": per_sample(
                campaign, {"state": 2, "label": 2}, "float32", "1", "score before softmax", np.nan
            ),
            "correct": per_sample(campaign, {"state": 2}, "int8", "1", correct, -1),
            "run_status": run_status(campaign, "explanation"),
        }
        | (by_network if networks > 1 else {})
        | of_starts,
        made_by | class_attributes(campaign),
    )  # fmt: skip


def _made_by(campaign: Campaign) -> dict[str, Any]:
    """The fields of [explain] that Gamma depends on."""
    explain = campaign.file.explain
    keys = ["method", "target", "inverse_mapping"]
    if explain.method in FEATURE_MAP_METHODS:
        keys.append("layer")
    else:
        keys += ["integrated_gradients_baseline", "integrated_gradients_steps"]
    return {key: getattr(explain, key) for key in keys}
