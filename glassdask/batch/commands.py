"""The commands `glassdask submit` and `glassdask cancel`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glassdask.base.errors import GlassdaskError, UsageError, in_one_line
from glassdask.base.options import Folder, Overrides

if TYPE_CHECKING:
    from glassdask.campaign import Campaign


def submit_command(
    folder: Folder,
    profile: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Site profile (slurm/README.md); later: the last."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the submission as a shell script; do nothing.")
    ] = False,
    start_over: Annotated[
        bool, typer.Option("--start-over", help="Delete what was made with other inputs first.")
    ] = False,
    overrides: Overrides = None,
) -> None:
    """Submit the stages that are not complete to the batch system, each after those it reads."""
    from glassdask.batch import submitting
    from glassdask.campaign import load

    campaign = load(folder, overrides or ())
    settings, path = submitting.find_profile(campaign, profile)
    if dry_run:
        print(submitting.dry_run(campaign, settings, path, start_over))
        return
    with in_one_line("submit"):
        found = submitting.submit(campaign, settings, path, start_over)
    if not found:
        print("All stages are complete for this campaign file; nothing to submit.")
        return
    for job, number in found:
        after = f"   after {', '.join(job.after)}" if job.after else ""
        print(f"{number:>10}  {job.name:<11}{after}")
    shown = shlex.quote(str(folder))
    print(f"Next: glassdask status {shown}, or glassdask cancel {shown}")


@contextmanager
def queue_at_least(folder: Path) -> Iterator[None]:
    """When the campaign file cannot be read, print its jobs: they run on, whatever became of it."""
    from glassdask.batch import submitted

    try:
        yield
    except UsageError:
        with suppress(GlassdaskError):
            found = submitted.in_queue(_of_folder(folder)) if (folder / "logs").is_dir() else []
            for job in found:
                if not job.is_over:
                    print(f"{job.number:>10}  {job.name}: {job}")
        raise


def _of_folder(folder: Path) -> Campaign:
    """What is needed to find jobs again, also when the campaign file has been broken since."""
    from glassdask.campaign import Campaign
    from glassdask.campaign.schema import CampaignFile

    return Campaign(folder, CampaignFile())


def cancel_command(folder: Folder) -> None:
    """Cancel the jobs that `glassdask submit` put into the queue; what they did is kept."""
    from glassdask.batch import submitting
    from glassdask.campaign import load

    campaign = _of_folder(folder) if (folder / "logs").is_dir() else load(folder)
    with in_one_line("cancel"):
        found = submitting.cancel(campaign)
    for job in found:
        print(f"{job.number:>10}  {job.name}: was {job}; cancelled")
    if found:
        print(f"What was done is kept. To go on: glassdask submit {shlex.quote(str(folder))}")
    else:
        print(f"No jobs of {folder} are in the queue.")
