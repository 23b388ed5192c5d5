"""`glassdask submit --check`: try in short jobs what the stages need on the nodes."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from glassdask.base import files
from glassdask.base.errors import GlassdaskError, StageFailed
from glassdask.batch import script
from glassdask.batch.chain import environment, job_name, jobs_folder
from glassdask.batch.profile import Profile, Resources
from glassdask.batch.queue import NoAnswer
from glassdask.batch.scheduler import Request, Scheduler, named
from glassdask.campaign import Campaign
from glassdask.store import jobs, records

#: The last line that a job prints.
END = "all is tried"
#: Wall time of a job. It takes some seconds, but the first import from a slow disk is slower.
TIME = "00:05:00"
#: Seconds between two looks at the queue, and for the log of a job to be seen here.
PERIOD, DELAY = 2.0, 30.0


def say(what: str, works: bool, found: str) -> None:
    """In a job: print a line of the list."""
    print(f"{'yes' if works else 'no ':<5}{what:<18}{found}".replace("\n", " "), flush=True)


def check(campaign: Campaign, profile: Profile, path: Path) -> int:
    """Send a job to each kind of nodes of a profile, and print what works there.

    Parameters
    ----------
    campaign : Campaign
    profile : Profile
    path : Path
        The file of the profile.

    Returns
    -------
    int
        How many things do not work.

    Raises
    ------
    StageFailed
        When the scheduler does not answer, or a job ends before all is tried.
    """
    jobs.make_folders(campaign)
    scheduler, folder = named(profile.site.scheduler), jobs_folder(campaign)
    files.make_folder(folder)
    program, copy = folder / f"check.{scheduler.suffix}", folder / "check.toml"
    files.replace(program, script.checking(scheduler))
    files.replace(copy, path.read_text(encoding="utf-8"))
    mark = campaign.path / "logs" / f".check-{secrets.token_hex(8)}"
    mark.touch()
    numbers: list[str] = []
    refused = 0
    try:
        for stages in _kinds_of_nodes(campaign, profile):
            words = (str(campaign.path.resolve()), mark.name, *stages)
            try:
                number = _submit(campaign, profile, stages, (str(program), words, copy))
            except NoAnswer:
                raise
            except StageFailed as error:
                say(f"[{stages[0]}]", False, str(error))
                refused += 1
                continue
            numbers.append(number)
            print(f"job {number}, for {', '.join(stages)}", flush=True)
        return refused + sum(_wait_and_print(campaign, scheduler, number) for number in numbers)
    finally:
        mark.unlink(missing_ok=True)
        if numbers:
            with suppress(GlassdaskError):
                scheduler.cancel(*numbers)


def _kinds_of_nodes(campaign: Campaign, profile: Profile) -> Iterator[list[str]]:
    """The stages of a campaign, those with the same nodes together."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name in records.stages(campaign):
        asked = profile.resources(name)
        found.setdefault((asked.partition, asked.gres, *asked.options), []).append(name)
    yield from found.values()


def _submit(
    campaign: Campaign,
    profile: Profile,
    stages: list[str],
    command: tuple[str, tuple[str, ...], Path],
) -> str:
    """Submit a job of two ranks on two nodes, or on one where two are refused."""
    program, words, copy = command
    scheduler, asked = named(profile.site.scheduler), profile.resources(stages[0])
    log = str(campaign.path.resolve() / "logs" / "check-{number}.out")
    many = any(profile.resources(stage).ranks > 1 for stage in stages)
    for nodes in (2, 1) if many else (asked.nodes,):
        resources = Resources(
            time=TIME, ranks=2 if many else 1, nodes=nodes, gres=asked.gres,
            partition=asked.partition, options=asked.options,
        )  # fmt: skip
        request = Request(job_name(campaign, "check"), log, resources, profile.site)
        line = scheduler.command(scheduler.options(request), program, words, ())
        try:
            return scheduler.submit(line, environment(profile, copy))
        except StageFailed:
            if nodes != 2:
                raise
    raise AssertionError


def _wait_and_print(campaign: Campaign, scheduler: Scheduler, number: str) -> int:
    """Wait for the end of a job, print its list, and return how much does not work."""
    name, log = job_name(campaign, "check"), campaign.path / "logs" / f"check-{number}.out"
    said, state, until = "", "", float("inf")
    while END not in said and time.monotonic() < until:
        job = next((j for j in scheduler.active(name) if j.number == number), None)
        if job is None or job.is_over:
            until = min(until, time.monotonic() + DELAY)
        elif job.state != state:
            state = job.state
            print(f"job {number}: {job}", flush=True)
        time.sleep(PERIOD)
        said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    lines = [line for line in said.splitlines() if re.match("(yes|no) ", line)]
    print(f"job {number}:", *lines, sep="\n  ", flush=True)
    if END not in said:
        last = (said.strip().splitlines() or ["nothing"])[-1]
        raise StageFailed(
            f"job {number} ended before all was tried, and said last: {last}",
            then=f"See {log}.",
        )
    return sum(line.startswith("no") for line in lines)
