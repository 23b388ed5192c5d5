"""Folders that come with glassdask beside its modules: job scripts and profiles, notebooks."""

from __future__ import annotations

from pathlib import Path

from glassdask.base.errors import UsageError

#: A file of each folder, by which it is recognised.
KNOWN_BY = {"slurm": "cpu-cluster.toml", "notebooks": "ask_the_store.ipynb"}


def shared_folder(name: str) -> Path:
    """Folder `slurm` or `notebooks`, in the checkout or the installed package.

    Parameters
    ----------
    name : str
        One of `KNOWN_BY`.

    Raises
    ------
    UsageError
        When it does not exist.
    """
    above = Path(__file__).resolve().parents
    # the root of an environment, of `pip --user` or `pip --target` is a folder above the package
    for folder in (above[2] / name, *(root / "share" / "glassdask" / name for root in above)):
        if (folder / KNOWN_BY[name]).is_file():
            return folder
    raise UsageError(
        f"no {KNOWN_BY[name]}", f"the folder {name} beside the package", "Reinstall glassdask."
    )
