"""TLS for one run: a temporary key that only its owner can read."""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from distributed import Security

from glassdask.base.errors import StageFailed

#: Validity. The connections last as long as the run, whatever the clocks of the nodes say.
FIRST_DAY, LAST_DAY = datetime.datetime(1970, 1, 1), datetime.datetime(9999, 12, 31)


def new_pair() -> tuple[str, str]:
    """A self-signed certificate and its key, as PEM.

    That of `Security.temporary` is valid from now on for a year: not on a node whose clock is slow,
    nor after the clock was set back.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "glassdask")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(FIRST_DAY)
        .not_valid_after(LAST_DAY)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()


def security(certificate: str, key: str) -> Security:
    """TLS for all roles, from a certificate and its key as PEM, or from their files."""
    roles = ("client", "scheduler", "worker")
    return Security(
        require_encryption=True,
        tls_ca_file=certificate,
        **{f"tls_{role}_cert": certificate for role in roles},
        **{f"tls_{role}_key": key for role in roles},
    )


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
        certificate, key = new_pair()
        self.certificate = self._write("certificate.pem", certificate)
        self.key = self._write("key.pem", key)
        self.security = security(self.certificate, self.key)

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
