"""TLS for one run: a key that only its owner can read, and that ends with the run."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from distributed import Security

from glassdask.base.errors import StageFailed


class Certificates:
    """A self-signed certificate and its key as files, for workers that are started elsewhere.

    Parameters
    ----------
    folder : Path
        The campaign folder; the files go to a new folder in its `slurm/`.
    stage : str
        That this process holds: folders of the same stage are leftovers of killed runs.

    Attributes
    ----------
    certificate, key : str
        Their paths.
    security : distributed.Security
        For scheduler, workers and client alike.

    Raises
    ------
    StageFailed
        When the file system lets others read the key.
    """

    def __init__(self, folder: Path, stage: str) -> None:
        home = folder / "slurm"
        home.mkdir(exist_ok=True)
        for left in home.glob(f"tls-{stage}-*"):
            shutil.rmtree(left, ignore_errors=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f"tls-{stage}-", dir=home))
        made = Security.temporary()
        own = made.get_tls_config_for_role("scheduler")  # the same for all roles
        self.certificate = self._write("certificate.pem", own["cert"])
        self.key = self._write("key.pem", own["key"])
        roles = ("client", "scheduler", "worker")
        self.security = Security(
            require_encryption=True,
            tls_ca_file=self.certificate,
            **{f"tls_{role}_cert": self.certificate for role in roles},
            **{f"tls_{role}_key": self.key for role in roles},
        )

    @property
    def words(self) -> list[str]:
        """Options of `dask worker`."""
        return ["--tls-ca-file", self.certificate, "--tls-cert", self.certificate,
                "--tls-key", self.key]  # fmt: skip

    def _write(self, name: str, text: str) -> str:
        path = self.folder / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        if (self.folder.stat().st_mode | path.stat().st_mode) & 0o077:
            self.delete()
            raise StageFailed(
                f"others can read {path}",
                "a file system that keeps private files private",
                "Move the campaign folder to one.",
            )
        return str(path)

    def delete(self) -> None:
        """Delete the files; no new worker can join after that."""
        shutil.rmtree(self.folder, ignore_errors=True)
