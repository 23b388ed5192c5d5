"""Campaigns as batch jobs: the chain of jobs, schedulers, submission, the state of the queue."""

#: The schedulers: name in `[site] scheduler` of a profile, and class. A new one adds a line.
SCHEDULERS = {
    "slurm": "glassdask.batch.slurm:Slurm",
    "gridengine": "glassdask.batch.gridengine:GridEngine",
    "pbs": "glassdask.batch.pbs:PBS",
}
DEFAULT = "slurm"
