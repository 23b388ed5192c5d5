"""All numbers of the report, as the group `results` of the store."""

from __future__ import annotations

import math
from typing import Any

import xarray as xr

from glassdask.campaign.cooling import described, ramp
from glassdask.report import accuracy, motion, networks, onset, paper, prediction, sanity, structure
from glassdask.report.data import ReportData
from glassdask.store import layout


def results(data: ReportData) -> xr.Dataset:
    """All numbers that the stored stages allow, in the order of the table.

    Returns
    -------
    Dataset
        As `glassdask.store.layout.results` describes it: settings, accuracy, correlations in
        glasses and liquids, T* and relaxation, correlation with the dynamics. Its attributes are
        the settings that the notes of the report need.
    """
    rows = settings(data) + accuracy.accuracies(data)
    for state in [state for state in ("glass", "liquid") if state in data.states]:
        rows += structure.rows(data, state)
    rows += onset.rows(data)
    if data.has_ensemble:
        rows += motion.rows(data) + prediction.rows(data)
    ladder = data.campaign.file.correlate.coarse_graining_ladder
    return layout.results(rows, _attributes(data), ladder)


def _attributes(data: ReportData) -> dict[str, Any]:
    campaign, file = data.campaign, data.campaign.file
    present = {"network": data.has_network, "ensemble": data.has_ensemble}
    present |= {state: state in data.states for state in layout.STATES}
    found = {
        "convention": "correlations with 1 - Delta; tong_tanaka enters as 1 - Theta",
        "missing": [name for name, there in present.items() if not there],
        "runs": int(data.done.sum()),
        "training_runs": data.trained,
        "learnt": data.learnt,
        "learnt_networks": networks.learnt(data),
        "reason": data.reason,
        "minimum_accuracy": file.explain.minimum_accuracy,
        "explained_splits": list(file.explain.splits),
        "coarse_graining_length": file.correlate.coarse_graining_length,
        "coarse_graining_length_units": "sigma",
        "start": file.propensity.start,
        "schedule_corners": [] if campaign.imported else onset.corners(campaign),
    }
    if data.has_ensemble:
        found["first_time"], found["last_time"] = map(float, data.times[[0, -1]])
        found["heating_time"] = data.heating_time
        found["heating_frames"] = int((data.times < data.heating_time).sum())
        found["frames"] = len(data.times)
    return found


def settings(data: ReportData) -> list[dict[str, Any]]:
    """Rows of the settings that all numbers depend on, compared with the paper."""
    campaign = data.campaign
    in_paper = bool(paper.numbers(campaign.model).largest)
    rate = math.nan if campaign.imported else ramp(campaign).slowest
    rows: list[dict[str, Any]] = [
        {"quantity": "particles N", "kind": "particles", "paper": f"{paper.PARTICLES:,d}",
         "value": campaign.file.system.particles},
        {"quantity": "cooling rate (ε/kB per unit time)", "kind": "cooling_rate", "value": rate,
         "unit": "ε/kB per unit time", "paper": f"{paper.COOLING_RATE:.3g}",
         "over_paper": rate / paper.COOLING_RATE,
         "remark": described(campaign) if campaign.scheduled else ""},
    ]  # fmt: skip
    if data.has_network:
        row = {"quantity": "training runs", "kind": "training_runs", "value": data.trained}
        rows.insert(1, row | {"paper": f"{paper.TRAINING_RUNS:,d}"})
    if not in_paper:
        for row in rows:
            row |= {"paper": "", "over_paper": math.nan}
    with_cavities, glasses, largest_cell = sanity.cavities(data)
    if with_cavities:
        rows.append({"quantity": "glasses with cavities", "kind": "cavities",
                     "value": with_cavities, "count": glasses,
                     "largest_cell": largest_cell})  # fmt: skip
    if campaign.model.family:
        rows.append({"quantity": "reading of Table I", "kind": "table_one",
                     "remark": paper.remark_on_table_one(campaign.model)})  # fmt: skip
    if in_paper and (others := paper.differences(campaign)):
        rows.append({"quantity": "other settings", "kind": "settings",
                     "remark": ", ".join(others)})  # fmt: skip
    return rows
