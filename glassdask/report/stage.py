"""The work of the stage `report`: draw the figures, save the table, write the page."""

from __future__ import annotations

from collections.abc import Iterator

from glassdask.campaign import Campaign
from glassdask.report import html, printing, style
from glassdask.report.data import ReportData
from glassdask.report.figures import DRAWINGS, Drawing
from glassdask.report.table import results_table
from glassdask.store import groups
from glassdask.store.groups import replace_text
from glassdask.store.stage import Part


def parts(campaign: Campaign) -> Iterator[Part]:
    """A task for each figure; then figures/results.json and report.html.

    Parameters
    ----------
    campaign : Campaign
        Whose stage `correlate` is complete.
    """
    folder = campaign.path / "figures"
    with groups.open(campaign.path) as tree:
        data = ReportData(campaign, tree)

        def draw(campaign: Campaign, drawing: Drawing) -> None:
            style.save(drawing.draw(data), folder, drawing.name)

        def name(task: tuple[Drawing]) -> str:
            return task[0].name

        tasks: list[tuple] = [(drawing,) for drawing in DRAWINGS]
        yield Part("report", "figures", len(tasks), tasks, draw, name, note=name)
        rows = results_table(campaign, tree)
        printing.save_rows(campaign, rows)
        replace_text(campaign.path / "report.html", html.page(data, rows))
