"""The stage `report`: draw the figures, keep the table, write the page."""

from __future__ import annotations

from glassdask.base.progress import Progress
from glassdask.campaign import Campaign
from glassdask.report import html, printing, style
from glassdask.report.data import ReportData
from glassdask.report.figures import DRAWINGS
from glassdask.report.rows import Row
from glassdask.report.table import results_table
from glassdask.store import groups, jobs
from glassdask.store.groups import replace_text


def run(campaign: Campaign, start_over: bool = False) -> list[Row]:
    """Draw every figure, then write figures/results.json and report.html.

    Parameters
    ----------
    campaign : Campaign
        Whose stage `correlate` is complete.
    start_over : bool
        Delete the figures first.

    Returns
    -------
    list of Row
        The table against the paper.
    """
    record, fresh = jobs.begin(campaign, "report", start_over)
    if fresh:
        jobs.create(campaign, "report", record)
    folder = campaign.path / "figures"
    with groups.open(campaign.path) as tree:
        data = ReportData(campaign, tree)
        with Progress("report", "figures", len(DRAWINGS)) as progress:
            for drawing in DRAWINGS:
                style.save(drawing.draw(data), folder, drawing.name)
                progress.advance(note=drawing.name)
        rows = results_table(campaign, tree)
        printing.save_rows(campaign, rows)
        replace_text(campaign.path / "report.html", html.page(data, rows))
    jobs.complete(campaign, "report")
    return rows
