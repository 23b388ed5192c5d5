"""The worker processes of the Dask stages: on this machine, in an allocation, or as Slurm jobs."""
