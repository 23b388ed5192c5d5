"""The page report.html: one file without external resources."""

from __future__ import annotations

import base64
import math
import re
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import jinja2
import xarray as xr

from glassdask.batch.costs import Cost, total
from glassdask.campaign import Campaign
from glassdask.campaign.campaign import RAMP
from glassdask.campaign.classes import in_words, snapshot_of
from glassdask.campaign.cooling import described
from glassdask.campaign.schema import CampaignFile
from glassdask.report import missing, readings, style, summary
from glassdask.report.accuracy import wrong_snapshots
from glassdask.report.data import ReportData
from glassdask.report.figures import drawings, ladder
from glassdask.report.sanity import sanity_table
from glassdask.report.table import table
from glassdask.store import layout, records
from glassdask.store.stage import STAGES

#: Largest number of wrongly classified snapshots in the list.
LONGEST_LIST = 50
PLACE_OF_CONTENTS = "<!-- contents -->"
#: Units of a number density.
INVERSE_VOLUME = {2: "σ⁻²", 3: "σ⁻³"}


def page(data: ReportData, results: xr.Dataset, spent: list[Cost]) -> str:
    """The report as HTML, from the folder figures/, the group `results` and the costs."""
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    folder = resources.files("glassdask.report")
    template = environment.from_string(folder.joinpath("report.html").read_text("utf-8"))
    campaign = data.campaign
    text = template.render(
        style=folder.joinpath("report.css").read_text("utf-8"),
        campaign=campaign,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        about=about(data, results),
        answers=summary.answers(results, campaign),
        reason=data.reason,
        missing=list(missing.sentences(results, campaign)),
        rows=table(results),
        checks=sanity_table(data),
        costs=[*spent, total(spent)],
        some_costs_unknown=not total(spent).whole,
        pictures=pictures(data),
        gamma=data.name("gradcam") if data.learnt else "",
        lengths=[f"{xi:g}" for xi in readings.lengths(data)] if data.has_ensemble else [],
        baselines=ladder.table(data) if data.has_ensemble else [],
        classified=data.has_network,
        several=data.has_network and campaign.file.train.seeds > 1,
        wrong=wrong_snapshots(data),
        longest_list=LONGEST_LIST,
        parameters=parameters(campaign),
        model=model_parameters(campaign),
        stages=stage_versions(campaign),
        inputs=lammps_inputs(data),
        example=example(campaign),
    )
    return with_contents(text)


def with_contents(text: str) -> str:
    """The page with links to all later headings in the place of `PLACE_OF_CONTENTS`."""
    first, _, rest = text.partition(PLACE_OF_CONTENTS)
    links = re.findall(r'<h2 id="([\w-]+)">(.*?)</h2>', rest)
    items = "".join(f'<li><a href="#{name}">{heading}</a></li>\n' for name, heading in links)
    return f"{first}<ul>\n{items}</ul>{rest}"


def about(data: ReportData, results: xr.Dataset) -> str:
    """The campaign in a sentence."""
    campaign, model = data.campaign, data.campaign.model
    text = (
        f"{results.attrs['runs']} {'imported samples' if campaign.imported else 'quenches'} of "
        f"{model.name} in {model.dimension}D (N = {campaign.file.system.particles}, density "
        f"{model.density:g} {INVERSE_VOLUME[model.dimension]})"
    )
    if not campaign.imported:
        text += f", cooled from T = {described(campaign)} ε/kB per unit time"
    text += ". "
    if classes := in_words(campaign):
        text += f"{classes[0].upper()}{classes[1:]}. "
    if not data.has_network:
        return text + "No network was trained."
    return text + f"A network was trained on {results.attrs['training_runs']} runs."


def pictures(data: ReportData) -> list[dict[str, Any]]:
    """The PNG files of the folder figures/, embedded; sizes in pixels."""
    found = []
    for drawing in drawings(data):
        content = (data.campaign.path / "figures" / f"{drawing.name}.png").read_bytes()
        # width and height stand at fixed places of the PNG header
        width, height = (int.from_bytes(content[k : k + 4]) for k in (16, 20))
        source = "data:image/png;base64," + base64.b64encode(content).decode("ascii")
        about = {"name": drawing.name, "title": drawing.title, "caption": drawing.caption(data)}
        found.append(about | {"source": source, "width": width, "height": height})
    return found


def parameters(campaign: Campaign) -> dict[str, list[tuple[str, str, str]]]:
    """Field, value and meaning, by table of the campaign file."""
    found = {}
    for name in CampaignFile.model_fields:
        table = getattr(campaign.file, name)
        found[name] = [
            (key, _text(getattr(table, key)), field.description or "")
            for key, field in type(table).model_fields.items()
            if not (campaign.imported and name == "quench" and key in RAMP)
        ]
    return found


def _text(value: Any) -> str:
    if value is None:
        return "not set"
    if hasattr(value, "model_dump"):
        return ", ".join(f"{key} {item}" for key, item in value.model_dump().items())
    if isinstance(value, float):
        return f"{value:g}" if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_text(item) for item in value) + "]"
    return str(value)


def model_parameters(campaign: Campaign) -> list[tuple[str, str]]:
    """Name and value of all parameters of the glass former, including defaults."""
    model, particles = campaign.model, campaign.file.system.particles
    counts = ", ".join(
        f"{count} {name}"
        for name, count in zip(model.species, model.counts(particles), strict=True)
    )
    liquid, glass = campaign.state_temperatures
    onset = "not known" if model.onset_temperature is None else f"{model.onset_temperature:g} ε/kB"
    ensemble = "not known"
    if campaign.has_temperatures:
        ensemble = _text(campaign.propensity_temperatures) + " ε/kB"
    return [
        ("model", f"{model.name}: {model.note}" if model.note else model.name),
        ("dimension", str(model.dimension)),
        ("particles", counts),
        ("density", f"{model.density:g} {INVERSE_VOLUME[model.dimension]}"),
        ("side of the periodic box L", f"{campaign.box_length:.6g} σ"),
        ("ranges σᵢⱼ", _text(model.sigma) + " σ"),
        ("depths εᵢⱼ", _text(model.epsilon) + " ε"),
        ("cutoff", f"{campaign.file.system.cutoff:g} σᵢⱼ; energy and force go to zero there"),
        ("masses", _text(model.masses) + " m"),
        ("reference lengths of Θ", _text(model.reference_lengths) + " σ"),
        ("T_L, T_G, T*", f"{style.temperature(liquid)}, {style.temperature(glass)}, {onset}"),
        ("classes of the network", in_words(campaign) or "liquid at T_L, glass at T_G"),
        ("grid", f"{campaign.cells} cells of {campaign.box_length / campaign.cells:.4g} σ a side"),
        ("temperatures of the ensemble", ensemble),
    ]  # fmt: skip


def stage_versions(campaign: Campaign) -> list[dict[str, str]]:
    """Versions of the software that wrote each stage, and the time."""
    found = []
    for name in records.stages(campaign):
        record = records.read(campaign, name)
        if record is None or name == "report":
            continue
        versions = ", ".join(
            f"{key.removesuffix('_version').replace('_', ' ')} {value}"
            for key, value in record.items()
            if key.endswith("_version")
        )
        about = {
            "finished": record.get("finished", ""),
            "campaign": record.get("campaign_hash", ""),
        }
        found.append({"stage": name, "versions": versions} | about)
    return found


def lammps_inputs(data: ReportData) -> list[tuple[str, str]]:
    """Name and text of each LAMMPS input as it was run."""
    names = {
        "quench": "quench",
        "equilibrate": "equilibration",
        "propensity": "isoconfigurational trajectory",
    }
    there = {
        name: data.groups[STAGES[stage].status_in].attrs.get("lammps_input")
        for stage, name in names.items()
        if STAGES[stage].status_in in data.groups
    }
    return [(name, str(text)) for name, text in there.items() if text]


def example(campaign: Campaign) -> str:
    """Five lines that open the store with xarray alone, for the campaign folder."""
    first, second = layout.indicator_names(campaign)[-2:]
    cold = snapshot_of(campaign, "glass")
    name, pick = "position", f'sel(state="{cold}")'
    if not isinstance(cold, str):
        place = campaign.file.quench.snapshot_temperatures.index(cold)
        name, pick = "snapshot_position", f"isel(snapshot={place})"
    return f"""import xarray as xr
tree = xr.open_datatree("store.zarr", engine="zarr", consolidated=False)
glass = tree["configurations"].to_dataset().{pick}
pearson = tree["correlations"]["pearson"].sel(state="glass", indicator="{first}", other="{second}")
print(glass["{name}"].sizes, float(pearson.mean()))"""
