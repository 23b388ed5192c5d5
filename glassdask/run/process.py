"""Tasks in this process, one after the other."""

from __future__ import annotations

from glassdask.base.progress import Progress
from glassdask.campaign import Campaign
from glassdask.store.stage import Part


def each(campaign: Campaign, part: Part) -> None:
    """Run the tasks of a part."""
    with Progress(part.name, part.unit, part.total, part.total - len(part.tasks)) as progress:
        try:
            for task in part.tasks:
                part.put(task, part.function(campaign, *task))
                progress.advance(note=part.note(task))
        finally:
            part.close()
