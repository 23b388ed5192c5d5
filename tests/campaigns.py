"""Tiny campaigns and the command line, for the tests that run the whole chain."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from glassdask import cli
from glassdask.analysis import snapshots
from glassdask.campaign import Campaign, load, new_campaign
from glassdask.physics.indicators import INDICATORS
from glassdask.store import groups, jobs, layout, records
from glassdask.store.stage import STAGES as ALL_STAGES

GLASSDASK = str(Path(sys.executable).parent / "glassdask")

__all__ = [
    "GLASSDASK",
    "LEARNING",
    "SIXTY",
    "STAGES",
    "TINY",
    "TINY_3D",
    "accept_changes",
    "begin_and_stop",
    "change_input",
    "finish",
    "glassdask",
    "gridded",
    "hurry",
    "in_process",
    "log",
    "missing_of",
    "new",
    "slow_indicator",
    "start",
    "submitted",
    "wait_for",
    "wait_until",
]  # fmt: skip

#: Those of a campaign whose ensemble starts from glasses.
STAGES = tuple(stage for stage in ALL_STAGES if stage != "equilibrate")

_COMMON = (
    "quench.cooling_rate=0.5",
    "quench.equilibration_time=1.0",
    "quench.hold_time=1.0",
    "quench.cooling_points=8",
    "train.channels=[6,6,6]",
    "train.kernel_size=3",
    "train.hidden=8",
    "train.batch_size=4",
    "train.learning_rate=0.01",
    "train.patience=3",
    "train.dropout=0.0",
    "train.threads=1",
    "train.seeds=1",
    "explain.minimum_accuracy=0.5",
    "propensity.configurations=2",
    "propensity.replicas=3",
    "propensity.temperatures=[1.0,3.0]",
    "propensity.duration=3.0",
    "propensity.frames=5",
    "correlate.chance_draws=20",
    "correlate.bootstrap=50",
    # each takes a second or more
    "report.figures=['maps']",
    "dask.workers=1",
    "hpc.workers=2",
)
TINY = (
    *_COMMON,
    "system.particles=100",
    "quench.runs=24",
    "quench.split={train=16,validation=4,test=4}",
    "grid.spacing=0.25",
    "train.epochs=12",
)
#: Networks learn to distinguish the hot liquid from a glass in 2 s, for all tested seeds.
LEARNING = (
    *TINY,
    "quench.liquid_temperature=3.0",
    # all options of a quench
    "quench.schedule=[[4.0,1.0],[1.0,0.5]]",
    "quench.liquid_hold_time=0.5",
    "quench.snapshot_temperatures=[0.6]",
    "quench.controls=3",
    "quench.control_time=2.0",
    "train.kernel_size=5",
    "train.epochs=30",
    "train.patience=30",
    "train.seeds=2",
)
#: Six blocks for the Dask stages.
SIXTY = (
    *TINY,
    "quench.runs=60",
    "quench.split={train=40,validation=10,test=10}",
    "dask.workers=2",
)
TINY_3D = (
    *_COMMON,
    "system.particles=160",
    "quench.runs=16",
    "quench.split={train=12,validation=2,test=2}",
    "grid.spacing=0.3",
    # twelve runs are too few to learn from one channel
    "grid.species_channels=true",
    "train.channels=[8,8]",
    "train.strides=[1,1]",
    "train.kernel_size=5",
    "train.learning_rate=0.005",
    "train.epochs=24",
)

#: Batches of 5 and 4 images, so that two processes have uneven shares; of two channels, which are
#: distinguished in few epochs, before rounding errors have grown.
PLAIN = (
    *TINY,
    "grid.species_channels=true",
    "train.normalisation=none",
    "train.batch_size=5",
    "train.threads=1",
)


def glassdask(*words: str, code: int = 0) -> subprocess.CompletedProcess:
    """Run the command line to its end and check its exit code."""
    done = subprocess.run([GLASSDASK, *words], capture_output=True, text=True, check=False)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def finish(campaign: Campaign, stage: str, notes: dict | None = None) -> None:
    """Complete a stage whose runs nobody has done."""
    home = ALL_STAGES[stage].status_in
    if (campaign.store / home / "run_status").exists():
        status = groups.array(campaign.store, home, "run_status")
        status[...] = np.where(status[...] == layout.PENDING, layout.DONE, status[...])
    jobs.complete(campaign, stage, notes)


def in_process(*words: str, code: int | None = 0) -> subprocess.CompletedProcess:
    """Run the command line in this process, which is faster; MPI output is not captured.

    With `code` None, every exit code is allowed.
    """
    said, complained = io.StringIO(), io.StringIO()
    numbers, indicators = (signal.SIGTERM, signal.SIGUSR1), dict(INDICATORS)
    before = [signal.getsignal(number) for number in numbers]
    found = 0
    try:
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(complained),
        ):
            patch.setattr(sys, "argv", [GLASSDASK, *words])
            cli.main()
    except SystemExit as end:
        found = int(end.code or 0)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        INDICATORS.clear()  # indicators of a user belong to one command only
        INDICATORS.update(indicators)
    done = subprocess.CompletedProcess(words, found, said.getvalue(), complained.getvalue())
    assert code in (None, found), (done.returncode, done.stdout, done.stderr)
    return done


def new(folder: Path, model: str, overrides: tuple[str, ...]) -> Path:
    """A new campaign folder."""
    new_campaign(folder, model, "quick", overrides)
    return folder


def slow_indicator(folder: Path, seconds: float, deed: str = "") -> tuple[str, ...]:
    """An indicator of the user's own, the coordination, that takes its time: the options for it.

    It hurries once `hurry` was called.
    """
    (folder / "slow.py").write_text(
        "import os, time\nimport numpy as np\nimport glassdask as gd\n"
        '@gd.indicator("slow", units="1", long_name="number of neighbours")\n'
        "def slow(configuration):\n"
        f"    time.sleep(0 if os.path.exists({str(folder / 'hurry')!r}) else {seconds})\n"
        f"    {deed or 'pass'}\n"
        "    return configuration.tessellation.coordination.astype(float)\n"
    )
    names = 'indicators.names=["voronoi_volume","slow"]'
    return ("--set", names, "--set", 'indicators.modules=["slow.py"]')


def hurry(folder: Path) -> None:
    """Let the slow indicator continue."""
    (folder / "hurry").touch()


def start(*words: str) -> subprocess.Popen:
    """Start the command line without waiting for it."""
    return subprocess.Popen(
        [GLASSDASK, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(condition: Callable[[], bool], process: subprocess.Popen, seconds: float = 90) -> None:
    """Wait until a condition holds, while the process runs."""
    until = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def wait_until(condition: Callable[[], object], what: str, seconds: float = 90) -> None:
    """Wait until a condition holds, with jobs in a queue."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.1)


def log(folder: Path, name: str) -> str:
    """What all jobs of a stage printed."""
    return "".join(path.read_text() for path in (folder / "logs").glob(f"{name}-*.out"))


def submitted(folder: Path, profile: Path, *words: str) -> dict[str, str]:
    """Submit a campaign; the numbers of the jobs, by stage."""
    said = glassdask("submit", str(folder), "--profile", str(profile), *words).stdout
    return {name: number for number, name in re.findall(r"^ *(\d+)  (\w+)", said, re.M)}


def fakes(folder: Path, monkeypatch: pytest.MonkeyPatch, **programs: str) -> Path:
    """Replace Slurm's programs by scripts; returns the file with their arguments."""
    for name, text in programs.items():
        program = folder / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> {folder}/asked\n{text}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder / "asked"


def missing_of(programs: Iterable[str]) -> str:
    """The first of these programs that this machine lacks; empty if it has all."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return next((name for name in programs if shutil.which(name, path=path) is None), "")


def begin_and_stop(folder: Path) -> Path:
    """Start a quench and stop it at once, before any run."""
    process = start("quench", str(folder))
    wait_for(lambda: bool(list((folder / "restarts").glob("quench/*.lammps"))), process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 75
    shutil.rmtree(folder / "restarts" / "quench")
    return folder


def change_input(folder: Path, before: str, command: str) -> None:
    """Add a command to the stored LAMMPS input, which the driver executes."""
    for group in ("configurations", "cooling"):
        path = folder / "store.zarr" / group / "zarr.json"
        content = json.loads(path.read_text())
        text = content["attributes"]["lammps_input"]
        content["attributes"]["lammps_input"] = text.replace(before, f"{command}\n{before}", 1)
        path.write_text(json.dumps(content))


def accept_changes(folder: Path) -> None:
    """Write the manifests of complete stages anew, after a test has changed results on purpose."""
    campaign = load(folder)
    for stage in records.stages(campaign):
        if (records.read(campaign, stage) or {}).get("complete"):
            records.complete(campaign, stage, {})


def gridded(folder: Path, *overrides: str) -> Campaign:
    """A campaign whose liquids are gases and whose glasses are crystals, up to its images."""
    new_campaign(folder, "kam", "quick", (*PLAIN, *overrides))
    campaign = load(folder)
    random, runs = np.random.default_rng(0), campaign.file.quench.runs
    lattice = np.stack(np.meshgrid(*[np.arange(10)] * 2), -1).reshape(-1, 2) / 10
    shift = random.random((runs, 1, 2))
    position = np.stack([random.random((runs, 100, 2)), (lattice + shift) % 1], 1)
    for stage, make in (("quench", layout.configurations), ("grid", layout.density)):
        record, _ = jobs.begin(campaign, stage)
        jobs.create(campaign, stage, record, (make(campaign),))
        if stage == "quench":
            groups.array(campaign.store, "configurations", "position")[...] = (
                position * campaign.box_length
            )
        else:
            for low, high in layout.sample_blocks(campaign):
                snapshots.grid(campaign, low, high)
        status = groups.array(campaign.store, make(campaign).name, "run_status")
        status[...] = np.full(runs, layout.DONE, np.int8)
        jobs.complete(campaign, stage)
    return campaign
