"""A private Slurm on this machine: munged, slurmctld, slurmd with a key, ports, folders of its own.

`with slurm_cluster(folder) as slurm:` yields it; `python tests/slurm_cluster.py` starts one, too.
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from campaigns import missing_of

DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")
#: More than this machine has, so that jobs run side by side as they would on a cluster.
NODES, CORES = ("n1", "n2"), 8
# MPI names shared memory after job and step: no two clusters here may have jobs of the same number.
# A silent node is given up after 6 s, a requeued job waits 5 s (cred_expire): not 5 and 2 minutes.
CONFIGURATION = """
ClusterName=private
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CryptoType=crypto/munge
SlurmUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
FirstJobId={first}
JobRequeue=1
ReturnToService=2
SlurmdTimeout=6
KillWait=20
SlurmdParameters=config_overrides
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=closed Nodes=ALL MaxTime=INFINITE State=DOWN
"""


def missing() -> str:
    """The first missing program of a private Slurm; empty if it has all."""
    return missing_of(DAEMONS)


@dataclass
class Slurm:
    """A running private Slurm.

    Attributes
    ----------
    folder : Path
        Where all of it is.
    """

    folder: Path
    _processes: dict[str, subprocess.Popen] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Environment of a process that uses this Slurm."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SBATCH_"))}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"
        return kept | {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}

    def run(self, *words: str, check: bool = True) -> str:
        """Output of a Slurm command."""
        done = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert not check or done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout.strip()

    def state(self, job: str) -> str:
        """State of a job: PENDING, RUNNING, COMPLETED, ..."""
        shown = self.run("scontrol", "--oneliner", "show", "job", job)
        return shown.split("JobState=")[1].split()[0]

    def field(self, job: str, name: str) -> str:
        """A field of `scontrol show job`."""
        return (
            self.run("scontrol", "--oneliner", "show", "job", job).split(f" {name}=")[1].split()[0]
        )

    def wait(self, job: str, *states: str, seconds: float = 120) -> str:
        """Wait until a job has one of these states, or any final one; its state."""
        until = time.monotonic() + seconds
        final = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")
        while (found := self.state(job)) not in (states or final):
            assert time.monotonic() < until, (job, found, self.run("squeue"))
            assert found not in final, (job, found)
            time.sleep(0.2)
        return found

    def start(self, name: str, *words: str) -> None:
        """Start a daemon in the foreground, as a child."""
        program = shutil.which(words[0], path=self.environment["PATH"])
        assert program is not None
        log = (self.folder / f"{name}.out").open("a")
        self._processes[name] = subprocess.Popen(
            [program, *words[1:]],
            env=self.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def start_node(self, name: str) -> None:
        """Start the daemon of a node."""
        self.start(name, "slurmd", "-D", "-N", name)

    def kill_node(self, name: str) -> None:
        """Kill that daemon with -9; its children survive."""
        self._processes[name].kill()
        self._processes[name].wait()

    def wait_for_node(self, name: str, *states: str, seconds: float = 60) -> None:
        """Wait until a node is in one of these states."""
        until = time.monotonic() + seconds
        asked = ("sinfo", "-h", "-p", "main", "-n", name, "-o", "%t")
        while not (found := self.run(*asked, check=False)).startswith(states):
            said = (self.folder / f"{name}.out").read_text()[-2000:]
            assert time.monotonic() < until, (found, said)
            time.sleep(0.2)

    def clear(self) -> None:
        """Cancel all jobs and wait until they are gone."""
        self.run("scancel", "--user", getpass.getuser(), check=False)
        until = time.monotonic() + 60
        while self.run("squeue", "-h", check=False):
            assert time.monotonic() < until, self.run("squeue")
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop all jobs and all daemons."""
        with suppress(AssertionError):
            self.clear()
        for process in reversed(self._processes.values()):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def slurm_cluster(folder: Path) -> Iterator[Slurm]:
    """A Slurm with `NODES` on this machine, of `CORES` each, stopped at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, mode in (("munge", 0o755), ("state", 0o700), ("spool", 0o755)):
        (folder / name).mkdir(mode=mode, exist_ok=True)
    folder.chmod(0o755)
    key = folder / "munge" / "key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    host = socket.gethostname().split(".")[0]
    ports = _free_ports(1 + len(NODES))
    nodes = [
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} "
        f"CPUs={CORES} RealMemory=8000 State=UNKNOWN"
        for name, port in zip(NODES, ports[1:], strict=True)
    ]
    text = CONFIGURATION.format(
        host=host,
        ports=ports,
        folder=folder,
        user=getpass.getuser(),
        nodes="\n".join(nodes),
        first=1000 + secrets.randbelow(10**6),
    )
    (folder / "slurm.conf").write_text(text)
    slurm = Slurm(folder)
    munge = folder / "munge"
    try:
        slurm.start(
            "munged", "munged", "--foreground", "--force",
            f"--key-file={key}", f"--socket={munge}/socket",
            f"--pid-file={munge}/pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed",
        )  # fmt: skip
        until = time.monotonic() + 20
        while not (munge / "socket").exists():
            assert time.monotonic() < until, (folder / "munged.out").read_text()
            time.sleep(0.05)
        slurm.start("slurmctld", "slurmctld", "-D", "-c")
        for name in NODES:
            slurm.start_node(name)
        for name in NODES:
            slurm.wait_for_node(name, "idle")
        yield slurm
    finally:
        slurm.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with slurm_cluster(Path(tempfile.mkdtemp(prefix="slurm-"))) as running:
        print(f"export SLURM_CONF={running.folder}/slurm.conf   # Ctrl-C ends it", flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()
