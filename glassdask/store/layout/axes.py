"""Coordinates of the groups: runs, classes, particles, networks, space, the ensemble."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from glassdask.campaign import Campaign
from glassdask.campaign.classes import STATES, in_words, others
from glassdask.store.layout.parts import AXES, Coordinate, splits


def samples_axis(campaign: Campaign) -> dict[str, Coordinate]:
    """Number and split of each run."""
    runs = campaign.file.quench.runs
    return {
        "sample": Coordinate(("sample",), np.arange(runs), "1", "number of the quench"),
        "split": Coordinate(("sample",), splits(campaign), "1", "split that the run belongs to"),
    }


def states_axis(campaign: Campaign) -> dict[str, Coordinate]:
    """The two snapshots of a run and their temperatures."""
    return {
        "state": Coordinate(("state",), np.array(STATES), "1", "snapshot of the quench"),
        "temperature": Coordinate(
            ("state",), np.array(campaign.state_temperatures), "epsilon/kB", "set temperature"
        ),
    }


def classes_axis(campaign: Campaign) -> dict[str, Coordinate]:
    """The two classes and their temperatures."""
    axis = states_axis(campaign)
    if not others(campaign):
        return axis
    temperatures = np.array(campaign.class_temperatures)
    return {
        "state": replace(axis["state"], long_name="class of the snapshot"),
        "temperature": replace(axis["temperature"], values=temperatures),
    }


def class_attributes(campaign: Campaign) -> dict[str, Any]:
    """The attribute `classes`, if the classes are not the snapshots at T_L and T_G."""
    text = in_words(campaign)
    return {"classes": text} if text else {}


def particles_axis(campaign: Campaign) -> dict[str, Coordinate]:
    """Number and species of each particle."""
    particles = campaign.file.system.particles
    return {
        "particle": Coordinate(("particle",), np.arange(particles), "1", "number of the particle"),
        "species": Coordinate(
            ("particle",),
            campaign.model.species_of_particles(particles),
            "1",
            "species: " + ", ".join(f"{k} = {s}" for k, s in enumerate(campaign.model.species)),
        ),
    }


def networks_axis(campaign: Campaign, name: str = "network") -> dict[str, Coordinate]:
    """Number of each network; a single network has no axis."""
    count = campaign.file.train.seeds
    if count == 1:
        return {}
    return {name: Coordinate((name,), np.arange(count), "1", "network; each has its own seed")}


def ladder_axis(campaign: Campaign) -> dict[str, Coordinate]:
    """Coarse-graining lengths of the variables that end in `_ladder`."""
    return {
        "coarse_graining_length": Coordinate(
            ("coarse_graining_length",),
            np.array(campaign.file.correlate.coarse_graining_ladder),
            "sigma",
            "coarse-graining length xi of the ladder; 0: not coarse-grained",
        )
    }


def space_axes(campaign: Campaign) -> dict[str, Coordinate]:
    """Cartesian axes and the sides of the box."""
    d = campaign.model.dimension
    return {
        "axis": Coordinate(("axis",), np.array(AXES[:d]), "1", "Cartesian axis"),
        "box_length": Coordinate(
            ("axis",), np.full(d, campaign.box_length), "sigma", "side of the periodic box"
        ),
    }


def starts_axes(campaign: Campaign, samples: np.ndarray) -> dict[str, Coordinate]:
    """Starting configurations and temperatures of the isoconfigurational ensemble."""
    cold = others(campaign).get("glass")
    snapshot = f"snapshot at {cold}" if cold else "glass"
    starts = {
        "glass": f"sample whose {snapshot} the trajectories start from",
        "equilibrium": "sample whose liquid is equilibrated for the trajectories",
    }
    return {
        "configuration": Coordinate(
            ("configuration",), samples, "1", starts[campaign.file.propensity.start]
        ),
        "temperature": Coordinate(
            ("temperature",),
            np.array(campaign.propensity_temperatures),
            "epsilon/kB",
            "temperature of the trajectories",
        ),
    }


def ensemble_axes(
    campaign: Campaign, samples: np.ndarray, times: np.ndarray
) -> dict[str, Coordinate]:
    """Starts, temperatures and times of the isoconfigurational ensemble."""
    return starts_axes(campaign, samples) | {
        "time": Coordinate(("time",), times, "sigma sqrt(m/epsilon)", "time since the start"),
    }
