"""The two classes that the network tells apart: snapshots of a run, named by [train] classes.

After the quench, every stage calls the hot class "liquid" and the cold class "glass", whichever
snapshots they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from glassdask.base.errors import UsageError
from glassdask.campaign.experiment import Experiment
from glassdask.campaign.wording import shown

#: Names of the hot and the cold class; by default also the names of their snapshots.
STATES = ("liquid", "glass")
_SYMBOLS = {"liquid": "T_L", "glass": "T_G"}


def snapshot_of(campaign: Experiment, state: str) -> float | str:
    """The snapshot of a class: "liquid" (at T_L), "glass" (at T_G), or its temperature."""
    return campaign.file.train.classes[STATES.index(state)]


def temperature_of(campaign: Experiment, state: str) -> float:
    """Set temperature of a class, epsilon/kB; NaN if unknown, for imported configurations."""
    return _temperature(campaign, snapshot_of(campaign, state))


def _temperature(campaign: Experiment, snapshot: float | str) -> float:
    if isinstance(snapshot, str):
        return campaign.state_temperatures[STATES.index(snapshot)]
    return snapshot


def others(campaign: Experiment) -> dict[str, str]:
    """Classes whose snapshot is not the default one, and the temperature of each as text."""
    changed = {}
    for state in STATES:
        snapshot = snapshot_of(campaign, state)
        if snapshot != state:
            temperature = _temperature(campaign, snapshot)
            known = temperature == temperature  # NaN for some imported configurations
            changed[state] = f"T = {temperature:g}" if known else _SYMBOLS[str(snapshot)]
    return changed


def in_words(campaign: Experiment) -> str:
    """A sentence on the classes whose snapshot is not the default one; empty if none."""
    changed = others(campaign)
    return ", ".join(f"class {state} is the snapshot at {at}" for state, at in changed.items())


def check_classes(campaign: Experiment) -> None:
    """Check that [train] classes names two recorded snapshots, the hot one first.

    Raises
    ------
    UsageError
        When it does not.
    """
    chosen = campaign.file.train.classes
    if len(chosen) != 2 or chosen[0] == chosen[1]:
        raise UsageError(
            f"[train] classes = {shown(chosen)}",
            "two different snapshots, the hot one first",
            'Type e.g. `classes = ["liquid", "glass"]`.',
        )
    further = campaign.file.quench.snapshot_temperatures
    for snapshot in chosen:
        if not isinstance(snapshot, str) and snapshot not in further:
            raise _unknown(campaign, snapshot, further)
    temperatures = [_temperature(campaign, snapshot) for snapshot in chosen]
    if any(hot <= cold for hot, cold in pairwise(temperatures)):
        raise UsageError(
            f"[train] classes = {shown(chosen)}, at the temperatures {temperatures[0]:g} and "
            f"{temperatures[1]:g}",
            "the hot class first",
            f"Write `classes = {_as_toml(chosen[::-1])}`.",
        )


def _unknown(campaign: Experiment, snapshot: float, further: list[float]) -> UsageError:
    names = [*STATES, *(f"{temperature:g}" for temperature in further)]
    other = _as_toml(sorted({snapshot, *further}, reverse=True))
    then = f"To record it, set `[quench] snapshot_temperatures = {other}` and repeat the quenches."
    if campaign.imported:
        then = "Import runs with that snapshot: packs, or arrays with `snapshot_position`."
    return UsageError(
        f"[train] classes has {snapshot:g}, and [quench] snapshot_temperatures = {shown(further)}",
        f"two of {', '.join(names)}",
        then,
    )


def _as_toml(values: Sequence[float | str]) -> str:
    return "[" + ", ".join(f'"{v}"' if isinstance(v, str) else f"{v!r}" for v in values) + "]"
