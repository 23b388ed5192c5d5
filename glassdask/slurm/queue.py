"""What Slurm says of jobs, and the few things it is told."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

from glassdask.errors import StageFailed, UsageError

#: Seconds after which a Slurm that does not answer is given up.
PATIENCE = 60.0
#: States that a job does not leave any more.
FINAL = (
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY",
    "PREEMPTED", "REVOKED", "TIMEOUT",
)  # fmt: skip
_FIELDS = ("JobID", "Name", "State", "Reason", "TimeUsed", "NodeList", "RestartCnt", "exit_code")


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
        again = f", put back {self.restarts} times" if self.restarts else ""
        if self.state == "PENDING":
            return f"pending ({self.reason}){again}"
        return f"{state} {self.elapsed} on {self.nodes}{again}"


def ask(*, numbers: list[str] | None = None, name: str = "") -> list[Queued]:
    """The jobs with these numbers, or one's own with this name, that Slurm still knows.

    Raises
    ------
    StageFailed
        When squeue is not there, or does not answer.
    """
    if numbers is not None and not numbers:
        return []
    which = ["--me", f"--name={name}"] if numbers is None else [f"--jobs={','.join(numbers)}"]
    form = ",".join(f"{field}:|" for field in _FIELDS)
    try:
        done = run("squeue", "--noheader", "--states=all", *which, f"--Format={form}")
    except StageFailed as error:
        if "Invalid job id" in str(error):  # the only one asked for is forgotten
            return []
        raise
    return [_parse(line) for line in done.splitlines() if line.strip()]


def _parse(line: str) -> Queued:
    fields = [text.strip() for text in line.split("|")]
    # squeue prints the status as wait() gives it; for a signal, as shells write it
    status = int(fields[7] or 0)
    code = status >> 8 if status >> 8 else 128 + (status & 127) if status else 0
    number, name, state, reason, elapsed, nodes = fields[:6]
    return Queued(number, name, state, reason, elapsed, nodes, int(fields[6] or 0), code)


def run(*words: str, variables: dict[str, str] | None = None) -> str:
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
            words, capture_output=True, text=True, check=False, timeout=PATIENCE,
            env=os.environ | (variables or {}),
        )  # fmt: skip
    except FileNotFoundError:
        raise UsageError(
            f"no program {words[0]!r}", "a machine of a Slurm cluster", "Log in to one."
        ) from None
    except subprocess.TimeoutExpired:
        raise StageFailed(
            f"{words[0]} did not answer within {PATIENCE:.0f} s", then="Try again later."
        ) from None
    if done.returncode != 0:
        lines = [re.sub(rf"^{words[0]}: (error|fatal): ", "", x) for x in done.stderr.splitlines()]
        said = "; ".join(dict.fromkeys([lines[0], lines[-1]])) if lines else "without a word"
        raise StageFailed(f"{words[0]} refused ({said})")
    return done.stdout
