"""`glassdask submit --check` on a private Slurm: a list of what works on the nodes."""

from __future__ import annotations

from pathlib import Path

import pytest
from campaigns import STAGES, glassdask, new
from slurm_cluster import Slurm

from glassdask.batch import checking
from glassdask.batch.profile import load_profile
from glassdask.campaign import load

pytestmark = pytest.mark.processes


def check(folder: Path, profile: str, code: int) -> tuple[dict[str, str], str]:
    """The list, by the names of its lines, and the error."""
    path = folder.parent / "site.toml"
    path.write_text(profile)
    done = glassdask("submit", str(folder), "--profile", str(path), "--check", code=code)
    lines = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")]
    return {line[5:23].strip(): line[:4].strip() + " " + line[23:] for line in lines}, done.stderr


@pytest.fixture
def folder(slurm: Slurm, tmp_path: Path) -> Path:
    return new(tmp_path / "c", "kam", ())


def test_all_that_works_is_yes_and_nothing_stays(folder: Path, slurm: Slurm) -> None:
    scratch = folder.parent / "scratch"
    found, _ = check(folder, f'[site]\nscratch = "{scratch}"\n[dask]\ninterface = "lo"\n', 0)
    assert {line[:4] for line in found.values()} == {"yes "}
    assert "2 ranks on n1, n2" in found["launcher"]
    assert "reached from n1, n2" in found["interface"]
    assert str(scratch) in found["scratch"]
    assert {"source", "shared folder", "end of the job", "compiled kernels"} <= {*found}
    assert not slurm.run("squeue", "--noheader")
    assert not list((folder / "logs").glob(".check*"))


@pytest.mark.long
def test_what_does_not_work_is_no_and_says_which_key(folder: Path) -> None:
    profile = (
        '[site]\nlauncher = "srun --mpi=none"\nscratch = "/proc/none"\n[dask]\ninterface = "lo"\n'
        '[train]\ngres = "gpu:1"\n'
    )
    found, _ = check(folder, profile, 1)
    bad = {name for name, line in found.items() if line.startswith("no ")}
    assert bad == {"launcher", "scratch"}
    assert "2 MPI worlds of 1 rank" in found["launcher"]
    assert "[site] launcher" in found["launcher"]
    found, _ = check(folder, '[dask]\ninterface = "ib9"\n', 1)
    assert "'ib9'" in found["interface"]


@pytest.mark.parametrize("stage", STAGES)
def test_the_nodes_of_each_stage_are_tried(folder: Path, stage: str) -> None:
    path = folder.parent / "site.toml"
    path.write_text(f'[{stage}]\npartition = "nowhere"\n')
    campaign, profile = load(folder), load_profile(path)
    kinds = [*checking._kinds_of_nodes(campaign, profile)]
    assert [stage] in kinds
    assert sorted(name for kind in kinds for name in kind) == sorted(STAGES)


def test_nodes_that_the_site_does_not_have_are_no(folder: Path) -> None:
    found, _ = check(folder, '[propensity]\npartition = "nowhere"\n[dask]\ninterface = "lo"\n', 1)
    assert {line[:4] for line in found.values()} == {"yes "}  # of the job of all other stages


@pytest.mark.long
def test_a_job_without_its_environment_is_one_line(folder: Path) -> None:
    found, said = check(folder, '[site]\nsource = "/nowhere/activate"\n', 1)
    assert not found
    assert "/nowhere/activate" in said
    assert len(said.splitlines()) == 1
