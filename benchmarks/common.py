"""What the benchmarks share: a campaign in a temporary folder, a table of ratios."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from glassdask.campaign import Campaign, load, new_campaign

#: The paper's size, and a ramp of 8e4 steps: long enough to time, short enough to wait for.
PAPER_SIZE = ("system.particles=2000", "quench.cooling_rate=0.009875", "quench.hold_time=0.0")


def campaign(model: str = "kam", *overrides: str) -> Campaign:
    """A campaign of the quick preset with other values, in a folder that stays until the end."""
    folder = Path(tempfile.mkdtemp(prefix="glassdask-benchmark-")) / "campaign"
    new_campaign(folder, model, "quick", overrides)
    return load(folder)


def arguments(about: str | None, **options: tuple[type, object, str]) -> argparse.Namespace:
    """The command line of a benchmark: name = (type, default, help)."""
    parser = argparse.ArgumentParser(description=about)
    for name, (kind, default, text) in options.items():
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"{text} ({default})")
    return parser.parse_args()


def say(what: str, ratios: list[float], wanted: float) -> None:
    """One line: the median of the ratios taken, their range, what is wanted of it."""
    middle = float(np.median(ratios))
    verdict = "reached" if middle >= wanted else "MISSED"
    print(
        f"{what}: {middle:.3f} (median of {len(ratios)}, {min(ratios):.3f} to {max(ratios):.3f}); "
        f"wanted at least {wanted:.2f}: {verdict}",
        flush=True,
    )
