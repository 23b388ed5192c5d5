"""Variables of a batch job in an environment without it: containers, copied environments."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from glassdask.base.errors import UsageError
from glassdask.base.logs import warn
from glassdask.batch.scheduler import here

#: Variables of a job that Hydra looks at, and the program with which it then starts the ranks.
_OF_JOBS = {
    ("SLURM_JOB_ID", "SLURM_JOBID", "SLURM_NODELIST", "SLURM_JOB_NODELIST"): "srun",
    ("PE_HOSTFILE",): "qrsh",
    ("LSB_HOSTS", "LSB_MCPU_HOSTS"): "blaunch",
}


def launcher_variables() -> dict[str, str]:
    """Environment for MPI launchers when the one of a job is here, but not its scheduler.

    In a container or a shell with the environment of a job, also of one that is over, the Hydra
    launcher of MPICH waits for ever. With these variables it starts the ranks itself.

    Raises
    ------
    UsageError
        When the job has several nodes.
    """
    alone = {"HYDRA_LAUNCHER": "fork", "HYDRA_RMK": "user"}
    for variables, program in _OF_JOBS.items():
        given = [name for name in variables if os.environ.get(name)]
        if not given or "HYDRA_LAUNCHER" in os.environ:
            continue
        if shutil.which(program):
            scheduler = here()
            if scheduler is None or not scheduler.job_is_over():
                continue
            warn(f"{given[0]} is of a job that is over: all ranks start on this node")
            return alone
        nodes = os.environ.get("SLURM_JOB_NUM_NODES") or os.environ.get("SLURM_NNODES") or "1"
        if program == "srun" and nodes != "1":
            raise UsageError(
                f"{given[0]} is set, of a job on {nodes} nodes, but there is no {program}",
                f"{program}, or a job on one node",
                "Set another [hpc] launcher, or type `export HYDRA_LAUNCHER=fork "
                "HYDRA_RMK=user` to use this node only.",
            )
        return alone
    nodes_of_pbs = os.environ.get("PBS_NODEFILE")
    return alone if nodes_of_pbs and not Path(nodes_of_pbs).exists() else {}
