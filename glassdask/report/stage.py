"""The work of the stage `report`: the figures, the group `results`, and the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from glassdask.base import files
from glassdask.batch import costs
from glassdask.campaign import Campaign
from glassdask.report import page, style, table
from glassdask.report.data import ReportData
from glassdask.report.figures import Drawing, drawings
from glassdask.report.results import results
from glassdask.store import jobs
from glassdask.store.stage import Part


def parts(campaign: Campaign) -> Iterator[Part]:
    """One task per figure; then the group `results`, two JSON files in figures/ and report.html.

    Parameters
    ----------
    campaign : Campaign
        Its stage `correlate` is complete.
    """
    folder, data = campaign.path / "figures", ReportData.of(campaign)

    def draw(campaign: Campaign, drawing: Drawing) -> None:
        style.save(drawing.draw(data), folder, drawing.name)

    def name(task: tuple[Drawing]) -> str:
        return task[0].name

    tasks: list[tuple] = [(drawing,) for drawing in drawings(data)]
    yield Part("report", "figures", len(tasks), tasks, draw, name, note=name)
    jobs.add_group(campaign, "report", "results", results(data))
    found = table.read(campaign)
    files.replace(folder / "results.json", table.as_json(found))
    # not in the group `results`: the same campaign on another machine has the same results
    spent = costs.of_campaign(campaign, costs.accounts(campaign))
    spent = [cost for cost in spent if cost.stage != "report"]  # it is not yet over
    files.replace(folder / "cost.json", json.dumps([asdict(cost) for cost in spent], indent=2))
    files.replace(campaign.path / "report.html", page.page(data, found, spent))
