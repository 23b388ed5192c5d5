"""What Slurm says of jobs, and the few things it is told."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

from glassdask.base.errors import StageFailed, UsageError

#: Seconds after which a Slurm that does not answer is given up.
PATIENCE = 60.0
#: States that a job does not leave any more.
FINAL = (
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY",
    "PREEMPTED", "REVOKED", "TIMEOUT",
)  # fmt: skip
# the name last: people write in it what they like
_FIELDS = ("JobID", "State", "Reason", "TimeUsed", "NodeList", "RestartCnt", "exit_code", "Name")
#: Variables that say how to reach Slurm, or are the site's; the others tell of the job around us.
_KEPT = ("SLURM_CONF", "SLURM_CLUSTERS", "SLURM_JWT", "SLURM_MPI_TYPE")


class NoAnswer(StageFailed):
    """Slurm did not answer in time; it may have done what it was asked."""


@dataclass(frozen=True)
class Queued:
    """A job as Slurm knows it.

    Attributes
    ----------
    number, name, state, reason, elapsed, nodes : str
        As squeue prints them.
    restarts : int
        How often it was put back into the queue.
    exit_code : int
    """

    number: str
    name: str
    state: str
    reason: str
    elapsed: str
    nodes: str
    restarts: int
    exit_code: int

    @property
    def is_over(self) -> bool:
        """Whether it has left the queue."""
        return self.state in FINAL

    @property
    def is_working(self) -> bool:
        """Whether it works, or will."""
        return not self.is_over and self.state != "COMPLETING"

    def __str__(self) -> str:
        """In a few words, for people."""
        state = self.state.lower().replace("_", " ")
        if self.is_over:
            return f"{state}, exit code {self.exit_code}" if self.exit_code else state
        times = "once" if self.restarts == 1 else f"{self.restarts} times"
        again = f", put back {times}" if self.restarts else ""
        if self.state == "PENDING":
            return f"pending ({self.reason}){again}"
        return f"{state} {self.elapsed} on {self.nodes}{again}"


def ask(*names: str, mine: bool = False, patience: float = PATIENCE) -> list[Queued]:
    """The jobs of these names that Slurm still knows, of every user or only one's own.

    Raises
    ------
    UsageError
        When there is no squeue.
    StageFailed
        When it does not answer.
    """
    which = [*(["--me"] if mine else []), f"--name={','.join(names)}"]
    form = ",".join(f"{field}:|" for field in _FIELDS)
    done = run(
        "squeue", "--noheader", "--states=all", *which, f"--Format={form}", patience=patience
    )
    return [_parse(line) for line in done.splitlines() if line.strip()]


def _parse(line: str) -> Queued:
    number, state, reason, elapsed, nodes, restarts, code, name = line.strip().split("|", 7)
    # squeue prints the status as wait() gives it; for a signal, as shells write it
    status = int(code or 0)
    code_of_shell = status >> 8 if status >> 8 else 128 + (status & 127) if status else 0
    name = name.removesuffix("|")
    return Queued(number, name, state, reason, elapsed, nodes, int(restarts or 0), code_of_shell)


def submit(*words: str, variables: dict[str, str]) -> str:
    """Submit a job by sbatch, out of whatever job we may be in; its number.

    Parameters
    ----------
    *words : str
        The command, which asks for the number alone.
    variables : dict
        Environment variables of the job.

    Raises
    ------
    StageFailed
        As `run`, or when no number comes back.
    """
    kept = dict(os.environ)
    if "SLURM_JOB_ID" in kept:  # the new job would take what it is not told for its own
        kept = {k: v for k, v in kept.items() if not k.startswith("SLURM_") or k in _KEPT}
    done = run(*words, environment=kept | variables)
    # on a federation the name of the cluster follows; some sites greet first
    found = re.findall(r"^(\d+)(?:;.*)?$", done, re.MULTILINE)
    if "--test-only" not in words and not found:
        raise StageFailed(f"{words[0]} said {done.strip()!r}", "the number of a job")
    return found[-1] if found else ""


def run(*words: str, environment: dict[str, str] | None = None, patience: float = PATIENCE) -> str:
    """What a command of Slurm prints.

    Raises
    ------
    UsageError
        When there is no such program.
    StageFailed
        When it fails, with what it said.
    """
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", check=False,
            timeout=patience, env=environment,
        )  # fmt: skip
    except FileNotFoundError:
        raise UsageError(
            f"no program {words[0]!r}", "a machine of a Slurm cluster", "Log in to one."
        ) from None
    except subprocess.TimeoutExpired:
        raise NoAnswer(
            f"{words[0]} did not answer within {patience:.0f} s", then="Try again later."
        ) from None
    if done.returncode != 0:
        lines = [re.sub(rf"^{words[0]}: (error|fatal): ", "", x) for x in done.stderr.splitlines()]
        said = "; ".join(dict.fromkeys([lines[0], lines[-1]])) if lines else "without a word"
        kind = NoAnswer if re.search("timed out|unable to contact", said, re.I) else StageFailed
        raise kind(f"{words[0]} refused ({said})", then="Try again later." * (kind is NoAnswer))
    return done.stdout
