"""The campaign file: its tables; their fields have units, defaults and bounds."""

from __future__ import annotations

from glassdask.campaign.analyses import (
    Correlate,
    Dask,
    Explain,
    Grid,
    Indicators,
    Report,
    Train,
)
from glassdask.campaign.fields import Section, Text, about
from glassdask.campaign.simulations import (
    Hpc,
    Propensity,
    Quench,
    System,
)


class General(Section):
    """[campaign]: name and seed."""

    name: Text = about("title of the report", default="glass", min_length=1)
    preset: Text = about("preset that this file was made from", default="")
    seed: int = about("seed of all random numbers", default=2022, ge=0, lt=2**63)


class CampaignFile(Section):
    """The content of campaign.toml."""

    campaign: General = General()
    system: System = System()
    quench: Quench = Quench()
    grid: Grid = Grid()
    indicators: Indicators = Indicators()
    train: Train = Train()
    explain: Explain = Explain()
    propensity: Propensity = Propensity()
    correlate: Correlate = Correlate()
    report: Report = Report()
    hpc: Hpc = Hpc()
    dask: Dask = Dask()
