"""Executors: one process, Dask workers, MPI ranks, torchrun."""
