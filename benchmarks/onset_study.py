"""Which reading of the paper's Table I gives its T* of 0.37: docs/physics/onset-study.md.

`python benchmarks/onset_study.py FOLDER --rate 8e-3 --runs 4` cools 2000 particles in each reading
and prints T* from the kink of e(T), for all rates that FOLDER has so far. The same command
continues after an interruption. With `--displacement 50` it also runs trajectories of that duration
from one glass at several temperatures, for T* from delta(t). `--figure FILE.png` draws the results.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import common  # noqa: F401  one thread for NumPy, before it is loaded
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from PIL import Image

import glassdask as gd
from glassdask.campaign import Campaign, load, new_campaign
from glassdask.report import style
from glassdask.report.ticks import log_ticks
from glassdask.store import layout, records

GLASSDASK = Path(sys.executable).parent / "glassdask"
PAPER = 0.37
#: T_G and T_L of the paper: the kink is searched between them.
WINDOW = (0.05, 0.8)
#: The paper starts at 4.0; above this, e(T) has no kink in any reading.
START = 1.5


@dataclass(frozen=True)
class Reading:
    """One way to read Table I."""

    name: str
    text: str
    density: float
    fraction: float
    energies: tuple[float, float, float]

    def overrides(self) -> list[str]:
        aa, ab, bb = self.energies
        return [
            "system.particles=2000",
            f"system.density={self.density}",
            "system.dimension=2",
            'system.species=["A","B"]',
            f"system.fractions=[{self.fraction},{round(1 - self.fraction, 10)}]",
            "system.sigma=[[1.0,0.8],[0.8,0.88]]",
            f"system.epsilon=[[{aa},{ab}],[{ab},{bb}]]",
            "system.masses=[1.0,1.0]",
            f"quench.glass_temperature={WINDOW[0]}",
            f"quench.liquid_temperature={WINDOW[1]}",
        ]


KOB_ANDERSEN, PRINTED = (1.0, 1.5, 0.5), (1.0, 0.5, 1.5)
READINGS = (
    Reading("65-35-at-1.09", "65:35, Kob-Andersen, 1.09 (`kam-1.09`)", 1.09, 0.65, KOB_ANDERSEN),
    Reading("65-35-at-1.2", "65:35, Kob-Andersen, 1.2 (`kam`)", 1.2, 0.65, KOB_ANDERSEN),
    Reading("35-65-at-1.09", "35:65, Kob-Andersen, 1.09", 1.09, 0.35, KOB_ANDERSEN),
    Reading("35-65-at-1.2", "35:65, Kob-Andersen, 1.2", 1.2, 0.35, KOB_ANDERSEN),
    Reading("table-1", "35:65, as printed, 1.09 (`kam-table1`)", 1.09, 0.35, PRINTED),
)


def campaign_of(reading: Reading, asked: argparse.Namespace) -> Campaign:
    """The campaign of a reading at the given rate; it is made if it does not exist."""
    folder = asked.folder / f"rate-{asked.rate:g}" / reading.name
    if (folder / "campaign.toml").exists():
        return load(folder)
    return new_campaign(
        folder,
        "custom",
        "quick",
        (
            *reading.overrides(),
            f"quench.runs={asked.runs}",
            f"quench.split={{train={asked.runs - 2},validation=1,test=1}}",
            f"quench.start_temperature={START}",
            f"quench.cooling_rate={asked.rate}",
            "quench.equilibration_time=25.0",
            "quench.hold_time=0.0",
            "quench.cooling_points=100",
            "propensity.configurations=1",
            "propensity.temperature_unit=epsilon",
            f"hpc.workers={asked.workers}",
        ),
    )


def work(campaign: Campaign, stage: str, *more: str) -> None:
    """Run a stage unless it is complete; exit with its code if that is not 0."""
    words = [str(GLASSDASK), stage, str(campaign.path), *more]
    code = subprocess.run(words, check=False).returncode
    if code:
        raise SystemExit(code)


def displacement_settings(asked: argparse.Namespace) -> list[str]:
    fields = {
        "temperatures": asked.temperatures,
        "duration": asked.displacement,
        "replicas": asked.replicas,
        "frames": 20,
        "first_time": min(0.5, asked.displacement),
    }
    return [
        word for key, value in fields.items() for word in ("--set", f"propensity.{key}={value}")
    ]


@dataclass(frozen=True)
class Found:
    """Results of one campaign for T*."""

    reading: Reading
    rate: float
    energy: xr.DataArray
    kink: xr.Dataset
    unlike: float
    hole: float
    crossing: xr.Dataset | None
    duration: float
    delta: xr.DataArray | None


def result_of(reading: Reading, campaign: Campaign) -> Found | None:
    """T* of a campaign; None if its quench is not complete."""
    if records.state(campaign, "quench") is not records.State.COMPLETE:
        return None
    tree = gd.open(campaign.path)
    energy = tree["cooling"]["potential_energy"].load()
    glass = tree["configurations"].to_dataset().sel(state="glass").load()
    glass = glass.isel(sample=glass["run_status"].values == layout.DONE)
    unlike = float(gd.unlike_neighbours(glass).mean())
    cells, species = gd.voronoi_volume(glass), glass["species"].values
    parts = [cells.isel(particle=species == kind) for kind in np.unique(species)]
    hole = max(float((part.max("particle") / part.mean()).mean()) for part in parts)
    crossing, delta, duration = None, None, np.nan
    done = records.read(campaign, "propensity")
    if done and "finished" in done:
        crsd = tree["propensity"]["crsd"].load().astype(float)
        delta = gd.mean_cage_relative_displacement(crsd.mean("replica")).isel(time=-1)
        duration, crossing = float(delta["time"]), gd.onset_from_displacement(delta)
    rate = campaign.file.quench.cooling_rate
    kink = gd.onset_from_cooling(energy, *WINDOW)
    return Found(reading, rate, energy, kink, unlike, hole, crossing, duration, delta)


def collect(folder: Path) -> list[Found]:
    """Results of all campaigns in the folder, by reading, fast cooling first."""
    found = []
    for reading in READINGS:
        places = sorted(folder.glob(f"rate-*/{reading.name}"))
        results = [result_of(reading, load(place)) for place in places]
        known = [one for one in results if one is not None]
        found += sorted(known, key=lambda one: -one.rate)
    return found


def table_row(found: Found) -> str:
    kink = found.kink
    cells = [
        found.reading.text,
        f"{found.rate:g}",
        str(int(kink["count"])),
        f"{float(kink['temperature']):.3f}",
        f"{float(kink['lower']):.3f} to {float(kink['upper']):.3f}",
        f"{float(kink['lowest']):.3f} to {float(kink['highest']):.3f}",
        f"{float(kink['slope_below']):.2f}, {float(kink['slope_above']):.2f}",
        f"{float(kink['parabola']):.1f}",
        f"{100 * found.unlike:.0f} %",
        f"{found.hole:.1f}",
        _displacement(found),
    ]
    return "| " + " | ".join(cells) + " |"


def _displacement(found: Found) -> str:
    if found.crossing is None or found.delta is None:
        return ""
    place = float(found.crossing["temperature"])
    ends = float(found.delta["temperature"].min()), float(found.delta["temperature"].max())
    if place == -np.inf:
        return f"below {ends[0]:g} (t = {found.duration:g})"
    if place == np.inf:
        return f"above {ends[1]:g} (t = {found.duration:g})"
    return f"{place:.3f} (t = {found.duration:g})"


HEADER = (
    "| composition, energies, density | rate | runs | T* from e(T) | 95 % over runs | "
    "over upper ends of the window | slopes below, above | parabola / lines | unlike neighbours | "
    "largest cell | T* from δ(t) |\n|" + "---|" * 11
)


def draw(found: list[Found], path: Path) -> None:
    """Draw e(T) less that of a harmonic solid, for each reading, and T* against the rate."""
    rates = sorted({one.rate for one in found}, reverse=True)
    colours = dict(zip(rates, style.temperature_colours(len(rates)), strict=True))
    with style.context():
        figure = style.new_figure(10.4, 6.2)
        cells = figure.subplots(2, 3).ravel()
        for axes, reading in zip(cells, READINGS, strict=False):
            for one in (one for one in found if one.reading is reading):
                draw_energy(axes, one, colours[one.rate])
            axes.axvline(PAPER, color="black", ls=":", lw=0.9)
            axes.set(xlim=WINDOW, title=reading.text.replace("`", ""))
            axes.set(xlabel=r"$T$ ($\epsilon/k_B$)", ylabel=r"$e - k_BT$ ($\epsilon$)")
            axes.legend(fontsize=8, loc="best")
        for k, (reading, marker) in enumerate(zip(READINGS, style.MARKERS, strict=False)):
            those = [one for one in found if one.reading is reading]
            place = np.array([float(one.kink["temperature"]) for one in those])
            ends = np.array([[float(one.kink[n]) for one in those] for n in ("lower", "upper")])
            rate = np.array([one.rate for one in those]) * 1.06 ** (k - 2)
            cells[5].errorbar(
                rate, place, np.maximum(np.abs(ends - place), 0), marker=marker, capsize=2, lw=1,
                ms=5, label=reading.text.partition(" (")[0],
            )  # fmt: skip
        cells[5].axhline(PAPER, color="black", ls=":", lw=0.9, label="the paper")
        cells[5].set(xscale="log", xlabel=r"cooling rate ($\epsilon/k_B\tau$)", ylabel="$T^*$")
        cells[5].set(xlim=(min(rates) / 1.6, max(rates) * 1.6), ylim=(-0.3, 0.8))
        log_ticks(cells[5].xaxis)
        cells[5].legend(fontsize=7, loc="lower right")
        figure.savefig(path, dpi=90)
    # fewer colours, for a small file
    Image.open(path).convert("RGB").quantize(160).save(path, optimize=True)


def draw_energy(axes: Axes, found: Found, colour: tuple) -> None:
    """Draw e(T) and its two lines, less the k_B T of a harmonic solid in 2D."""
    kink = {name: float(value) for name, value in found.kink.items()}
    mean = found.energy.mean("sample")
    t = mean["temperature"].values
    t, energy = t[t <= WINDOW[1]], mean.values[t <= WINDOW[1]]
    place, start = kink["temperature"], kink["energy"] - kink["temperature"]
    ends = np.array([WINDOW[0], place, WINDOW[1]])
    slopes = np.array([kink["slope_below"], 1, kink["slope_above"]]) - 1
    axes.plot(t, energy - t, ".", ms=3, color=colour)
    axes.plot(ends, start + slopes * (ends - place), color=colour, lw=1,
              label=f"rate {found.rate:g}: $T^*$ = {place:.3f}")  # fmt: skip


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the campaigns")
    parser.add_argument("--rate", type=float, help="cooling rate; without it, only the table")
    parser.add_argument("--runs", type=int, default=3, help="quenches of a reading, 3 or more (3)")
    parser.add_argument("--workers", type=int, default=1, help="ranks that run LAMMPS (1)")
    parser.add_argument("--displacement", type=float, help="duration of trajectories for delta(t)")
    parser.add_argument(
        "--temperatures", type=float, nargs="+", default=[0.2, 0.3, 0.4, 0.5, 0.6],
        help="temperatures of --displacement (0.2 0.3 0.4 0.5 0.6)",
    )  # fmt: skip
    parser.add_argument("--replicas", type=int, default=2, help="replicas of --displacement (2)")
    parser.add_argument("--figure", type=Path, help="draw the results into this PNG")
    return parser.parse_args()


def main() -> None:
    asked = options()
    for reading in READINGS if asked.rate else ():
        work(campaign_of(reading, asked), "quench")
    for reading in READINGS if asked.rate and asked.displacement else ():
        work(campaign_of(reading, asked), "propensity", *displacement_settings(asked))
    found = collect(asked.folder)
    print(HEADER, *map(table_row, found), sep="\n")
    if asked.figure and found:
        draw(found, asked.figure)


if __name__ == "__main__":
    main()
