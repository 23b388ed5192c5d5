"""TLS for one run: a temporary key that only its owner can read."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from distributed import Security

from glassdask.base.errors import StageFailed


class Certificates:
    """A self-signed certificate and its key in files, for workers on other nodes.

    Parameters
    ----------
    folder : Path
        The campaign folder; the files are in a new folder in its `slurm/`.
    stage : str
        The stage that this process runs. Older folders of the stage, of killed runs, are deleted.

    Attributes
    ----------
    certificate, key : str
        Paths of the files.
    security : distributed.Security
        For scheduler, workers and client.

    Raises
    ------
    StageFailed
        When the file system allows others to read the key.
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
                "a file system that supports private files",
                "Move the campaign folder to such a file system.",
            )
        return str(path)

    def delete(self) -> None:
        """Delete the files; then no new worker can connect."""
        shutil.rmtree(self.folder, ignore_errors=True)
