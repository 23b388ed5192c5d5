"""The campaign file: its tables, each of fields with a unit, a default and bounds."""

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
from glassdask.campaign.fields import Section, about
from glassdask.campaign.simulations import (
    Hpc,
    Propensity,
    Quench,
    System,
)


class General(Section):
    """[campaign]: who it is."""

    name: str = about("name, in the title of the report", default="glass", min_length=1)
    preset: str = about("the preset that this file began from", default="")
    seed: int = about("every random number follows from it", default=2022, ge=0)


class CampaignFile(Section):
    """The whole of campaign.toml."""

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
