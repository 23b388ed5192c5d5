"""The cooling from the start temperature to T_G: pieces of constant rate, in whole steps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.campaign.experiment import Experiment
from glassdask.campaign.schema import CampaignFile
from glassdask.campaign.wording import shown

#: Marks the part of a stored LAMMPS input that only control runs execute.
CONTROLS = "#@ controls"
#: Most steps of a part of a run: years on any machine, and whole numbers as floats, too.
MOST_STEPS = 10**12
#: Control runs cool the last piece slower by this factor.
SLOWER = 10


@dataclass(frozen=True)
class Leg:
    """A part of a run in which the set temperature is linear in time.

    Attributes
    ----------
    begin, end : float
        Set temperature at both ends, epsilon/kB.
    steps : int
    """

    begin: float
    end: float
    steps: int


@dataclass(frozen=True)
class Ramp:
    """The cooling in whole steps, without the times at constant temperature.

    Attributes
    ----------
    corners : ndarray
        Temperatures at which the pieces begin, then T_G; decreasing, (pieces + 1,), epsilon/kB.
    ends : ndarray of int
        Step of each corner, counted from the start of the ramp, (pieces + 1,).
    rates : tuple of float
        Cooling rate of each piece, epsilon/kB per unit time, before rounding to whole steps.
    """

    corners: np.ndarray
    ends: np.ndarray
    rates: tuple[float, ...]

    @property
    def steps(self) -> int:
        """Steps of the whole ramp."""
        return int(self.ends[-1])

    @property
    def slowest(self) -> float:
        """The lowest rate of all pieces, epsilon/kB per unit time."""
        return min(self.rates)

    def step_at(self, temperature: float) -> int:
        """The step at which the set temperature is nearest to `temperature`."""
        return round(float(np.interp(-temperature, -self.corners, self.ends)))

    def temperature_at(self, step: np.ndarray) -> np.ndarray:
        """The set temperature at these steps, epsilon/kB."""
        return np.interp(step, self.ends, self.corners)

    def legs(self) -> list[Leg]:
        """The pieces, from hot to cold."""
        ends = zip(pairwise(self.corners.tolist()), np.diff(self.ends).tolist(), strict=True)
        return [Leg(begin, end, steps) for (begin, end), steps in ends]


def ramp(campaign: Experiment) -> Ramp:
    """The cooling of a campaign: its schedule, or a single rate."""
    return _ramp(campaign, pieces(campaign.file))


def one_rate(campaign: Experiment) -> Ramp:
    """The cooling of a campaign at the slowest rate of its schedule, for comparison."""
    start = campaign.file.quench.start_temperature
    return _ramp(campaign, [(start, ramp(campaign).slowest)])


def pieces(file: CampaignFile) -> list[tuple[float, float]]:
    """Pairs of the temperature at which a piece begins and its cooling rate."""
    quench = file.quench
    if quench.schedule is None:
        return [(quench.start_temperature, quench.cooling_rate)]
    return [(temperature, rate) for temperature, rate in quench.schedule]


def _ramp(campaign: Experiment, parts: list[tuple[float, float]]) -> Ramp:
    corners = np.array([temperature for temperature, _ in parts] + [campaign.state_temperatures[1]])
    rates = tuple(rate for _, rate in parts)
    steps = np.rint(-np.diff(corners) / np.array(rates) / campaign.file.quench.time_step)
    return Ramp(corners, np.concatenate([[0], np.cumsum(steps)]).astype(np.int64), rates)


def steps_of(campaign: Experiment, time: float) -> int:
    """Number of steps in `time`."""
    return round(time / campaign.file.quench.time_step)


def check_steps(file: CampaignFile, field: str, time: float) -> None:
    """Check that a part of a run is not longer than `MOST_STEPS`.

    Raises
    ------
    UsageError
        When it is; `field` is what gives its length.
    """
    steps = time / file.quench.time_step
    if steps > MOST_STEPS:
        raise UsageError(
            f"{field} gives {steps:.3g} steps",
            f"at most {MOST_STEPS:g} steps",
            f"Shorten it; [quench] time_step is {file.quench.time_step:g}.",
        )


def whole_run(campaign: Experiment, path: Ramp) -> list[Leg]:
    """All dynamics of one quench that is cooled along `path`: the holds, then the cooling."""
    quench, (liquid, glass) = campaign.file.quench, campaign.state_temperatures
    holds = (
        (quench.start_temperature, quench.equilibration_time),
        (liquid, quench.liquid_hold_time),
        (glass, quench.hold_time),
    )
    return [Leg(held, held, steps_of(campaign, time)) for held, time in holds] + path.legs()


def control_run(campaign: Experiment) -> list[Leg]:
    """The additional dynamics of a control run: a hold at T_L, and a slower last piece."""
    quench, (liquid, glass) = campaign.file.quench, campaign.state_temperatures
    last = ramp(campaign).legs()[-1]
    return [
        Leg(liquid, liquid, steps_of(campaign, quench.control_time)),
        Leg(last.begin, last.end, SLOWER * last.steps),
        Leg(glass, glass, steps_of(campaign, quench.hold_time)),
    ]


def described(campaign: Experiment) -> str:
    """The pieces as text: "4 to 1.2 at 0.02, 1.2 to 0.05 at 0.004"."""
    path = ramp(campaign)
    return ", ".join(
        f"{leg.begin:g} to {leg.end:g} at {rate:g}"
        for leg, rate in zip(path.legs(), path.rates, strict=True)
    )


def input_of_run(text: str, is_control: bool) -> str:
    """The part of a stored LAMMPS input that a run executes."""
    return text if is_control else text.partition(f"{CONTROLS}\n")[0]


def check_cooling(campaign: Experiment) -> None:
    """Check the schedule, the holds, the control runs and the recorded snapshots.

    Raises
    ------
    UsageError
        For the first of them that is invalid.
    """
    _check_pieces(campaign)
    _check_lengths(campaign)
    _check_points(campaign)
    _check_snapshots(campaign)
    _check_holds(campaign)


def _check_holds(campaign: Experiment) -> None:
    quench = campaign.file.quench
    if quench.liquid_hold_time and ramp(campaign).step_at(campaign.state_temperatures[0]) == 0:
        raise UsageError(
            f"[quench] liquid_hold_time = {quench.liquid_hold_time:g}, and T_L equals "
            "start_temperature",
            "0, since equilibration_time already holds the run there",
            "Raise equilibration_time instead.",
        )
    path, liquid = ramp(campaign), campaign.state_temperatures[0]
    if quench.controls == 1:
        raise UsageError(
            "[quench] controls = 1", "0, or at least 2, to estimate their spread", "Raise it."
        )
    if quench.controls and not (len(path.rates) > 1 and path.corners[-2] < liquid):
        raise UsageError(
            f"[quench] controls = {quench.controls}, and the last piece of the cooling begins at "
            f"{path.corners[-2]:g}",
            f"a schedule whose last piece begins below T_L ({liquid:g}), since control runs "
            "repeat that piece ten times slower",
            "Add such a piece to schedule, or write `controls = 0`.",
        )
    if quench.controls and steps_of(campaign, quench.control_time) < 200:
        raise UsageError(
            f"[quench] control_time = {quench.control_time:g}",
            f"at least {200 * quench.time_step:g} (200 steps), to average the energy",
            "Raise it to many relaxation times at T_L.",
        )
    if quench.controls > quench.runs:
        raise UsageError(
            f"[quench] controls = {quench.controls} in a campaign of {quench.runs} runs",
            f"0 to {quench.runs}",
            "Lower controls.",
        )


def _check_pieces(campaign: Experiment) -> None:
    quench, glass = campaign.file.quench, campaign.state_temperatures[1]
    if quench.schedule is None:
        return
    example = "Type e.g. `schedule = [[4.0, 0.02], [1.0, 8.33e-5]]`."
    for piece in quench.schedule:
        if len(piece) != 2:
            raise UsageError(
                f"[quench] schedule has {shown(piece)}",
                "pairs [temperature, cooling rate below it]",
                example,
            )
    first = quench.schedule[0][0]
    if first != quench.start_temperature:
        raise UsageError(
            f"[quench] schedule begins at {first:g}, start_temperature = "
            f"{quench.start_temperature:g}",
            "the same temperature",
            f"Write `start_temperature = {first:g}`, or correct the schedule.",
        )
    corners = [piece[0] for piece in quench.schedule]
    if any(low >= high for high, low in pairwise(corners)):
        raise UsageError(
            f"[quench] schedule has the temperatures {shown(corners)}",
            "decreasing temperatures",
            example,
        )
    if corners[-1] <= glass:
        raise UsageError(
            f"[quench] schedule has a piece from {corners[-1]:g}, and T_G is {glass:g}",
            "pieces that begin above T_G",
            "Delete that piece; the last piece ends at T_G.",
        )


def _check_lengths(campaign: Experiment) -> None:
    quench, parts = campaign.file.quench, pieces(campaign.file)
    ends = [*(hot for hot, _ in parts[1:]), campaign.state_temperatures[1]]
    ramps = [(hot - cold) / rate for (hot, rate), cold in zip(parts, ends, strict=True)]
    field = "cooling_rate" if quench.schedule is None else "schedule"
    check_steps(campaign.file, f"[quench] {field}", SLOWER * sum(ramps))
    for key in ("equilibration_time", "liquid_hold_time", "hold_time", "control_time"):
        check_steps(campaign.file, f"[quench] {key}", getattr(quench, key))


def _check_points(campaign: Experiment) -> None:
    """Each point of e(T) averages ten different steps, also in the fastest piece."""
    quench, path = campaign.file.quench, ramp(campaign)
    width = (quench.start_temperature - campaign.state_temperatures[1]) / quench.cooling_points
    for leg, rate in zip(path.legs(), path.rates, strict=True):
        steps = width / rate / quench.time_step
        if steps < 10 or leg.steps < 1:
            raise UsageError(
                f"[quench] a cooling rate of {rate:g} from {leg.begin:g} to {leg.end:g} gives "
                f"{min(steps, leg.steps):.3g} steps for each of {quench.cooling_points} "
                "cooling_points",
                "at least 10 steps",
                "Lower that rate or cooling_points.",
            )


def _check_snapshots(campaign: Experiment) -> None:
    quench, (liquid, glass) = campaign.file.quench, campaign.state_temperatures
    wanted, path = quench.snapshot_temperatures, ramp(campaign)
    if any(low >= high for high, low in pairwise(wanted)):
        raise UsageError(
            f"[quench] snapshot_temperatures = {shown(wanted)}",
            "decreasing temperatures",
            f"Write `snapshot_temperatures = {shown(sorted(set(wanted), reverse=True), 300)}`.",
        )
    taken = {path.step_at(liquid): "liquid", path.steps: "glass"}
    for temperature in wanted:
        if not glass < temperature <= quench.start_temperature:
            raise UsageError(
                f"[quench] snapshot_temperatures has {temperature:g}",
                f"T_G ({glass:g}) < temperature <= start_temperature "
                f"({quench.start_temperature:g})",
            )
        step = path.step_at(temperature)
        if step in taken:
            raise UsageError(
                f"[quench] snapshot_temperatures has {temperature:g}, which is the same step as "
                f"{taken[step]}",
                "other temperatures; liquid (T_L) and glass (T_G) are always recorded",
                f"Delete {temperature:g}.",
            )
        taken[step] = f"{temperature:g}"
