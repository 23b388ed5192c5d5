"""The address of Dask's dashboard, and how to open it from a laptop."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from glassdask.batch.scheduler import here

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Dashboard:
    """The dashboard of a cluster.

    Attributes
    ----------
    host : str
        Address on which it listens.
    port : int
    login : str
        Login node of the site, as typed on a laptop; empty: the node that submitted the job.
    """

    host: str
    port: int
    login: str = ""

    @property
    def link(self) -> str:
        """Its URL; on loopback it works on this node and through the ssh tunnel."""
        return f"http://{self._target}:{self.port}/status"

    @property
    def _target(self) -> str:
        everywhere = self.host in ("", "0.0.0.0")
        return socket.gethostname() if everywhere else self.host

    @property
    def ssh(self) -> str:
        """The ssh command that makes the link work on a laptop; empty if not needed."""
        job = here()
        login = self.login or (os.environ.get(job.submit_host, "") if job else "")
        if not (job or login):
            return ""
        if not self._on_loopback:
            return f"ssh -L {self.port}:{self._target}:{self.port} {login}".rstrip()
        by = f"-J {login} " if login else ""
        return f"ssh -L {self.port}:{LOOPBACK}:{self.port} {by}{socket.gethostname()}"

    @property
    def _on_loopback(self) -> bool:
        return self.host.startswith("127.") or self.host in ("localhost", "::1")
