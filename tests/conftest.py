"""Seeded factories; no test reads data files."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from campaigns import LEARNING, SIXTY, glassdask
from gridengine_cluster import gridengine_cluster
from gridengine_cluster import missing as missing_of_gridengine
from slurm_cluster import missing as missing_of_slurm
from slurm_cluster import slurm_cluster

#: For each fixture: the scheduler, its missing program on this machine, its Debian packages.
CLUSTERS = {
    "slurm": ("Slurm", missing_of_slurm(), "slurm-wlm and munge"),
    "grid_engine": (
        "Grid Engine", missing_of_gridengine(), "gridengine-master, -exec and -client"
    ),
}  # fmt: skip

#: Fixtures that start processes.
STARTING = {"tiny", "quenched", *CLUSTERS}


@pytest.fixture(autouse=True)
def _no_process_without_the_mark(request, monkeypatch):
    """Fail tests that start a process without the mark `processes`: `make check` is fast."""
    if not {"processes", "long"} & {mark.name for mark in request.node.iter_markers()}:

        def refuse(*args, **kwargs):
            pytest.fail("starts a process without @pytest.mark.processes", pytrace=True)

        monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
        monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", refuse)


def pytest_collection_modifyitems(config, items):
    """Mark tests that start processes; skip tests whose scheduler is missing."""
    for item in items:
        if STARTING & set(item.fixturenames):
            item.add_marker(pytest.mark.processes)
    absent = {name for name, (_, program, _) in CLUSTERS.items() if program}
    left_out = [item for item in items if absent & {*item.fixturenames}]
    # parallel processes take one module after the other: long ones first, but not two at once that
    # would wait for `tiny`
    long = {item.path for item in items if {"slow", "processes"} & {*item.keywords}}
    waiting = {item.path for item in items if "tiny" in item.fixturenames}
    kept = [item for item in items if item not in left_out]
    items[:] = sorted(kept, key=lambda item: (item.path not in long, item.path in waiting))
    config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter):
    """Print in one line what was skipped."""
    for title, program, packages in CLUSTERS.values():
        if program:
            terminalreporter.write_line(
                f"LEFT OUT the tests on a real {title}: no {program} on this machine (Debian's "
                f"{packages} bring it)"
            )


SIGMA = [[1.0, 0.8], [0.8, 0.88]]
EPSILON = [[1.0, 1.5], [1.5, 0.5]]
REFERENCE = [[1.0, 0.94], [0.94, 0.88]]


def _positions(count, dimension, seed=0, density=1.2):
    """Random positions in the unit density's box: (particle, axis) and L."""
    length = float((count / density) ** (1 / dimension))
    return np.random.default_rng(seed).random((count, dimension)) * length, length


def _dataset(dimension=2, count=160, samples=2, seed=0):
    """`samples` x 2 states, as the group `configurations` of a store."""
    # a jittered lattice, so that no particles are very close and energies stay accurate
    side = int(np.ceil(count ** (1 / dimension)))
    length = float((count / 1.1) ** (1 / dimension))
    random = np.random.default_rng(seed)
    lattice = np.stack(np.meshgrid(*[np.arange(side)] * dimension), -1).reshape(-1, dimension)
    jitter = random.random((samples, 2, count, dimension)) * 0.7
    position = (lattice[:count] + jitter) * (length / side)
    about = {"units": "sigma", "long_name": "position"}
    return xr.Dataset(
        {"position": (("sample", "state", "particle", "axis"), position, about)},
        coords={
            "sample": np.arange(samples),
            "state": ["liquid", "glass"],
            "axis": ["x", "y", "z"][:dimension],
            "species": ("particle", (np.arange(count) % 3 == 0).astype(np.int8)),
            "box_length": ("axis", np.full(dimension, length), {"units": "sigma"}),
        },
        attrs={
            "sigma": SIGMA,
            "epsilon": EPSILON,
            "cutoff": 2.5 if dimension == 2 else 1.4,
            "reference_length": REFERENCE,
        },
    )


def _lattice(kind, cells, constant=1.0):
    """Perfect crystals: positions, box lengths."""
    cell, basis = {
        "square": ((1, 1), [(0, 0)]),
        "triangular": ((1, np.sqrt(3)), [(0, 0), (0.5, 0.5)]),
        "cubic": ((1, 1, 1), [(0, 0, 0)]),
        "bcc": ((1, 1, 1), [(0, 0, 0), (0.5, 0.5, 0.5)]),
        "fcc": ((1, 1, 1), [(0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]),
    }[kind]
    cell = np.array(cell) * constant
    corners = np.stack(np.meshgrid(*[np.arange(cells)] * len(cell)), -1).reshape(-1, len(cell))
    places = corners[:, None] + np.array(basis)
    return places.reshape(-1, len(cell)) * cell, cells * cell


@pytest.fixture(scope="session")
def make_positions():
    return _positions


@pytest.fixture(scope="session")
def make_dataset():
    return _dataset


@pytest.fixture(scope="session")
def make_lattice():
    return _lattice


def _made_once(factory, name, overrides, command):
    """A campaign of the whole test run: the first of the parallel processes makes it."""
    parallel = "PYTEST_XDIST_WORKER" in os.environ
    root = factory.getbasetemp().parent if parallel else factory.getbasetemp()
    folder, made = root / name, root / f"{name}.made"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            words = [word for each in overrides for word in ("--set", each)]
            glassdask("new", str(folder), "--model", "kam", "--preset", "quick", *words)
            glassdask(command, str(folder))
            made.touch()
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A tiny complete campaign; read it, do not change it."""
    return _made_once(tmp_path_factory, "tiny", LEARNING, "run")


@pytest.fixture(scope="session")
def quenched(tmp_path_factory):
    """A tiny campaign with only sixty quenches; copy it."""
    return _made_once(tmp_path_factory, "quenched", SIXTY, "quench")


@pytest.fixture(scope="session")
def slurm():
    """A private Slurm; commands of it, and `glassdask`, talk to it while it runs."""
    # a path short enough for a socket
    with (
        tempfile.TemporaryDirectory(prefix="slurm-") as folder,
        pytest.MonkeyPatch.context() as patch,
        slurm_cluster(Path(folder)) as running,
    ):
        for name in ("SLURM_CONF", "PATH"):
            patch.setenv(name, running.environment[name])
        yield running


@pytest.fixture(scope="session")
def grid_engine():
    """A private Grid Engine; commands of it, and `glassdask`, talk to it while it runs."""
    with (
        tempfile.TemporaryDirectory(prefix="sge-") as folder,
        gridengine_cluster(Path(folder)) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in running.variables.items():
            patch.setenv(name, value)
        yield running
