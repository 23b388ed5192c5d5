"""Shared by the benchmarks: a campaign in a temporary folder, timing in turns, ratios."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# matrix products of NumPy on one core, like the kernels; NumPy reads this when it is loaded
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import numpy as np

from glassdask.campaign import Campaign, load, new_campaign

#: The paper's N, and a ramp of 8e4 steps.
PAPER_SIZE = ("system.particles=2000", "quench.cooling_rate=0.009875", "quench.hold_time=0.0")


def campaign(model: str = "kam", *overrides: str) -> Campaign:
    """A campaign of the preset `quick` with overrides, in a new temporary folder.

    Images have one channel per species, as in the measurements of README.md.
    """
    folder = Path(tempfile.mkdtemp(prefix="glassdask-benchmark-")) / "campaign"
    new_campaign(folder, model, "quick", ("grid.species_channels=true", *overrides))
    return load(folder)


def arguments(about: str | None, **options: tuple[type, object, str]) -> argparse.Namespace:
    """The command line of a benchmark: name = (type, default, help)."""
    parser = argparse.ArgumentParser(description=about)
    for name, (kind, default, text) in options.items():
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"{text} ({default})")
    return parser.parse_args()


def take_turns(repeats: int, *functions: Callable[[], Any]) -> np.ndarray:
    """Seconds of each function, (repeat, function); the first, uncounted call compiles."""
    for function in functions:
        function()
    seconds = np.empty((repeats, len(functions)))
    for turn in range(repeats):
        for k, function in enumerate(functions):
            began = time.perf_counter()
            function()
            seconds[turn, k] = time.perf_counter() - began
    return seconds


def say(what: str, ratios: list[float], goal: float) -> None:
    """Print the median of the ratios, their range, and whether it reaches the goal; 0: no goal."""
    median = float(np.median(ratios))
    print(
        f"{what}: {median:.3f} (median of {len(ratios)}, {min(ratios):.3f} to {max(ratios):.3f}); "
        f"{verdict(median, at_least=goal)}",
        flush=True,
    )


def say_best(
    what: str, above: np.ndarray, below: np.ndarray, at_least: float = 0, at_most: float = 0
) -> None:
    """Print the ratio of the shortest times, the range of the ratios of single turns, the goal."""
    ratio, turns = above.min() / below.min(), above / below
    print(
        f"{what}: {ratio:.2f} (best of {len(turns)}, turns {turns.min():.2f} to {turns.max():.2f})"
        f"; {verdict(ratio, at_least, at_most)}",
        flush=True,
    )


def verdict(ratio: float, at_least: float = 0, at_most: float = 0) -> str:
    """The goal of a ratio, and whether it is reached; 0 is no bound."""
    if at_least:
        return f"goal at least {at_least:.2f}: {'reached' if ratio >= at_least else 'MISSED'}"
    if at_most:
        return f"goal at most {at_most:.2f}: {'reached' if ratio <= at_most else 'MISSED'}"
    return "no goal"
