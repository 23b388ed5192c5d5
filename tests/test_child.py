"""Child processes: those that never start, and MPI ranks beside a job's environment."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from glassdask.base.errors import Crashed, StageFailed, UsageError
from glassdask.campaign import new_campaign
from glassdask.run import mpi
from glassdask.run.child import follow
from glassdask.run.leaked import launcher_variables

pytestmark = pytest.mark.processes

JOB = {"SLURM_JOB_ID": "7", "SLURM_JOBID": "7", "SLURM_NODELIST": "vm", "SLURM_TASKS_PER_NODE": "4"}
MPIEXEC = Path(sys.executable).parent / "mpiexec"


def only_python(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """No scheduler on PATH, and these variables in the environment."""
    monkeypatch.setenv("PATH", str(MPIEXEC.parent))
    for name in ("HYDRA_LAUNCHER", "HYDRA_RMK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("command", [["/bin/sleep", "60"], ["/bin/sh", "-c", "exit 3"]])
def test_a_child_that_never_speaks_is_an_error(command: list[str]) -> None:
    with pytest.raises(StageFailed, match=r"start_time") as error:
        follow(command, {}, mpi.STOPPING, 0.3)
    assert error.value.exit_code == 1


@pytest.mark.parametrize("deed", ["kill -9 $$", "kill $$", "exit 9", "exit 15", "exit 137"])
def test_a_launcher_that_is_killed_at_the_start_may_be_tried_again(deed: str) -> None:
    with pytest.raises(Crashed, match="was killed at the start"):  # 75: its job goes back
        follow(["/bin/sh", "-c", deed], {}, mpi.STOPPING, 60.0)


@pytest.mark.parametrize("label", ["", "[0] ", "[1,0]<stdout>: "])
def test_a_child_that_has_spoken_may_be_silent(label: str) -> None:
    words = ["/bin/sh", "-c", f"echo '{label}@started'; sleep 1"]
    assert follow(words, {}, mpi.STOPPING, 0.5) == 0


def test_a_child_whose_output_goes_elsewhere_is_asked_for_otherwise() -> None:
    assert follow(["/bin/sleep", "1"], {}, mpi.STOPPING, 0.3, lives=lambda: True) == 0


@pytest.mark.parametrize(
    "job",
    [JOB, {"PE_HOSTFILE": "/none", "JOB_ID": "7"}, {"PBS_NODEFILE": "/none", "PBS_JOBID": "7"}],
    ids=lambda job: next(iter(job)),
)
def test_ranks_start_beside_the_variables_of_a_job_without_its_scheduler(
    job: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    only_python(monkeypatch, **job)
    words = [str(MPIEXEC), "-n", "2", sys.executable, "-c", "print('here')"]
    environment = os.environ | launcher_variables()
    done = subprocess.run(
        words, env=environment, timeout=60, check=True, capture_output=True, text=True
    )
    assert done.stdout.count("here") == 2


def test_the_variables_of_a_job_on_two_nodes_without_its_scheduler_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only_python(monkeypatch, **JOB, SLURM_JOB_NUM_NODES="2")
    with pytest.raises(UsageError, match="srun"):
        launcher_variables()


def test_the_variables_of_a_job_that_is_over_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only_python(monkeypatch, **JOB)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name, deed in (("srun", "exit 1"), ("squeue", "echo Invalid job id >&2; exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{deed}\n")
        (tmp_path / name).chmod(0o755)
    assert launcher_variables() == {"HYDRA_LAUNCHER": "fork", "HYDRA_RMK": "user"}
    assert "SLURM_JOB_ID is of a job that is over" in capsys.readouterr().err
    (tmp_path / "squeue").write_text("#!/bin/sh\necho 7\n")
    assert launcher_variables() == {}


def test_plan_ends_when_the_launcher_hangs(tmp_path: Path) -> None:
    hang = tmp_path / "hang"
    hang.write_text("#!/bin/sh\nsleep 60\n")
    hang.chmod(0o755)
    fields = (f"hpc.launcher={shlex.quote(str(hang))!r}", "hpc.start_time=0.3")
    with pytest.raises(StageFailed, match=r"start_time"):
        mpi.time_model(new_campaign(tmp_path / "c", "kam", "quick", fields), 1)
