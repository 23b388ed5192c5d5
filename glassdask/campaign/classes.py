"""The two snapshots of a run that are told apart: [train] classes.

In all stages after the quench the hot class is called liquid and the cold one glass, whichever
snapshots they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from glassdask.base.errors import UsageError
from glassdask.campaign.experiment import Experiment

#: What the hot and the cold class are called, and the snapshots that they are by default.
STATES = ("liquid", "glass")
_SYMBOLS = {"liquid": "T_L", "glass": "T_G"}


def snapshot_of(campaign: Experiment, state: str) -> float | str:
    """The snapshot that a class is: "liquid" (at T_L), "glass" (at T_G), or its temperature."""
    return campaign.file.train.classes[STATES.index(state)]


def temperature_of(campaign: Experiment, state: str) -> float:
    """Set temperature of a class, epsilon/kB; NaN where imported configurations have none."""
    return _temperature(campaign, snapshot_of(campaign, state))


def _temperature(campaign: Experiment, snapshot: float | str) -> float:
    if isinstance(snapshot, str):
        return campaign.state_temperatures[STATES.index(snapshot)]
    return snapshot


def others(campaign: Experiment) -> dict[str, str]:
    """Classes that are not the snapshots of their name: what each is, in words."""
    found = {}
    for state in STATES:
        snapshot = snapshot_of(campaign, state)
        if snapshot != state:
            temperature = _temperature(campaign, snapshot)
            # that of imported configurations may not be known
            known = temperature == temperature
            found[state] = f"T = {temperature:g}" if known else _SYMBOLS[str(snapshot)]
    return found


def in_words(campaign: Experiment) -> str:
    """Which snapshots the classes are; nothing where they are those at T_L and T_G."""
    found = others(campaign)
    return ", ".join(f"class {state} is the snapshot at {at}" for state, at in found.items())


def check_classes(campaign: Experiment) -> None:
    """There are two classes, they are snapshots, and the hot one comes first.

    Raises
    ------
    UsageError
        With what was found, what was expected and what to type.
    """
    chosen = campaign.file.train.classes
    if len(chosen) != 2 or chosen[0] == chosen[1]:
        raise UsageError(
            f"[train] classes = {chosen}",
            "two different snapshots, the hot class and then the cold one",
            'Type e.g. `classes = ["liquid", "glass"]`.',
        )
    further = campaign.file.quench.snapshot_temperatures
    for snapshot in chosen:
        if not isinstance(snapshot, str) and snapshot not in further:
            raise _unknown(campaign, snapshot, further)
    temperatures = [_temperature(campaign, snapshot) for snapshot in chosen]
    if any(hot <= cold for hot, cold in pairwise(temperatures)):
        raise UsageError(
            f"[train] classes = {chosen}, at the temperatures {temperatures[0]:g} and "
            f"{temperatures[1]:g}",
            "the hot class, then the cold one",
            f"Write `classes = {_as_toml(chosen[::-1])}`.",
        )


def _unknown(campaign: Experiment, snapshot: float, further: list[float]) -> UsageError:
    names = [*STATES, *(f"{temperature:g}" for temperature in further)]
    other = _as_toml(sorted({snapshot, *further}, reverse=True))
    then = f"`[quench] snapshot_temperatures = {other}` records it, with new quenches"
    if campaign.imported:
        then = "Import runs that recorded it: packs, or arrays with `snapshot_position`"
    return UsageError(
        f"[train] classes has {snapshot:g}, and [quench] snapshot_temperatures = {further}",
        f"two of {', '.join(names)}",
        f"{then}.",
    )


def _as_toml(values: Sequence[float | str]) -> str:
    return "[" + ", ".join(f'"{v}"' if isinstance(v, str) else f"{v!r}" for v in values) + "]"
