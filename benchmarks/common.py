"""What the benchmarks share: a campaign in a temporary folder, turns, ratios."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# NumPy's matrix products on one core, as the kernels; read when it is loaded
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import numpy as np

from glassdask.campaign import Campaign, load, new_campaign

#: The paper's size, and a ramp of 8e4 steps: long enough to time, short enough to wait for.
PAPER_SIZE = ("system.particles=2000", "quench.cooling_rate=0.009875", "quench.hold_time=0.0")


def campaign(model: str = "kam", *overrides: str) -> Campaign:
    """A campaign of the quick preset with other values, in a folder that stays until the end.

    Images have one channel per species: the figures in README.md were measured so.
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


def say(what: str, ratios: list[float], wanted: float) -> None:
    """One line: the median of the ratios taken, their range, what is wanted of it."""
    middle = float(np.median(ratios))
    print(
        f"{what}: {middle:.3f} (median of {len(ratios)}, {min(ratios):.3f} to {max(ratios):.3f}); "
        f"{verdict(middle, at_least=wanted)}",
        flush=True,
    )


def say_best(
    what: str, above: np.ndarray, below: np.ndarray, at_least: float = 0, at_most: float = 0
) -> None:
    """One line: a ratio of the best of the seconds taken in turns, and the range of the turns."""
    ratio, turns = above.min() / below.min(), above / below
    print(
        f"{what}: {ratio:.2f} (best of {len(turns)}, turns {turns.min():.2f} to {turns.max():.2f})"
        f"; {verdict(ratio, at_least, at_most)}",
        flush=True,
    )


def verdict(ratio: float, at_least: float = 0, at_most: float = 0) -> str:
    """What was wanted of a ratio, and whether it came so; 0 is no bound."""
    if at_least:
        return f"wanted at least {at_least:.2f}: {'reached' if ratio >= at_least else 'MISSED'}"
    if at_most:
        return f"wanted at most {at_most:.2f}: {'reached' if ratio <= at_most else 'MISSED'}"
    return "for information"
