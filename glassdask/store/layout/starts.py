"""The group equilibrated: starts of an ensemble in equilibrium, and Gamma of these starts."""

from __future__ import annotations

import numpy as np

from glassdask.campaign import Campaign
from glassdask.campaign.ensemble import equilibration_time
from glassdask.store.layout.axes import particles_axis, space_axes, starts_axes
from glassdask.store.layout.parts import (
    Array,
    Coordinate,
    Group,
    gamma_name,
    model_attributes,
    of_starts,
    run_outcome,
    run_seeds,
)


def equilibrated(campaign: Campaign, samples: np.ndarray, history: np.ndarray) -> Group:
    """Liquids that were equilibrated at each temperature of the ensemble.

    `samples` (configuration,) are their runs, `history` (history,) the mean times of the averages
    of the energy, which show whether it still drifts.
    """
    d, particles = campaign.model.dimension, campaign.file.system.particles
    lead_dims = ("configuration", "temperature")
    lead = (len(samples), len(campaign.propensity_temperatures))
    seeds = run_seeds(campaign, 2, int(np.prod(lead))).reshape(lead)

    def positions(long_name: str) -> Array:
        inner = (particles, d)
        return Array(
            (*lead_dims, "particle", "axis"), (*lead, *inner), (1, 1, *inner),
            (1, lead[1], *inner), "float64", "sigma", f"{long_name}, wrapped to [0, L)",
        )  # fmt: skip

    def number(units: str, long_name: str) -> Array:
        return Array(lead_dims, lead, (1, lead[1]), None, "float64", units, long_name)

    arrays = {
        "position": positions("position at the end of the equilibration"),
        "potential_energy": number("epsilon", "potential energy per particle at the end"),
        "kinetic_temperature": number("epsilon/kB", "temperature from the velocities at the end"),
        "energy_history": Array(
            (*lead_dims, "history"), (*lead, len(history)), (1, lead[1], len(history)), None,
            "float64", "epsilon", "potential energy per particle, averaged along the equilibration",
        ),
    }  # fmt: skip
    if campaign.file.quench.inherent_structures:
        arrays |= {
            "inherent_position": positions("position in the inherent structure"),
            "inherent_potential_energy": number(
                "epsilon", "potential energy per particle of the inherent structure"
            ),
        }
    return Group(
        "equilibrated",
        starts_axes(campaign, samples)
        | particles_axis(campaign)
        | space_axes(campaign)
        | {
            "history": Coordinate(
                ("history",), history, "sigma sqrt(m/epsilon)",
                "mean time of the average, since the start of the equilibration",
            ),
            "seed": Coordinate(lead_dims, seeds, "1", "seed of the velocities"),
        },
        arrays | run_outcome(lead_dims, lead, "equilibration"),
        model_attributes(campaign)
        | {
            "equilibration_time": equilibration_time(campaign.file.propensity),
            "equilibration_time_units": "sigma sqrt(m/epsilon)",
        },
    )  # fmt: skip


def gamma_of_starts(campaign: Campaign, count: int) -> dict[str, Array]:
    """Gamma of the equilibrated liquids, of one network and, if several, of each."""
    particles, networks = campaign.file.system.particles, campaign.file.train.seeds
    temperatures = len(campaign.propensity_temperatures)
    inner = {"configuration": count, "temperature": temperatures, "particle": particles}

    def gamma(lead: dict[str, int], long_name: str) -> Array:
        sizes = lead | inner
        chunks = (*lead.values(), 1, temperatures, particles)
        return Array(
            tuple(sizes), tuple(sizes.values()), chunks, None, "float32", "1",
            f"{gamma_name(campaign)} {long_name} of the starts of the ensemble, raw",
        )  # fmt: skip

    found = {of_starts("gradcam"): gamma({}, "Gamma")}
    if networks > 1:
        found[of_starts("gradcam_by_network")] = gamma({"network": networks}, "of each network")
    return found
