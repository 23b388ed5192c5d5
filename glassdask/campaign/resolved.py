"""Checks of a campaign with the model's defaults filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glassdask.errors import UsageError

if TYPE_CHECKING:
    from glassdask.campaign.campaign import Campaign


def check_resolved(campaign: Campaign) -> None:
    """What can only be checked once the model's defaults are filled in.

    Raises
    ------
    UsageError
        With the field, what it holds and what it may hold.
    """
    model, file = campaign.model, campaign.file
    if not campaign.imported:
        _check_ramp(campaign)
    else:
        _check_temperatures(campaign)
    if model.onset_temperature is None and file.propensity.temperature_unit == "T*":
        raise UsageError(
            "[propensity] temperatures are in units of T*, and a custom model has no T*",
            "onset_temperature, or absolute temperatures",
            'Add `onset_temperature = 0.4` (your value) or `temperature_unit = "epsilon"`.',
        )
    if min(model.counts(file.system.particles)) < 1:
        raise UsageError(
            f"{file.system.particles} particles leave a species empty "
            f"(counts {list(model.counts(file.system.particles))})",
            "at least one particle of each species",
            "Raise [system] particles.",
        )
    longest = file.system.cutoff * max(max(row) for row in model.sigma)
    if longest > 0.5 * campaign.box_length:
        enough = int((2 * longest) ** model.dimension * model.density) + 1
        raise UsageError(
            f"the longest cutoff, {longest:.4g} sigma, is beyond half the box, "
            f"{0.5 * campaign.box_length:.4g} sigma",
            "a cutoff within half the box",
            f"Set [system] particles to {enough} or more, or lower cutoff.",
        )
    if campaign.cells < file.train.kernel_size:
        raise UsageError(
            f"[grid] spacing {file.grid.spacing:g} gives {campaign.cells} cells a side",
            f"at least the kernel_size, {file.train.kernel_size}",
            "Lower [grid] spacing.",
        )


def _check_temperatures(campaign: Campaign) -> None:
    """Imported states may lack a temperature (NaN, which compares as false)."""
    liquid, glass = campaign.state_temperatures
    if glass >= liquid:
        raise UsageError(
            f"[quench] glass_temperature = {glass:g}, liquid_temperature = {liquid:g}", "T_G < T_L"
        )


def _check_ramp(campaign: Campaign) -> None:
    model, file = campaign.model, campaign.file
    liquid, glass = model.liquid_temperature, model.glass_temperature
    if liquid is None or glass is None:
        missing = "liquid_temperature" if liquid is None else "glass_temperature"
        raise UsageError(
            f"[quench] has no {missing}",
            "one, since a custom model has no default",
            f"Add `{missing} = 0.5` (your value) under [quench].",
        )
    if not glass < liquid <= file.quench.start_temperature:
        raise UsageError(
            f"glass_temperature {glass:g}, liquid_temperature {liquid:g}, "
            f"start_temperature {file.quench.start_temperature:g}",
            "T_G < T_L <= start",
            "Mend them under [quench].",
        )
    quench = file.quench
    ramp_steps = (quench.start_temperature - glass) / quench.cooling_rate / quench.time_step
    if ramp_steps < 10 * quench.cooling_points:
        raise UsageError(
            f"[quench] cooling_rate = {quench.cooling_rate:g} leaves {ramp_steps:.0f} steps for "
            f"{quench.cooling_points} cooling_points",
            "at least 10 steps a point",
            "Lower cooling_rate or cooling_points.",
        )
