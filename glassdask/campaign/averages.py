"""The steps at which energies are recorded and averaged, on cooling and in an equilibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glassdask.campaign.cooling import ramp, steps_of
from glassdask.campaign.ensemble import AVERAGED, HISTORY, equilibration_time
from glassdask.campaign.experiment import Experiment


@dataclass(frozen=True)
class Averages:
    """When the energy is recorded on cooling.

    Attributes
    ----------
    samples : ndarray of int
        LAMMPS steps at which the energy is recorded; none during the hold at T_L.
    temperatures : ndarray
        Mean set temperature of each average, (points,), epsilon/kB.
    """

    samples: np.ndarray
    temperatures: np.ndarray


def averaged_steps(steps: int, points: int) -> np.ndarray:
    """Evenly spaced steps at which the energy is recorded, `AVERAGED` of them for each point.

    Returns
    -------
    ndarray of int64
        (points * AVERAGED,), increasing; the last one is `steps`.
    """
    count = points * AVERAGED
    return np.rint(steps * np.arange(1, count + 1) / count).astype(np.int64)


def means(values: np.ndarray) -> np.ndarray:
    """Means of consecutive groups of `AVERAGED` values, (points * AVERAGED,) to (points,)."""
    return values.reshape(-1, AVERAGED).mean(axis=1)


def cooling_averages(campaign: Experiment) -> Averages:
    """The averages along the cooling, evenly spaced in temperature."""
    quench, path = campaign.file.quench, ramp(campaign)
    liquid, glass = campaign.state_temperatures
    count = quench.cooling_points * AVERAGED
    drop = (quench.start_temperature - glass) * np.arange(1, count + 1) / count
    exact = np.interp(drop, quench.start_temperature - path.corners, path.ends)
    steps = np.rint(exact).astype(np.int64)
    held = steps_of(campaign, quench.liquid_hold_time)
    return Averages(
        samples=steps + held * (steps > path.step_at(liquid)),
        temperatures=means(path.temperature_at(steps)),
    )


#: Number of energies that a control run records in the second half of its hold at T_L.
CONTROL_SAMPLES = 100


def control_samples(campaign: Experiment) -> np.ndarray:
    """Steps at which a control run records the energy of the liquid held at T_L."""
    steps = steps_of(campaign, campaign.file.quench.control_time)
    return np.unique(np.rint(np.linspace(0.5 * steps, steps, CONTROL_SAMPLES)).astype(np.int64))


@dataclass(frozen=True)
class History:
    """When the energy is recorded in an equilibration.

    Attributes
    ----------
    steps : int
        Length of the equilibration, in steps.
    samples : ndarray of int
        Steps at which the energy is recorded, see `averaged_steps`.
    times : ndarray
        Mean time of each average, (history,), unit time.
    """

    steps: int
    samples: np.ndarray
    times: np.ndarray


def history(campaign: Experiment) -> History:
    """When the energy is recorded in the equilibrations of a campaign."""
    step = campaign.file.quench.time_step
    steps = steps_of(campaign, equilibration_time(campaign.file.propensity))
    samples = averaged_steps(steps, HISTORY)
    return History(steps, samples, step * means(samples))
