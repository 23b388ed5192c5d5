"""Does a cooling schedule give the same glasses as one cooling rate: docs/howto/cooling.md.

`python benchmarks/schedule_over_one_rate.py FOLDER --model kam --runs 64` quenches 500 particles in
three ways: by the schedule, at the paper's rate from 4 to 0.05, and ten times faster. It prints
inherent-structure energies, g(r), Theta, Upsilon and their correlation of the glasses of each
way, and by how many standard errors they differ. One rate takes 8 core-hours a model. The runs
are made in blocks of 8. A finished block adds its numbers to FOLDER/kam-one-rate.nc, and is not
run again. The same command continues after an interruption; `--walltime 20:00` stops in time;
`--only table` prints what there is.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import common  # noqa: F401  one thread for NumPy, before it is loaded
import numpy as np
import xarray as xr

import glassdask as gd
from glassdask.campaign import load, new_campaign
from glassdask.campaign.cooling import one_rate, ramp
from glassdask.campaign.writing import preset

GLASSDASK = Path(sys.executable).parent / "glassdask"
PAPER = 8.33e-5
#: Ways of cooling and the seed of each: no two share a random start.
SEEDS = {"schedule": 2, "one-rate": 1, "ten-times-faster": 3}
WAYS = tuple(SEEDS)
PARTICLES, LENGTH = 500, 3.0
#: Runs in a block; the campaign of block k has the seed of its way + 100 k.
BLOCK = 8


def overrides(model: str, way: str, block: int) -> tuple[str, ...]:
    """Fields of the campaign of one block of one way."""
    reduced = preset("reduced", model)["quench"]
    cooled = {
        "schedule": tuple(
            f"quench.{key}={reduced[key]}" for key in ("schedule", "liquid_hold_time")
        ),
        "one-rate": (f"quench.cooling_rate={PAPER}",),
        "ten-times-faster": (f"quench.cooling_rate={10 * PAPER}",),
    }[way]
    return (
        f"system.particles={PARTICLES}",
        f"quench.runs={BLOCK}",
        f"quench.split={{train={BLOCK - 2},validation=1,test=1}}",
        "quench.equilibration_time=25.0",
        "quench.hold_time=0.0",
        "quench.cooling_points=400",
        "quench.inherent_structures=true",
        f"campaign.seed={SEEDS[way] + 100 * block}",
        "propensity.configurations=1",
        *cooled,
    )


def kept(folder: Path, model: str, way: str) -> xr.Dataset | None:
    """The numbers of the finished blocks of one way, if there are any."""
    path = folder / f"{model}-{way}.nc"
    return xr.load_dataset(path, engine="scipy") if path.exists() else None


def quench(folder: Path, model: str, way: str, asked: argparse.Namespace) -> None:
    """Quench the blocks of one way that are missing, and keep the numbers of each."""
    for block in range(asked.runs // BLOCK):
        there = kept(folder, model, way)
        if there is not None and block in there["block"]:
            continue
        path = folder / f"{model}-{way}-{block}"
        if not (path / "campaign.toml").exists():
            new_campaign(path, model, "quick", overrides(model, way, block))
        words = [str(GLASSDASK), "quench", str(path)]
        words += ["--walltime", asked.walltime] if asked.walltime else []
        code = subprocess.run(words, check=False).returncode
        if code:
            raise SystemExit(code)
        found = measured(path).assign_coords(block=("sample", np.full(BLOCK, block)))
        whole = found if there is None else xr.concat([there, found], "sample")
        temporary = folder / f"{model}-{way}.part"
        whole.to_netcdf(temporary, engine="scipy")
        temporary.replace(folder / f"{model}-{way}.nc")


def measured(path: Path) -> xr.Dataset:
    """The compared quantities: one number for each run."""
    ds = gd.open(path)["configurations"].to_dataset().load()
    campaign = load(path)
    ds = ds.assign_attrs(campaign.indicator_parameters)
    glass = ds.sel(state="glass")
    theta, upsilon = gd.tong_tanaka(glass), gd.voronoi_volume(glass)
    smooth = gd.coarse_grain(xr.Dataset({"theta": theta, "upsilon": upsilon}), glass, LENGTH)
    g = gd.radial_distribution(glass, 100, 4.0)
    of_b = glass["species"] == 1
    found = {
        "inherent energy, glass": ds["inherent_potential_energy"].sel(state="glass"),
        "inherent energy, liquid": ds["inherent_potential_energy"].sel(state="liquid"),
        "Theta, mean (rad)": theta.mean("particle"),
        "Upsilon of B, mean (sigma^2)": upsilon.where(of_b).mean("particle"),
        "Upsilon, standard deviation (sigma^2)": upsilon.std("particle"),
        "C(1 - Theta, Upsilon), raw": gd.pearson(1 - theta, upsilon),
        "C(1 - Theta, Upsilon), xi = 3": gd.pearson(1 - smooth.theta, smooth.upsilon),
    }
    for pair in g["pair"].values:
        found[f"g(r) {pair}, first peak"] = g.sel(pair=pair).max("radius")
    bins = g.stack(bin=("pair", "radius")).transpose("sample", "bin").reset_index("bin", drop=True)
    plain = {name: values.drop_vars(list(values.coords)) for name, values in found.items()}
    return xr.Dataset(
        {**plain, "bins": bins.drop_vars(list(bins.coords))},
        attrs={"steps": ramp(campaign).steps, "steps_at_one_rate": one_rate(campaign).steps},
    )


def moments(values: xr.DataArray) -> tuple[float, float]:
    """Mean over the runs and its standard error."""
    return float(values.mean()), float(values.std(ddof=1)) / values.size**0.5


def away(one: xr.DataArray, other: xr.DataArray) -> float:
    """Difference of two means in its standard errors."""
    (a, s), (b, t) = moments(one), moments(other)
    return (a - b) / float(np.hypot(s, t))


def share(found: dict[str, xr.Dataset], name: str) -> str:
    """Effect of the schedule over that of ten times faster cooling, ± standard error."""
    (a, s), (b, t), (c, u) = (moments(found[way][name]) for way in WAYS)
    ratio = (a - b) / (c - b)
    error = np.hypot(s, np.hypot(ratio * u, (1 - ratio) * t)) / abs(c - b)
    return f"{ratio:+.2f} ± {error:.2f}"


def by_chance(one: xr.DataArray, other: xr.DataArray) -> float:
    """95 % quantile of `of_curves` when runs are assigned to the two ways at random."""
    both, random = xr.concat([one, other], "sample"), np.random.default_rng(0)
    draws = []
    for _ in range(200):
        order = random.permutation(both.sizes["sample"])
        k = one.sizes["sample"]
        draws.append(of_curves(both.isel(sample=order[:k]), both.isel(sample=order[k:])))
    return float(np.quantile(draws, 0.95))


def of_curves(one: xr.DataArray, other: xr.DataArray) -> float:
    """Mean square difference of g(r) over its variance, without empty bins; about 1 by chance."""
    variance = sum(each.var("sample", ddof=1) / each.sample.size for each in (one, other))
    square = (one.mean("sample") - other.mean("sample")) ** 2
    return float((square / variance).where(variance > 1e-12).mean())


def table(folder: Path, model: str) -> None:
    """Print the comparison of the finished blocks."""
    found = {way: kept(folder, model, way) for way in WAYS}
    there = {way: each for way, each in found.items() if each is not None}
    if not there:
        raise SystemExit("no way has a finished block yet")
    if "schedule" in there:
        steps = there["schedule"].attrs["steps"]
        fewer = there["schedule"].attrs["steps_at_one_rate"] / steps
        print(f"{model}: {steps:,} steps by the schedule, {fewer:.2f} times fewer than at one rate")
    compared = [way for way in WAYS if way != "one-rate" and way in there and "one-rate" in there]
    whole = len(there) == len(WAYS)
    heads = [f"{way}, {each.sizes['sample']} runs" for way, each in there.items()]
    heads += [f"{way} less one-rate, in s.e." for way in compared]
    heads += ["share of the effect of ten times faster"] if whole else []
    print(f"| {model} | " + " | ".join(heads) + " |\n" + "|---" * (len(heads) + 1) + "|")
    for name in next(iter(there.values())).drop_vars("bins").data_vars:
        cells = ["{:.4f} ± {:.4f}".format(*moments(each[name])) for each in there.values()]
        cells += [f"{away(there[way][name], there['one-rate'][name]):+.1f}" for way in compared]
        cells += [share(there, str(name))] if whole else []
        print(f"| {name} | " + " | ".join(cells) + " |")
    for way in compared:
        pair = there[way].bins, there["one-rate"].bins
        print(
            f"g(r) of {way} and one-rate: mean square of difference over s.e. "
            f"{of_curves(*pair):.2f}; by chance alone up to {by_chance(*pair):.2f} (95 %)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", choices=["kam", "abm"], default="kam")
    parser.add_argument("--runs", type=int, default=64)
    parser.add_argument("--walltime", default="")
    parser.add_argument("--only", choices=[*WAYS, "table"], help="one way, or the table alone")
    asked = parser.parse_args()
    for way in WAYS:
        if asked.only in (None, way):
            quench(asked.folder, asked.model, way, asked)
    table(asked.folder, asked.model)


if __name__ == "__main__":
    main()
