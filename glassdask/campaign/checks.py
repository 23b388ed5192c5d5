"""Checks between fields of the campaign file; pydantic checks each field by itself."""

from __future__ import annotations

from itertools import pairwise
from pathlib import PurePath

import numpy as np

from glassdask.base.errors import UsageError
from glassdask.campaign.ensemble import check_propensity
from glassdask.campaign.overrides import scaled
from glassdask.campaign.schema import CampaignFile
from glassdask.campaign.simulations import Split, System
from glassdask.campaign.wording import shown

#: Largest number of resamples times replicas, 8 bytes each.
MOST_DRAWN = 10**8
#: Smallest number of starts of a supervised prediction: two for training, and one to test.
FEWEST_STARTS = 3
_CUSTOM_NEEDS = ("species", "fractions", "sigma", "epsilon", "density", "dimension")
_CUSTOM_ONLY = ("dimension", "species", "fractions", "sigma", "epsilon", "masses")


def check(file: CampaignFile) -> None:
    """Check that the fields of the file agree with each other.

    Raises
    ------
    UsageError
        For the first fields that do not.
    """
    check_system(file.system)
    check_quench(file)
    check_grid(file)
    check_indicators(file)
    check_inherent(file)
    check_network(file)
    check_propensity(file)
    check_correlate(file)
    check_report(file)
    check_hpc(file)
    if file.report.map_sample >= file.quench.runs:
        raise UsageError(
            f"[report] map_sample = {file.report.map_sample} in a campaign of {file.quench.runs} "
            "runs",
            f"-1 to {file.quench.runs - 1}",
        )


def check_system(system: System) -> None:
    """A custom model has all fields and symmetric matrices; a named model has none of them."""
    if system.model != "custom":
        for key in _CUSTOM_ONLY:
            if getattr(system, key) is not None:
                raise UsageError(
                    f"[system] {key} is given, but model {system.model!r} fixes it",
                    'no such field, or model = "custom"',
                    f"Delete {key}, or define a custom model.",
                )
        size = 2
    else:
        for key in _CUSTOM_NEEDS:
            if getattr(system, key) is None:
                raise UsageError(
                    f"[system] has no {key}",
                    f"{', '.join(_CUSTOM_NEEDS)} for a custom model",
                    f"Add {key} under [system].",
                )
        size = len(system.species or [])
        _check_custom(system, size)
    if system.reference_lengths is not None:
        _check_matrix("reference_lengths", system.reference_lengths, size)


def _check_custom(system: System, size: int) -> None:
    if size < 1 or len(set(system.species or [])) != size:
        raise UsageError(
            f"[system] species = {shown(system.species)}", "different names, at least one"
        )
    for key in ("fractions", "masses"):
        values = getattr(system, key)
        if values is not None and len(values) != size:
            raise UsageError(f"[system] {key} has {len(values)} values", f"{size}, one per species")
    total = sum(system.fractions or [])
    if abs(total - 1) > 1e-6:
        raise UsageError(f"[system] fractions add up to {total:g}", "1")
    _check_matrix("sigma", system.sigma or [], size)
    _check_matrix("epsilon", system.epsilon or [], size)


def _check_matrix(key: str, rows: list[list[float]], size: int) -> None:
    if len(rows) != size or any(len(row) != size for row in rows):
        raise UsageError(
            f"[system] {key} = {shown(rows)}",
            f"a {size} x {size} matrix",
            f"Type e.g. `{key} = [[1.0, 0.8], [0.8, 0.88]]`.",
        )
    if not np.array_equal(np.array(rows), np.array(rows).T):
        raise UsageError(f"[system] {key} = {shown(rows)}", "a symmetric matrix")


def check_quench(file: CampaignFile) -> None:
    """The splits add up to the number of runs, and there are enough distinct seeds."""
    quench = file.quench
    split = quench.split
    for name, runs in split.model_dump().items():
        # imported configurations may be too few for training
        if runs < 1 and quench.source == "lammps":
            raise UsageError(f"[quench] split.{name} = {runs}", "a number >= 1")
    total = split.train + split.validation + split.test
    if total != quench.runs:
        raise UsageError(
            f"[quench] split adds up to {total} (train {split.train}, validation "
            f"{split.validation}, test {split.test}), but runs = {quench.runs}",
            "every run in one split",
            f"Write `runs = {total}`{_split_of(quench.runs, split)}.",
        )


def _split_of(runs: int, split: Split) -> str:
    """A split of that many runs, to write into the file; empty if they are too few."""
    found = scaled(split.model_dump(), runs)
    if sum(found.values()) != runs:
        return ""
    parts = ", ".join(f"{name} = {count}" for name, count in found.items())
    return f", or e.g. `split = {{ {parts} }}`"


def check_grid(file: CampaignFile) -> None:
    """Only a Gaussian kernel has a width, and it needs one."""
    grid = file.grid
    if (grid.kernel == "gaussian") != (grid.kernel_width is not None):
        width = "no kernel_width" if grid.kernel_width is None else "a kernel_width"
        raise UsageError(
            f'[grid] kernel = "{grid.kernel}" with {width}',
            "a kernel_width for gaussian and for no other kernel",
            "Add e.g. `kernel_width = 0.25` (sigma), or delete it.",
        )


def check_indicators(file: CampaignFile) -> None:
    """Names are those of variables, and modules are paths within the campaign folder."""
    for name in file.indicators.names:
        if not name.isidentifier():
            raise UsageError(f"[indicators] names has {name!r}", "a name of letters, digits and _")
    for name in file.indicators.modules:
        if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
            raise UsageError(
                f"[indicators] modules has {name!r}",
                'a file in the campaign folder, such as "mine.py"',
                "Copy the file into that folder.",
            )


def check_inherent(file: CampaignFile) -> None:
    """Stages that use inherent structures have them."""
    for name in ("grid", "indicators"):
        if getattr(file, name).configuration == "inherent" and not file.quench.inherent_structures:
            raise UsageError(
                f'[{name}] configuration = "inherent" without inherent structures',
                "[quench] inherent_structures = true",
                "Write it into campaign.toml, or type `--set quench.inherent_structures=true`. "
                "Imported configurations have them with `gd.from_arrays(..., "
                "inherent_position=x)`.",
            )


def check_network(file: CampaignFile) -> None:
    """One stride per convolution, an odd kernel size, and the explained layer exists."""
    train, layers = file.train, len(file.train.channels)
    if len(train.strides) != layers:
        raise UsageError(
            f"[train] strides has {len(train.strides)} values", f"{layers}, as many as channels"
        )
    if train.kernel_size % 2 == 0:
        raise UsageError(
            f"[train] kernel_size = {train.kernel_size}",
            "an odd number, so that maps are not shifted by half a cell",
        )
    if not -layers <= file.explain.layer < layers:
        raise UsageError(f"[explain] layer = {file.explain.layer}", f"{-layers} to {layers - 1}")


def check_correlate(file: CampaignFile) -> None:
    """Bonds break at a larger length than they form, and the xi ladder increases."""
    section, ladder = file.correlate, file.correlate.coarse_graining_ladder
    if section.broken_bond_length <= section.bond_length:
        raise UsageError(
            f"[correlate] broken_bond_length = {section.broken_bond_length:g}, bond_length = "
            f"{section.bond_length:g}",
            "broken_bond_length > bond_length",
            "Raise broken_bond_length, e.g. to 1.7 beside a bond_length of 1.4.",
        )
    if not ladder or any(low >= high for low, high in pairwise(ladder)):
        raise UsageError(
            f"[correlate] coarse_graining_ladder = {shown(ladder)}",
            "increasing lengths, at least one",
            "Type e.g. `coarse_graining_ladder = [0.0, 1.0, 3.0]`.",
        )
    starts = file.propensity.configurations
    if section.supervised and starts < FEWEST_STARTS:
        raise UsageError(
            f"[correlate] supervised = true with [propensity] configurations = {starts}",
            f"at least {FEWEST_STARTS} starts, to train on some and test on others",
            f"Type `--set propensity.configurations={FEWEST_STARTS}`, or supervised = false.",
        )
    drawn = section.bootstrap * file.propensity.replicas
    if drawn > MOST_DRAWN:
        raise UsageError(
            f"[correlate] bootstrap = {section.bootstrap} resamples of {file.propensity.replicas} "
            "replicas",
            f"a product of at most {MOST_DRAWN:g}, which is kept in memory",
            "Lower bootstrap.",
        )


def check_report(file: CampaignFile) -> None:
    """The temperature range of the kink is [low, high]."""
    window = file.report.kink_temperatures
    if window is not None and not (len(window) == 2 and window[0] < window[1]):
        raise UsageError(
            f"[report] kink_temperatures = {shown(window)}",
            "two temperatures, the lower one first",
            "Type e.g. `kink_temperatures = [0.1, 0.8]`.",
        )


def check_hpc(file: CampaignFile) -> None:
    """The number of ranks is a multiple of the ranks per run."""
    hpc = file.hpc
    if hpc.workers % hpc.ranks_per_run:
        raise UsageError(
            f"[hpc] workers = {hpc.workers}, ranks_per_run = {hpc.ranks_per_run}",
            "workers a multiple of ranks_per_run",
            f"Set workers to a multiple of {hpc.ranks_per_run}.",
        )
