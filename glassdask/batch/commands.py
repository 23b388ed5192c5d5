"""The commands `glassdask submit` and `glassdask cancel`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glassdask.base.errors import GlassdaskError, UsageError, in_one_line
from glassdask.base.options import HERE, Overrides, PresentFolder, ShareOption

if TYPE_CHECKING:
    from glassdask.campaign import Campaign


def submit_command(
    folder: PresentFolder = HERE,
    profile: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Site profile (docs/howto/cluster.md); default: that of the last submit.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print a shell script of the submission; do nothing.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only try in a short job what the stages need on the nodes."),
    ] = False,
    start_over: Annotated[
        bool, typer.Option("--start-over", help="Delete outdated results first.")
    ] = False,
    overrides: Overrides = None,
) -> None:
    """Submit the incomplete stages to the batch system, in order."""
    from glassdask.batch import submitting
    from glassdask.campaign import load

    campaign = load(folder, overrides or ())
    settings, path = submitting.find_profile(campaign, profile)
    if check:
        from glassdask.batch import checking

        with in_one_line("submit"):
            sys.exit(checking.check(campaign, settings, path) > 0)
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
        print(f"{number:>10}  {job.title:<11}{after}")
    shown = shlex.quote(str(folder))
    print(f"Next: glassdask status {shown}, or glassdask cancel {shown}")


@contextmanager
def queue_at_least(folder: Path) -> Iterator[None]:
    """Print the jobs in the queue even if the campaign file cannot be read; then raise."""
    from glassdask.batch import submitted

    try:
        yield
    except UsageError:
        with suppress(GlassdaskError):
            found = submitted.in_queue(_of_folder(folder)) if (folder / "logs").is_dir() else []
            for job in found:
                if not job.is_over:
                    print(f"{job.number:>10}  {job.title}: {job}")
        raise


def _of_folder(folder: Path) -> Campaign:
    """A campaign that is good enough to find its jobs, without reading its file."""
    from glassdask.campaign import Campaign
    from glassdask.campaign.schema import CampaignFile

    return Campaign(folder, CampaignFile())


def put_back_command(
    stage: str, folder: Path, code: int, overrides: Overrides = None, share: ShareOption = None
) -> None:
    """For job scripts: exit code 0 if a job whose stage ended with CODE shall go back.

    The words after CODE are those of the command of the stage.
    """
    from glassdask.base.share import Share
    from glassdask.batch.putting_back import decide
    from glassdask.campaign import load

    if share is None:
        again, said = decide(_of_folder(folder), stage, code)
    else:  # which runs it has is written in the campaign file
        again, said = decide(load(folder, overrides or ()), stage, code, Share.parse(share))
    if said:
        print(said, flush=True)
    sys.exit(not again)


def cancel_command(folder: PresentFolder = HERE) -> None:
    """Cancel the jobs of `glassdask submit`; finished work is kept."""
    from glassdask.batch import submitting
    from glassdask.campaign import load

    campaign = _of_folder(folder) if (folder / "logs").is_dir() else load(folder)
    with in_one_line("cancel"):
        found = submitting.cancel(campaign)
    for job in found:
        print(f"{job.number:>10}  {job.title}: was {job}; cancelled")
    if found:
        print(f"Finished work is kept. To continue: glassdask submit {shlex.quote(str(folder))}")
    else:
        print(f"No jobs of {folder} are in the queue.")
