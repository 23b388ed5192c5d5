"""Checks that need the model and its defaults."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.campaign.analyses import Train
from glassdask.campaign.classes import check_classes
from glassdask.campaign.cooling import check_cooling
from glassdask.campaign.ensemble import frame_steps
from glassdask.campaign.experiment import Experiment
from glassdask.campaign.modules import check_names, read_module
from glassdask.campaign.wording import shown
from glassdask.physics.indicators import OWN

#: Largest number of cells of an image.
_MOST_CELLS = 10**8
#: Most weights of a network; training takes 16 bytes for each, and the largest GPUs have that.
_MOST_WEIGHTS = 10**10
#: Most bins of g(r).
_MOST_BINS = 100_000
#: Bytes of the largest chunk of a variable. A chunk is in memory as a whole.
_LARGEST_CHUNK = 1 << 31


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
    _check_network(campaign)
    _check_chunks(campaign)
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
    # stages refuse to run an imported ensemble without temperatures
    if not campaign.has_temperatures and not campaign.imported:
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
            f"{shown(list(model.counts(file.system.particles)))} particles",
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
            f"Import {enough} particles or more, or lower [system] cutoff (type `--set "
            "system.cutoff=...`)."
            if campaign.imported
            else f"Set [system] particles to {enough} or more, or lower cutoff.",
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


def _check_network(campaign: Experiment) -> None:
    channels = len(campaign.model.species) if campaign.file.grid.species_channels else 1
    check_maps(campaign.file.train, campaign.model.dimension, channels, campaign.cells)


def check_maps(settings: Train, dimension: int, channels: int, cells: int) -> None:
    """Check the sizes of the feature maps and the number of weights of a network.

    Parameters
    ----------
    settings : Train
        The [train] section of the campaign file.
    dimension : int
        2 or 3.
    channels : int
        Channels of the images.
    cells : int
        Cells of the images along each axis.

    Raises
    ------
    UsageError
        If the kernel is larger than a feature map, or there are too many weights.
    """
    # the kernel must not overlap its own periodic image
    kernel, smallest = settings.kernel_size, map_cells(cells, settings.strides[:-1])
    if kernel > smallest:
        raise UsageError(
            f"[train] kernel_size = {kernel}, on maps of {smallest} cells",
            f"at most {smallest}",
            "Choose a smaller kernel_size or smaller strides, or a smaller [grid] spacing; images "
            f"have {cells} cells a side.",
        )
    weights = sum(
        kernel**dimension * before * after
        for before, after in pairwise([channels, *settings.channels])
    )
    inputs = map_cells(cells, settings.strides) ** dimension if settings.head == "dense" else 1
    weights += inputs * settings.channels[-1] * settings.hidden
    if weights > _MOST_WEIGHTS:
        raise UsageError(
            f"[train] channels, kernel_size and hidden give {weights:.3g} weights",
            f"at most {_MOST_WEIGHTS:g}",
            'Lower channels or hidden, or write `head = "pooled"`.',
        )


def map_cells(cells: int, strides: list[int]) -> int:
    """Cells of a feature map along each axis: cells / product of the strides, rounded up."""
    return -(-cells // math.prod(strides))


def _check_chunks(campaign: Experiment) -> None:
    """The variables with the largest chunks: propensities, and positions of further snapshots."""
    particles, snapshots = (
        campaign.file.system.particles,
        campaign.file.quench.snapshot_temperatures,
    )
    for count, size, field in (
        (len(frame_steps(campaign)), 4, "[propensity] frames, linear_frames or times"),
        (len(snapshots), 8 * campaign.model.dimension, "[quench] snapshot_temperatures"),
    ):
        if count * particles * size > _LARGEST_CHUNK:
            raise UsageError(
                f"{field} with {count:,} values, of {particles:,} particles each",
                f"at most {_LARGEST_CHUNK // (particles * size):,} values, which stay in memory",
                "Lower their number, or [system] particles.",
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
    bins = campaign.radial_bins[0]
    if not 1 <= bins <= _MOST_BINS:
        raise UsageError(
            f"[correlate] radial_bin = {section.radial_bin:g} gives {bins:,} bins of g(r)",
            f"1 to {_MOST_BINS:,} bins",
            "Lower radial_bin." if bins < 1 else "Raise radial_bin, or lower radial_distance.",
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
            f"[system] reference_lengths = {shown(lengths.tolist())} cannot form a triangle "
            "(tetrahedron)",
            "lengths such as the sums of the radii",
            "Correct them, or remove tong_tanaka from [indicators] names.",
        )


def _check_indicators(campaign: Experiment) -> None:
    section = campaign.file.indicators
    if len(set(section.names)) != len(section.names):
        raise UsageError(f"[indicators] names = {shown(section.names)}", "no name twice")
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
