"""Where energies are averaged along the cooling ramp and along an equilibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glassdask.campaign import Campaign
from glassdask.campaign.ensemble import AVERAGED, HISTORY, equilibration_time


@dataclass(frozen=True)
class Ramp:
    """The cooling ramp in whole steps.

    Attributes
    ----------
    steps : int
        Length of the whole ramp.
    liquid_step : int
        Step, counted from the start of the ramp, at which the temperature is T_L.
    samples : ndarray of int
        Steps at which the energy is taken, see `averaged_steps`.
    temperatures : ndarray
        Mean set temperature of each average, (points,), epsilon/kB.
    """

    steps: int
    liquid_step: int
    samples: np.ndarray
    temperatures: np.ndarray


def averaged_steps(steps: int, points: int) -> np.ndarray:
    """Steps at which the energy is taken, evenly over a run; `AVERAGED` of them make a point.

    Returns
    -------
    ndarray of int64
        (points * AVERAGED,), increasing; the last one is `steps`.
    """
    count = points * AVERAGED
    return np.rint(steps * np.arange(1, count + 1) / count).astype(np.int64)


def means(values: np.ndarray) -> np.ndarray:
    """Of each `AVERAGED` values in turn, (points * AVERAGED,) to (points,)."""
    return values.reshape(-1, AVERAGED).mean(axis=1)


def ramp(campaign: Campaign) -> Ramp:
    """The cooling ramp of the campaign; the rate is exact to one step."""
    quench = campaign.file.quench
    liquid, glass = campaign.state_temperatures
    drop = quench.start_temperature - glass
    steps = round(drop / quench.cooling_rate / quench.time_step)
    samples = averaged_steps(steps, quench.cooling_points)
    return Ramp(
        steps=steps,
        liquid_step=round(steps * (quench.start_temperature - liquid) / drop),
        samples=samples,
        temperatures=quench.start_temperature - drop * means(samples) / steps,
    )


@dataclass(frozen=True)
class History:
    """How the energy is followed along an equilibration, in whole steps.

    Attributes
    ----------
    steps : int
        Length of the equilibration.
    samples : ndarray of int
        Steps at which the energy is taken, see `averaged_steps`.
    times : ndarray
        Mean time of each average, (history,), unit time.
    """

    steps: int
    samples: np.ndarray
    times: np.ndarray


def history(campaign: Campaign) -> History:
    """The averages along an equilibration of the campaign."""
    step = campaign.file.quench.time_step
    steps = round(equilibration_time(campaign.file.propensity) / step)
    samples = averaged_steps(steps, HISTORY)
    return History(steps, samples, step * means(samples))
