"""Checks that need the model and its defaults."""

from __future__ import annotations

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.campaign.classes import check_classes
from glassdask.campaign.cooling import check_cooling
from glassdask.campaign.experiment import Experiment
from glassdask.campaign.modules import check_names, read_module
from glassdask.physics.indicators import OWN

#: Largest number of cells of an image.
_MOST_CELLS = 10**8


def check_resolved(campaign: Experiment) -> None:
    """Check the fields against the model.

    Raises
    ------
    UsageError
        For the first field that does not agree with it.
    """
    if campaign.imported:
        _check_order(campaign)
    else:
        _check_temperatures(campaign)
        check_cooling(campaign)
    check_classes(campaign)
    _check_onset(campaign)
    _check_box(campaign)
    _check_radial(campaign)
    _check_bonds(campaign)
    _check_indicators(campaign)


def _check_temperatures(campaign: Experiment) -> None:
    model, file = campaign.model, campaign.file
    liquid, glass = model.liquid_temperature, model.glass_temperature
    if liquid is None or glass is None:
        missing = "liquid_temperature" if liquid is None else "glass_temperature"
        raise UsageError(
            f"[quench] has no {missing}",
            "a value, since a custom model has no default",
            f"Add `{missing} = 0.5` (your value) under [quench].",
        )
    if not glass < liquid <= file.quench.start_temperature:
        raise UsageError(
            f"glass_temperature {glass:g}, liquid_temperature {liquid:g}, "
            f"start_temperature {file.quench.start_temperature:g}",
            "T_G < T_L <= start_temperature",
            "Correct them under [quench].",
        )


def _check_order(campaign: Experiment) -> None:
    """T_G < T_L, also for imported states; an unknown temperature is NaN and passes."""
    liquid, glass = campaign.state_temperatures
    if glass >= liquid:
        raise UsageError(
            f"[quench] glass_temperature = {glass:g}, liquid_temperature = {liquid:g}", "T_G < T_L"
        )


def _check_onset(campaign: Experiment) -> None:
    model, file = campaign.model, campaign.file
    if model.onset_temperature is None and file.propensity.temperature_unit == "T*":
        raise UsageError(
            "[propensity] temperatures are in units of T*, and a custom model has no T*",
            "onset_temperature, or absolute temperatures",
            'Add `onset_temperature = 0.4` (your value) or `temperature_unit = "epsilon"`.',
        )


def _check_box(campaign: Experiment) -> None:
    model, file = campaign.model, campaign.file
    if min(model.counts(file.system.particles)) < 1:
        raise UsageError(
            f"{file.system.particles} particles give the species "
            f"{list(model.counts(file.system.particles))} particles",
            "at least one particle of each species",
            "Raise [system] particles.",
        )
    longest = file.system.cutoff * max(max(row) for row in model.sigma)
    if longest > 0.5 * campaign.box_length:
        enough = int((2 * longest) ** model.dimension * model.density) + 1
        raise UsageError(
            f"the longest cutoff, {longest:.4g} sigma, exceeds half the box, "
            f"{0.5 * campaign.box_length:.4g} sigma",
            "a cutoff of at most half the box",
            f"Set [system] particles to {enough} or more, or lower cutoff.",
        )
    width = file.grid.kernel_width
    if width is not None and width > 0.5 * campaign.box_length:
        raise UsageError(
            f"[grid] kernel_width = {width:g} exceeds half the box",
            f"at most {0.5 * campaign.box_length:.4g} sigma",
            "Lower [grid] kernel_width.",
        )
    if campaign.cells**model.dimension > _MOST_CELLS:
        raise UsageError(
            f"[grid] spacing {file.grid.spacing:g} gives {campaign.cells} cells a side",
            f"at most {_MOST_CELLS:g} in all",
            "Raise [grid] spacing.",
        )
    if campaign.cells < file.train.kernel_size:
        raise UsageError(
            f"[grid] spacing {file.grid.spacing:g} gives {campaign.cells} cells a side",
            f"at least the kernel_size, {file.train.kernel_size}",
            "Lower [grid] spacing.",
        )


def _check_radial(campaign: Experiment) -> None:
    section, half = campaign.file.correlate, 0.5 * campaign.box_length
    if section.radial_distance is not None and section.radial_distance >= half:
        raise UsageError(
            f"[correlate] radial_distance = {section.radial_distance:g}, and half the box is "
            f"{half:.4g}",
            "a distance below half the box",
            "Lower radial_distance, or delete it.",
        )
    if campaign.radial_bins[0] < 1:
        raise UsageError(
            f"[correlate] radial_bin = {section.radial_bin:g} exceeds the range of g(r)",
            "at least one bin",
            "Lower radial_bin.",
        )


def _check_bonds(campaign: Experiment) -> None:
    section, half = campaign.file.correlate, 0.5 * campaign.box_length
    longest = section.bond_length * max(max(row) for row in campaign.model.sigma)
    if longest > half:
        raise UsageError(
            f"[correlate] bond_length = {section.bond_length:g} gives bonds up to {longest:.4g} "
            f"sigma, and half the box is {half:.4g}",
            "bonds of at most half the box",
            "Lower bond_length, or raise [system] particles.",
        )


def _check_references(campaign: Experiment) -> None:
    """Reference lengths form triangles (tetrahedra); checked before the quenches run."""
    from glassdask.physics.structure import ideal_angles

    lengths = np.array(campaign.model.reference_lengths)
    if np.isnan(ideal_angles(lengths, campaign.model.dimension)).any():
        raise UsageError(
            f"[system] reference_lengths = {lengths.tolist()} cannot form a triangle (tetrahedron)",
            "lengths such as the sums of the radii",
            "Correct them, or remove tong_tanaka from [indicators] names.",
        )


def _check_indicators(campaign: Experiment) -> None:
    section = campaign.file.indicators
    if len(set(section.names)) != len(section.names):
        raise UsageError(f"[indicators] names = {section.names}", "no name twice")
    for name in section.modules:
        read_module(campaign.path, name)
    # other names may be those of modules, which only stages that compute indicators load
    check_names(campaign, [n for n in section.names if n in OWN or not section.modules])
    # built-in models always form valid triangles
    if "tong_tanaka" in section.names and (
        campaign.file.system.reference_lengths or campaign.file.system.model == "custom"
    ):
        _check_references(campaign)
    half = 0.5 * campaign.box_length
    reaches = {
        "local_density": ("local_density_distance", section.local_density_distance + 0.5),
        "pair_entropy": (
            "pair_entropy_distance",
            section.pair_entropy_distance + 5 * section.pair_entropy_width,
        ),
    }
    for name, (key, reach) in reaches.items():
        if name in section.names and reach > half:
            raise UsageError(
                f"[indicators] {key} = {getattr(section, key):g} needs distances up to "
                f"{reach:.4g} sigma, and half the box is {half:.4g}",
                "distances of at most half the box",
                f"Lower {key}, or raise [system] particles.",
            )
