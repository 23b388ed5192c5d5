"""What `glassdask info` prints."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from glassdask.base.shared import shared_folder
from glassdask.campaign import MODELS, PRESETS
from glassdask.physics.indicators import INDICATORS
from glassdask.store.groups import versions


def print_information() -> None:
    """Print versions, this machine, models and presets."""
    found = versions()
    own, python = found.get("glassdask_version", "not installed"), sys.version.split()[0]
    print(f"glassdask {own}, Python {python}")
    for name, value in found.items():
        if name != "glassdask_version":
            print(f"  {name.removesuffix('_version'):<10} {value}")
    cores = len(os.sched_getaffinity(0))
    print(f"machine    {platform.machine()}, {cores} cores, {_device()}")
    beside = Path(sys.executable).parent / "mpiexec"
    mpi = str(beside) if beside.is_file() else shutil.which("mpiexec")
    print(f"mpiexec    {mpi or 'not found: pip install glassdask[hpc]'}")
    print(f"site profiles and job scripts for `glassdask submit`: {shared_folder('slurm')}")
    print(f"notebooks  {shared_folder('notebooks')}")
    print("models")
    for model in MODELS.values():
        print(
            f"  {model.name:<11} {model.dimension}D, density {model.density:g}, "
            f"T_L {model.liquid_temperature:g}, T_G {model.glass_temperature:g}: {model.note}"
        )
    print("  custom      defined by you in campaign.toml")
    print(f"presets    {', '.join(PRESETS)}")
    print("indicators for [indicators] names")
    for name, indicator in INDICATORS.items():
        only = "".join(f" ({d}D only)" for d in indicator.unit if len(indicator.unit) == 1)
        print(f"  {name}{only}")
    print("  your own indicators: see docs/howto/own-indicator.md")


def _device() -> str:
    if find_spec("torch") is None:
        return "no torch: pip install glassdask[learn]"
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} GPU(s), {torch.cuda.get_device_name(0)}"
    return "no GPU"
