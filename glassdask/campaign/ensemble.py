"""The isoconfigurational ensemble of a campaign file: its recorded times, and checks."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.campaign.classes import snapshot_of
from glassdask.campaign.cooling import check_steps
from glassdask.campaign.experiment import Experiment
from glassdask.campaign.schema import CampaignFile
from glassdask.campaign.simulations import Propensity
from glassdask.campaign.wording import shown

#: Number of averages of the energy in an equilibration, and of energies in each average.
HISTORY, AVERAGED = 20, 10
#: Most trajectories of a campaign.
MOST_TRAJECTORIES = 4_000_000
#: Fields of [propensity] that `times` replaces.
IN_PLACE = ("duration", "first_time", "frames", "linear_frames")
#: Fields that equilibrated starts depend on.
_OF_STARTS = ("start", "equilibration_time", "configurations", "samples", "temperatures")


def frame_steps(campaign: Experiment) -> np.ndarray:
    """Distinct increasing steps of the recorded frames, (time,).

    They come from `times` if given, else from log-spaced frames and, with `linear_frames`, evenly
    spaced ones.
    """
    section, step = campaign.file.propensity, campaign.file.quench.time_step
    if section.times is not None:
        return _steps(section.times, step)
    first, last = round(section.first_time / step), round(section.duration / step)
    logarithmic = np.geomspace(max(1, first), max(1, last), section.frames)
    linear = last * np.arange(1, section.linear_frames + 1) / max(1, section.linear_frames)
    steps = np.rint(np.concatenate([logarithmic, linear])).astype(np.int64)
    return np.unique(np.maximum(steps, 1))


def _steps(times: list[float], step: float) -> np.ndarray:
    return np.rint(np.array(times) / step).astype(np.int64)


def length(section: Propensity) -> float:
    """Length of each trajectory, unit time."""
    return section.duration if section.times is None else section.times[-1]


def equilibration_time(section: Propensity) -> float:
    """Length of each equilibration, unit time."""
    return section.equilibration_time or length(section)


def propensity_table(campaign: Experiment) -> dict[str, Any]:
    """[propensity] for records: absolute temperatures, and only the fields that are used.

    For trajectories that start from glasses, it has the snapshot of the class "glass", too.
    """
    section = campaign.file.propensity
    table = section.model_dump(mode="json")
    known = campaign.has_temperatures
    table["temperatures"] = list(campaign.propensity_temperatures) if known else None
    table["temperature_unit"] = "epsilon"
    table.pop("onset_temperature")
    for key in IN_PLACE if section.times else ("times",):
        table.pop(key)
    if section.start == "equilibrium":
        table["equilibration_time"] = equilibration_time(section)
    else:
        table["cold_class"] = snapshot_of(campaign, "glass")
    return table


def equilibration_table(campaign: Experiment) -> dict[str, Any]:
    """The part of `propensity_table` that equilibrated starts depend on."""
    return {k: v for k, v in propensity_table(campaign).items() if k in _OF_STARTS}


def check_propensity(file: CampaignFile) -> None:
    """Check the starts, seeds, times and temperatures of the ensemble.

    Raises
    ------
    UsageError
        For the first of them that is invalid.
    """
    section = file.propensity
    _check_starts(file)
    trajectories = section.configurations * len(section.temperatures) * section.replicas
    if trajectories > MOST_TRAJECTORIES:
        raise UsageError(
            f"[propensity] replicas = {section.replicas} makes {trajectories:,} trajectories",
            f"at most {MOST_TRAJECTORIES:,}, since their distinct velocity seeds stay in memory",
            "Lower replicas, configurations or the number of temperatures.",
        )
    if section.times is None:
        check_steps(file, "[propensity] duration", section.duration)
    else:
        check_steps(file, "[propensity] times", max(section.times))
    check_steps(file, "[propensity] equilibration_time", equilibration_time(section))
    if section.times is None:
        _check_spacing(file)
    else:
        _check_times(file, section.times)
    if len(set(section.temperatures)) != len(section.temperatures):
        raise UsageError(
            f"[propensity] temperatures = {shown(section.temperatures)}", "no value twice"
        )
    _check_equilibration(file)


def _check_starts(file: CampaignFile) -> None:
    section = file.propensity
    if section.samples is not None:
        _check_samples(file, section.samples)
        return
    test = file.quench.split.test
    if file.quench.source == "import":
        test = file.quench.runs  # imported displacements may belong to any run
    if section.configurations > test:
        raise UsageError(
            f"[propensity] configurations = {section.configurations}, but the test split has "
            f"{test} runs",
            f"1 to {test}" if test > 1 else "1",
            f"Type `--set propensity.configurations={max(1, test)}`, enlarge the test split, or "
            "list runs of any split in samples.",
        )


def _check_samples(file: CampaignFile, samples: list[int]) -> None:
    section, runs = file.propensity, file.quench.runs
    if len(samples) != section.configurations:
        raise UsageError(
            f"[propensity] samples has {len(samples)} runs, and configurations = "
            f"{section.configurations}",
            "equal numbers",
            f"Write `configurations = {len(samples)}`, or delete samples.",
        )
    beyond = [number for number in samples if number >= runs]
    if beyond:
        raise UsageError(
            f"[propensity] samples has run {beyond[0]} in a campaign of {runs} runs",
            f"0 to {runs - 1}",
        )
    counts = Counter(samples)
    if len(counts) < len(samples):
        twice = counts.most_common(1)[0][0]
        raise UsageError(f"[propensity] samples has run {twice} twice", "each run once")
    if section.start == "equilibrium":
        return  # equilibrated starts are explained in every split
    split = file.quench.split
    ends = np.cumsum([split.train, split.validation, split.test])
    for number in samples:
        name = ("train", "validation", "test")[int(np.searchsorted(ends, number, "right"))]
        if name not in file.explain.splits:
            raise UsageError(
                f"[propensity] samples has run {number} of the {name} split, and [explain] splits "
                f"= {file.explain.splits}",
                "runs of explained splits, since Gamma is correlated with their dynamics",
                f'Add "{name}" to [explain] splits, or choose other runs.',
            )


def _check_spacing(file: CampaignFile) -> None:
    section, step = file.propensity, file.quench.time_step
    if not step <= section.first_time <= section.duration:
        raise UsageError(
            f"[propensity] first_time = {section.first_time:g}, duration = {section.duration:g}",
            f"time_step ({step:g}) <= first_time <= duration",
        )
    if section.frames == 1 and not section.linear_frames and section.first_time < section.duration:
        raise UsageError(
            f"[propensity] frames = 1 records only first_time = {section.first_time:g}, not "
            f"duration = {section.duration:g}",
            "2 or more",
            "For a single frame, write `times = [TIME]`.",
        )
    most = round(section.duration / step)
    if section.linear_frames > most:
        raise UsageError(
            f"[propensity] linear_frames = {section.linear_frames}, and duration is {most} steps",
            f"0 to {most}",
        )


def _check_times(file: CampaignFile, times: list[float]) -> None:
    step = file.quench.time_step
    if times[0] < step:
        raise UsageError(
            f"[propensity] times begins with {times[0]:g}", f"at least one time step, {step:g}"
        )
    for before, after in pairwise(times):
        if after <= before:
            raise UsageError(
                f"[propensity] times has {after:g} after {before:g}", "increasing times"
            )
    same = np.flatnonzero(np.diff(_steps(times, step)) == 0)
    if len(same):
        before, after = times[same[0]], times[same[0] + 1]
        raise UsageError(
            f"[propensity] times {before!r} and {after!r} are the same step of {step:g}",
            "times at least one step apart",
            "Delete one of them, or lower [quench] time_step.",
        )
    if file.propensity.linear_frames:
        raise UsageError(
            f"[propensity] times with linear_frames = {file.propensity.linear_frames}",
            "one of the two; times lists all recorded times",
            "Write `linear_frames = 0`, or delete times.",
        )


def _check_equilibration(file: CampaignFile) -> None:
    section, step = file.propensity, file.quench.time_step
    if section.start == "glass":
        if section.equilibration_time is not None:
            raise UsageError(
                f"[propensity] equilibration_time = {section.equilibration_time:g} with "
                'start = "glass"',
                "no such field, since glasses are not equilibrated",
                'Delete it, or write `start = "equilibrium"`.',
            )
        return
    shortest = HISTORY * AVERAGED * step
    if equilibration_time(section) < shortest:
        raise UsageError(
            f"[propensity] an equilibration of {equilibration_time(section):g} unit times",
            f"at least {shortest:g} ({HISTORY * AVERAGED} steps), to record its energy",
            "Raise equilibration_time.",
        )
