"""A private Grid Engine on this machine: sge_qmaster, sge_execd with ports, folders of their own.

`with gridengine_cluster(folder) as grid_engine:` yields it; `python tests/gridengine_cluster.py`
starts one, too.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from campaigns import missing_of
from slurm_cluster import _free_ports

PROGRAMS = ("sge_qmaster", "sge_execd", "qsub", "qconf", "qstat")
#: More than this machine has, so that jobs run side by side as they would on a cluster.
SLOTS = 8
_DEBIAN = Path("/usr/share/gridengine")
_LIBRARIES = Path("/usr/lib/gridengine")
# without a database server, and with the user of the tests in the place of sgeadmin
_BOOTSTRAP = """\
admin_user {user}
default_domain none
ignore_fqdn true
spooling_method classic
spooling_lib libspoolc
spooling_params {cell}/common;{folder}/spool
binary_path {libraries}
qmaster_spool_dir {folder}/spool
security_mode none
listener_threads 2
worker_threads 2
scheduler_threads 1
"""
_HOST = """\
hostname {host}
load_scaling NONE
complex_values NONE
user_lists NONE
xuser_lists NONE
projects NONE
xprojects NONE
usage_scaling NONE
report_variables NONE
"""


def missing() -> str:
    """The first missing program of a private Grid Engine; empty if it has all."""
    return missing_of(PROGRAMS)


@dataclass
class GridEngine:
    """A running private Grid Engine.

    Attributes
    ----------
    folder : Path
        Where all of it is.
    variables : dict
        What a process needs to talk to it.
    """

    folder: Path
    variables: dict[str, str]
    _processes: list[subprocess.Popen] = field(default_factory=list)

    def run(self, *words: str, check: bool = True) -> str:
        """Output of a Grid Engine command."""
        done = subprocess.run(
            words, env=os.environ | self.variables, capture_output=True, text=True, check=False,
            timeout=60,
        )  # fmt: skip
        assert not check or done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout.strip()

    def states(self) -> dict[str, str]:
        """Number and state of all jobs: qw, hqw, r, Rr ..."""
        listed = self.run("qstat", "-u", "*", check=False)
        return dict(re.findall(r"^ *(\d+) +\S+ +\S+ +\S+ +(\w+) ", listed, re.M))

    def wait_until_gone(self, *numbers: str, seconds: float = 300) -> None:
        """Wait until jobs have left the queue."""
        until = time.monotonic() + seconds
        while {*numbers} & {*self.states()}:
            assert time.monotonic() < until, self.run("qstat")
            time.sleep(0.2)

    def clear(self) -> None:
        """Delete all jobs and wait until they are gone."""
        if numbers := self.states():
            self.run("qdel", "-f", ",".join(numbers), check=False)
            self.wait_until_gone(*numbers, seconds=60)

    def start(self, program: str) -> None:
        """Start a daemon in the foreground, as a child, and wait until it answers."""
        path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        word = shutil.which(program, path=path)
        assert word is not None
        log = (self.folder / f"{program}.out").open("a")
        self._processes.append(
            subprocess.Popen(
                [word], env=os.environ | self.variables | {"SGE_ND": "1"},
                stdout=log, stderr=log, start_new_session=True,
            )
        )  # fmt: skip

    def wait_for(self, text: str, *words: str, seconds: float = 30) -> None:
        """Wait until a command prints a text."""
        until = time.monotonic() + seconds
        while not re.search(text, self.run(*words, check=False)):
            logs = "".join(path.read_text()[-1000:] for path in self.folder.glob("*.out"))
            assert time.monotonic() < until, (words, logs)
            time.sleep(0.2)

    def configure(self, name: str, option: str, **changes: str) -> None:
        """Change lines of the configuration (-sconf) or of that of the scheduler (-ssconf)."""
        file = self.folder / name
        text = self.run("qconf", option)
        for key, value in changes.items():
            text = re.sub(rf"^{key} .*$", f"{key} {value}", text, flags=re.M)
        file.write_text(text + "\n")
        self.run("qconf", option.replace("-s", "-M", 1), str(file))

    def add(self, option: str, text: str) -> None:
        """Add a host, a queue, a parallel environment."""
        file = self.folder / "new"
        file.write_text(text)
        self.run("qconf", option, str(file))

    def stop(self) -> None:
        """Stop all jobs and all daemons."""
        with suppress(AssertionError):
            self.clear()
        for process in reversed(self._processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _lay_out(folder: Path) -> GridEngine:
    """The folders and the first files of a cell."""
    cell, user = folder / "cell", getpass.getuser()
    for path in (cell / "common", folder / "spool" / "job_scripts", folder / "exec"):
        path.mkdir(parents=True)
    for name in ("bin", "lib", "util", "utilbin"):
        (folder / name).symlink_to(Path("/var/lib/gridengine") / name)
    folder.chmod(0o755)
    bootstrap = _BOOTSTRAP.format(user=user, cell=cell, folder=folder, libraries=_LIBRARIES)
    (cell / "common" / "bootstrap").write_text(bootstrap)
    # use 127.0.0.1, whatever the host name is
    host, *others = _names()
    (cell / "common" / "act_qmaster").write_text(f"{host}\n")
    (cell / "common" / "host_aliases").write_text(" ".join((host, *others)) + "\n")
    ports = _free_ports(2)
    variables = {
        "SGE_ROOT": str(folder), "SGE_CELL": "cell", "SGE_QMASTER_PORT": str(ports[0]),
        "SGE_EXECD_PORT": str(ports[1]),
    }  # fmt: skip
    made = GridEngine(folder, variables)
    settings = (_DEBIAN / "default-configuration").read_text()
    for key, value in {
        "execd_spool_dir": folder / "exec", "administrator_mail": "none", "min_uid": 0,
        "min_gid": 0, "gid_range": "20000-20200", "load_report_time": "00:00:02",
    }.items():  # fmt: skip
        settings = re.sub(rf"^{key} .*$", f"{key} {value}", settings, flags=re.M)
    (folder / "configuration").write_text(settings)
    resources = _DEBIAN / "util" / "resources"
    tools = os.environ | variables | {"LD_LIBRARY_PATH": str(_LIBRARIES)}
    for words in (
        ("spoolinit", "classic", "libspoolc", f"{cell}/common;{folder}/spool", "init"),
        ("spooldefaults", "configuration", str(folder / "configuration")),
        ("spooldefaults", "complexes", str(resources / "centry")),
        ("spooldefaults", "usersets", str(resources / "usersets")),
        ("spooldefaults", "managers", user),
    ):
        words = (str(_LIBRARIES / words[0]), *words[1:])
        subprocess.run(words, env=tools, check=True, capture_output=True)
    return made


def _names() -> tuple[str, ...]:
    name, aliases, _ = socket.gethostbyaddr("127.0.0.1")
    return tuple(dict.fromkeys((name, *aliases, socket.gethostname())))


def _queue(host: str) -> str:
    limits = [
        f"{kind}_{what} INFINITY"
        for what in ("rt", "cpu", "fsize", "data", "stack", "core", "rss", "vmem")
        for kind in ("s", "h")
    ]
    nothing = (
        "load_thresholds", "suspend_thresholds", "ckpt_list", "prolog", "epilog", "starter_method",
        "suspend_method", "resume_method", "terminate_method", "owner_list", "user_lists",
        "xuser_lists", "subordinate_list", "complex_values", "projects", "xprojects", "calendar",
    )  # fmt: skip
    return "\n".join(
        (
            "qname main", f"hostlist {host}", "seq_no 0", "nsuspend 1", "suspend_interval 0:5:0",
            "priority 0", "min_cpu_interval 0:5:0", "processors UNDEFINED",
            "qtype BATCH INTERACTIVE", "pe_list mpi smp", "rerun FALSE", f"slots {SLOTS}",
            "tmpdir /tmp", "shell /bin/sh", "shell_start_mode posix_compliant", "notify 0:0:60",
            "initial_state default", *limits, *(f"{name} NONE" for name in nothing), "",
        )
    )  # fmt: skip


@contextmanager
def gridengine_cluster(folder: Path) -> Iterator[GridEngine]:
    """A Grid Engine with this machine as its only node, stopped at the end."""
    made, host = _lay_out(folder), _names()[0]
    try:
        made.start("sge_qmaster")
        made.wait_for(host, "qconf", "-sh")
        made.run("qconf", "-as", host)
        made.add("-Ae", _HOST.format(host=host))
        for name in ("mpi", "smp"):
            text = (_DEBIAN / "util" / "resources" / "pe" / name).read_text()
            made.add("-Ap", re.sub(r"^#.*\n", "", text, flags=re.M))
        made.add("-Aq", _queue(host))
        made.configure(
            "scheduler", "-ssconf", schedule_interval="0:0:1", flush_submit_sec="1",
            flush_finish_sec="1",
        )  # fmt: skip
        made.start("sge_execd")
        made.wait_for(r"lx-", "qhost", "-h", host)
        yield made
    finally:
        made.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with gridengine_cluster(Path(tempfile.mkdtemp(prefix="sge-"))) as running:
        for key, value in running.variables.items():
            print(f"export {key}={value}", flush=True)
        print("# Ctrl-C ends it", flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()
