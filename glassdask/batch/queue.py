"""Jobs as the queue shows them, and how to run the commands of a scheduler."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from glassdask.base.errors import StageFailed, UsageError
from glassdask.base.share import Share, titled
from glassdask.base.terminal import plain

#: Seconds to wait for an answer of the scheduler.
PATIENCE = 60.0
#: Final states of a job, in Slurm's terms.
FINAL = (
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY",
    "PREEMPTED", "REVOKED", "TIMEOUT",
)  # fmt: skip
#: `Queued.restarts` of a job that was put back an unknown number of times.
UNCOUNTED = -1


class NoAnswer(StageFailed):
    """The scheduler did not answer in time; it may still have carried out the command."""


@dataclass(frozen=True)
class Queued:
    """A job in the queue.

    Attributes
    ----------
    number, name : str
    state : str
        In Slurm's terms: PENDING, RUNNING, COMPLETING, ERROR, or one of `FINAL`.
    reason : str
        Why it is pending or in error.
    elapsed, nodes : str
    restarts : int
        How often it was put back into the queue.
    exit_code : int
    share : Share or None
        The share of the stage that it does.
    """

    number: str
    name: str
    state: str
    reason: str = ""
    elapsed: str = ""
    nodes: str = ""
    restarts: int = 0
    exit_code: int = 0
    share: Share | None = None

    @property
    def title(self) -> str:
        """Its name in messages, with its share."""
        return titled(self.name, self.share)

    @property
    def is_over(self) -> bool:
        """Whether it has left the queue."""
        return self.state in FINAL

    @property
    def is_working(self) -> bool:
        """Whether it is running or will run."""
        return not self.is_over and self.state not in ("COMPLETING", "ERROR")

    def __str__(self) -> str:
        """A short description."""
        state = self.state.lower().replace("_", " ")
        if self.is_over:
            return f"{state}, exit code {self.exit_code}" if self.exit_code else state
        times = {UNCOUNTED: "", 1: " once"}.get(self.restarts, f" {self.restarts} times")
        again = f", put back{times}" if self.restarts else ""
        if self.state in ("PENDING", "ERROR"):
            return state + (f" ({self.reason})" if self.reason else "") + again
        return f"{state} {self.elapsed} on {self.nodes}{again}"


def summary(jobs: Iterable[Queued]) -> str:
    """The states of jobs as text, the most frequent first: "3 running, 1 pending (Priority)"."""
    counted = Counter(
        job.state.lower().replace("_", " ")
        + (f" ({job.reason})" if job.state == "PENDING" and job.reason not in ("", "None") else "")
        for job in jobs
    )
    return ", ".join(f"{n} {what}" for what, n in counted.most_common())


def run(*words: str, environment: dict[str, str] | None = None, patience: float = PATIENCE) -> str:
    """Run a command of a scheduler and return its output.

    Raises
    ------
    UsageError
        When the program is missing.
    StageFailed
        When it fails, with its error message.
    """
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", check=False,
            timeout=patience, env=environment,
        )  # fmt: skip
    except FileNotFoundError:
        raise UsageError(
            f"no program {words[0]!r}",
            "a login node of the cluster",
            "Log in to one, or correct [site] scheduler of the profile.",
        ) from None
    except subprocess.TimeoutExpired:
        raise NoAnswer(
            f"{words[0]} did not answer within {patience:.0f} s", then="Try again later."
        ) from None
    if done.returncode != 0:
        told = (done.stderr.strip() or done.stdout.strip()).splitlines()
        lines = [re.sub(rf"^{words[0]}: (error|fatal): ", "", line) for line in told]
        said = "; ".join(dict.fromkeys([lines[0], lines[-1]])) if lines else "no message"
        kind = NoAnswer if re.search("timed out|unable to contact", said, re.I) else StageFailed
        then = "Try again later." if kind is NoAnswer else ""
        if "configuration source" in said:  # Slurm's programs without a cluster
            then = "Log in to a node of the cluster."
        raise kind(f"{words[0]} failed ({said})", then=then)
    return plain(done.stdout)
