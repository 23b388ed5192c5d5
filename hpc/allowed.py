"""The LAMMPS commands that the driver carries out: those of `hpc.lammps_input`, and no others.

An input comes from the store, which may be somebody else's, and LAMMPS has commands that start
programs, run Python, load libraries and read or write files.
"""

from __future__ import annotations

import re

#: Parts of commands: numbers, a temperature, a seed, the name of a snapshot.
_PARTS = {
    "N": r"-?\d+(\.\d+)?(e[+-]?\d+)?",
    "I": r"\d+",
    "T": r"(-?\d+(\.\d+)?(e[+-]?\d+)?|\$\(v_temperature\))",
    "S": r"\$\(v_seed(\+\d+)?:%\.0f\)",
    "NAME": r"[\w.+-]+",
}
#: All commands, and the instructions to the driver; brackets enclose what may be missing.
_COMMANDS = """
package omp 1
suffix omp
units lj
atom_style atomic
dimension I
boundary p p p
region box block N N N N N N
create_box I box
mass I N
neighbor N bin
neigh_modify every I delay 0 check yes
create_atoms I random I S NULL
thermo I
thermo_modify lost error norm yes
timestep N
pair_style soft N
pair_style lj/smooth/linear N
pair_coeff I I N N[ N]
min_style fire
min_modify norm max
minimize N N I I
velocity all create T S mom yes rot no dist gaussian
fix nvt all nvt temp T T N
fix limit all nve/limit N
fix bath all langevin N N N S
fix flat all enforce2d
unfix nvt
unfix limit
unfix bath
unfix flat
reset_timestep 0
run I[ start I stop I][ every I NULL]
#@ record NAME
#@ cooling
#@ history
#@ frames
#@ controls
#@ place particles
#@ place snapshot NAME
#@ inherent NAME
#@ control NAME
"""


def _pattern(command: str) -> str:
    words = re.split(r"(\W+)", command)
    text = "".join(_PARTS.get(word, re.escape(word)) for word in words)
    return text.replace(r"\[", "(").replace(r"\]", ")?")


_ALLOWED = re.compile("|".join(map(_pattern, _COMMANDS.strip().splitlines())), re.ASCII)


def first_other(text: str) -> tuple[int, str] | None:
    """The first line, with its number from 1, that is neither a comment nor one of the commands."""
    for number, line in enumerate(text.splitlines(), start=1):
        comment = line.startswith("#") and not line.startswith("#@")
        if line and not comment and not _ALLOWED.fullmatch(line):
            return number, line
    return None
