"""Delete what killed ranks left in the memory of a node.

MPICH names its shared memory `mpich_shm_*`, and deletes it only at the end of the job. The folders
of `runner.py` are named after the process that made them.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from glassdask.base import live

MEMORY = Path("/dev/shm")
#: Ranks in a container of its own cannot be seen; they open the memory within this time, seconds.
YOUNG = 2.0


def prefix(process: int) -> str:
    """How the names of temporary folders of a process begin."""
    return f"glassdask-{live.node()}-{process}-"


def leads_node() -> bool:
    """Whether this is the first rank on its node, as the launcher says."""
    names = ("MPI_LOCALRANKID", "PMI_LOCAL_RANK", "SLURM_LOCALID")
    return next((os.environ[name] for name in names if name in os.environ), "0") == "0"


def remove(memory: Path = MEMORY) -> None:
    """Delete files and folders of this user that no process on this node uses."""
    old = []
    for path in (*memory.glob("mpich_shm_*"), *memory.glob("glassdask-*")):
        with suppress(OSError):
            found = path.lstat()
            if found.st_uid == os.geteuid() and time.time() - found.st_mtime > YOUNG:
                old.append(path)
    if not old:
        return
    used = _mapped(memory)
    for path in old:
        if path.is_dir():
            own, process = f"glassdask-{live.node()}-", path.name.split("-")[-2]
            if path.name.startswith(own) and not Path("/proc", process).exists():
                shutil.rmtree(path, ignore_errors=True)
        elif str(path) not in used:
            with suppress(OSError):
                path.unlink()


def _mapped(memory: Path) -> set[str]:
    """The files in this folder that a process of this user has mapped."""
    found = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with suppress(OSError):  # it has ended, or is another user's, who cannot open our files
            for line in maps.read_text("utf-8", "replace").splitlines():
                if f" {memory}/" in line:
                    found.add(line.split(maxsplit=5)[5])
    return found
