"""What a published campaign says of itself: README.md, CITATION.cff and RO-Crate metadata."""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from glassdask.base.errors import BadArgument
from glassdask.campaign import Campaign
from glassdask.campaign.cooling import described
from glassdask.store import records
from glassdask.store.stage import STAGES

CRATE = "ro-crate-metadata.json"
#: Version of RO-Crate, https://www.researchobject.org/ro-crate/specification/1.1/
_SPECIFICATION = "https://w3id.org/ro/crate/1.1"
_ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")
#: The paper whose method glassdask carries out.
_PAPER = {
    "type": "article",
    "title": "What do deep neural networks find in disordered structures of glasses?",
    "authors": [
        {"family-names": "Oyama", "given-names": "Norihiro"},
        {"family-names": "Koyama", "given-names": "Shihori"},
        {"family-names": "Kawasaki", "given-names": "Takeshi"},
    ],
    "journal": "Frontiers in Physics",
    "volume": 10,
    "start": "1007861",
    "year": 2022,
}


@dataclass(frozen=True)
class Author:
    """An author of the data.

    Attributes
    ----------
    family, given : str
        Names; `given` is empty for a group.
    orcid : str
        Address of the ORCID iD, or empty.
    """

    family: str
    given: str
    orcid: str

    @classmethod
    def parse(cls, text: str) -> Author:
        """An author from text such as "Ada Lovelace 0000-0002-1825-0097" or "Lovelace, Ada".

        Raises
        ------
        BadArgument
            When there is no name, or the check digit of the ORCID iD is wrong.
        """
        found = _ORCID.search(text)
        orcid = found[1] if found else ""
        name = " ".join(_ORCID.sub(" ", text).split()).strip("<>(), ")
        if not name or any(letter.isdigit() for letter in name):
            raise BadArgument(
                f"--author {text!r}",
                "a name, and an ORCID iD if there is one, such as 'Ada Lovelace "
                "0000-0002-1825-0097'",
            )
        if orcid and orcid[-1] != _check_digit(orcid):
            raise BadArgument(
                f"ORCID iD {orcid}", f"another one: {orcid[-1]} does not fit the rest"
            )
        family, comma, given = name.partition(",")
        if not comma:
            given, _, family = name.rpartition(" ")
        return cls(family.strip(), given.strip(), f"https://orcid.org/{orcid}" if orcid else "")

    @property
    def name(self) -> str:
        """The whole name."""
        return f"{self.given} {self.family}".strip()


def _check_digit(orcid: str) -> str:
    """The last digit of an ORCID iD, by ISO 7064 11,2."""
    total = 0
    for digit in orcid.replace("-", "")[:-1]:
        total = 2 * (total + int(digit))
    rest = (12 - total % 11) % 11
    return "X" if rest == 10 else str(rest)


@dataclass(frozen=True)
class About:
    """What a published campaign says of itself.

    Attributes
    ----------
    title, licence : str
        `licence` is an SPDX identifier.
    authors : tuple of Author
    abstract : str
        The campaign in a few sentences.
    date : str
        Day of publication.
    facts : dict
        Names and values, for the table of the README.
    stages : dict
        The record of each stage.
    """

    title: str
    licence: str
    authors: tuple[Author, ...]
    abstract: str
    date: str
    facts: dict[str, str]
    stages: dict[str, dict[str, Any]]

    @property
    def licence_address(self) -> str:
        """Its page at SPDX."""
        return f"https://spdx.org/licenses/{self.licence}"

    @property
    def versions(self) -> list[tuple[str, str]]:
        """Names and versions of the software of all stages."""
        return sorted({each for record in self.stages.values() for each in _versions(record)})

    @property
    def citation(self) -> str:
        """Authors, year and title."""
        names = ", ".join(author.name for author in self.authors)
        return f"{names} ({self.date[:4]}). {self.title}."


def _versions(record: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted(
        (key.removesuffix("_version").replace("_", " "), str(value))
        for key, value in record.items()
        if key.endswith("_version")
    )


def about(campaign: Campaign, title: str, authors: Sequence[Author], licence: str) -> About:
    """What a campaign says of itself.

    Parameters
    ----------
    campaign : Campaign
        All its stages are complete.
    title : str
        Empty: made from model and name.
    authors : sequence of Author
    licence : str
        SPDX identifier.
    """
    model, quench = campaign.model, campaign.file.quench
    size = f"N = {campaign.file.system.particles} in {model.dimension}D"
    runs = "imported samples" if campaign.imported else "quenches"
    hot, cold = campaign.state_temperatures
    facts = {
        "model": f"{model.name}, density {model.density:g} sigma^-{model.dimension}",
        "particles": size,
        runs: str(quench.runs),
    }
    if not campaign.imported:
        facts["liquid, glass"] = f"T = {hot:g} and {cold:g} epsilon/kB"
        facts["cooling"] = f"T = {described(campaign)} epsilon/kB per unit time"
    facts["indicators"] = ", ".join(campaign.file.indicators.names)
    stages = {name: records.read(campaign, name) or {} for name in records.wanted(campaign)}
    if "propensity" in stages:
        ensemble = campaign.file.propensity
        facts["isoconfigurational ensemble"] = (
            f"{ensemble.configurations} starts, {ensemble.replicas} trajectories each at T = "
            f"{', '.join(f'{t:g}' for t in ensemble.temperatures)} {ensemble.temperature_unit}"
        )
    facts |= {"seed": str(campaign.file.campaign.seed), "campaign": campaign.hash}
    return About(
        title or f"Structure of a {model.name} glass, {size}: {campaign.file.campaign.name}",
        licence,
        tuple(authors),
        "Configurations of a model glass former and structural indicators of all particles"
        + (", and what a deep network finds in the structure" if "train" in stages else "")
        + ", made by glassdask. "
        + "; ".join(f"{name}: {value}" for name, value in facts.items())
        + ".",
        f"{datetime.now(UTC):%Y-%m-%d}",
        facts,
        stages,
    )


def attributes(about: About) -> dict[str, str]:
    """Attributes of the store itself, with the names of the ACDD convention."""
    return {
        "title": about.title,
        "summary": about.abstract,
        "creator_name": ", ".join(author.name for author in about.authors),
        "license": about.licence_address,
        "date_issued": about.date,
    }


def citation(about: About) -> str:
    """CITATION.cff."""
    people = [
        {
            key: value
            for key, value in (
                ("given-names", author.given),
                ("family-names" if author.given else "name", author.family),
                ("orcid" if author.given else "website", author.orcid),
            )
            if value
        }
        for author in about.authors
    ]
    software = {
        "type": "software",
        "title": "glassdask",
        "authors": [{"name": "The glassdask developers"}],
        "version": dict(about.versions).get("glassdask", "unknown"),
    }
    content = {
        "cff-version": "1.2.0",
        "message": "If you use these data, please cite them and the paper below.",
        "type": "dataset",
        "title": about.title,
        "authors": people,
        "abstract": about.abstract,
        "keywords": ["glass", "structure", "molecular dynamics", "deep learning"],
        "license": about.licence,
        "date-released": about.date,
        "references": [_PAPER, software],
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def readme(about: About, groups: dict[str, list[str]]) -> str:
    """README.md.

    Parameters
    ----------
    about : About
    groups : dict
        The variables of each group of the store.
    """
    makers = {group: name for name in about.stages for group in STAGES[name].writes}
    rows = "\n".join(
        f"| `{group}` | {makers.get(group, '')} | {', '.join(f'`{name}`' for name in names)} |"
        for group, names in groups.items()
    )
    facts = "\n".join(f"| {name} | {value} |" for name, value in about.facts.items())
    people = ", ".join(
        f"[{author.name}]({author.orcid})" if author.orcid else author.name
        for author in about.authors
    )
    versions = ", ".join(f"{name} {version}" for name, version in about.versions)
    networks = ""
    if "train" in about.stages:
        networks = "| `model/` | weights of the networks, and the course of their training |\n"
    return f"""# {about.title}

{people}, {about.date}. Licence: [{about.licence}]({about.licence_address}).

```python
import xarray as xr

tree = xr.open_datatree("store.zarr", engine="zarr")  # or its address, "https://.../store.zarr"
runs = tree["configurations"].to_dataset()
```

Type `pip install xarray zarr` first; for an address, also `pip install fsspec aiohttp`. All
metadata are in one file, so an address needs no listing. Positions and maps are read when used.

| | |
|---|---|
{facts}

## Files

| | |
|---|---|
| `store.zarr` | all data, as Zarr version 3; every variable has `units` and `long_name` |
| `campaign.toml` | the complete experiment; `glassdask run` repeats it |
{networks}| `report.html`, `figures/` | results, as a page and as figures |
| `CITATION.cff`, `{CRATE}` | title, authors, software and files, for programs |
| `SHA256SUMS` | SHA-256 of every other file |

`run_status` is 1 for finished and 2 for failed samples: select 1. Lengths are in sigma, energies
in epsilon.

| group | stage | variables |
|---|---|---|
{rows}

## Check the files

`sha256sum -c --quiet SHA256SUMS` finds damaged and missing files; `glassdask verify .` also finds
added ones. `sha256sum SHA256SUMS` prints the root hash. Compare it with the one that the authors
state elsewhere, such as in their paper: `glassdask verify . --root HASH`.

## Cite

{about.citation} Method: Oyama, Koyama and Kawasaki, Front. Phys. 10:1007861 (2022).

Made with {versions}.
"""


def crate(about: About, folder: Path, paths: Iterable[Path]) -> str:
    """ro-crate-metadata.json: the copy as a research object, with one action for each stage.

    Parameters
    ----------
    about : About
    folder : Path
        The copy.
    paths : iterable of Path
        Its files outside of the store.
    """
    people = [
        {"@id": author.orcid or f"#{quote(author.name)}", "@type": "Person", "name": author.name}
        for author in about.authors
    ]
    programs = [
        {"@id": _program(name, version), "@type": "SoftwareApplication"}
        | {"name": name, "version": version}
        for name, version in about.versions
    ]
    documents = [
        {
            "@id": quote(path.relative_to(folder).as_posix()),
            "@type": "File",
            "name": path.name,
            "encodingFormat": _format(path),
            "contentSize": str(path.stat().st_size),
        }
        for path in paths
    ]
    groups, actions = [], []
    for name, record in about.stages.items():
        written = [{"@id": f"store.zarr/{group}/"} for group in STAGES[name].writes]
        groups += [
            {"@id": group["@id"], "@type": "Dataset", "name": group["@id"].split("/")[1]}
            | {"description": f"Written by the stage {name}: {STAGES[name].help}"}
            for group in written
        ]
        tools = [{"@id": _program(*each)} for each in _versions(record)]
        beside = [d for d in documents if d["@id"].startswith(f"{STAGES[name].record_in}/")]
        actions.append(
            {
                "@id": f"#{name}",
                "@type": "CreateAction",
                "name": STAGES[name].help,
                "agent": _references(people),
                "instrument": _references(tools),
                "object": {"@id": "campaign.toml"},
                "result": _references([*written, *beside]),
                "startTime": record["created"],
                "endTime": record.get("finished") or record["created"],
            }
        )
    store = {
        "@id": "store.zarr/",
        "@type": "Dataset",
        "name": "store.zarr",
        "description": "All data, as Zarr version 3, for xarray.open_datatree",
        "hasPart": _references(groups),
    }
    licence = {
        "@id": about.licence_address,
        "@type": "CreativeWork",
        "name": about.licence,
        "description": f"The licence {about.licence}",
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": about.title,
        "description": about.abstract,
        "datePublished": about.date,
        "license": {"@id": about.licence_address},
        "author": _references(people),
        "hasPart": _references([store, *documents]),
        "mentions": _references(actions),
    }
    descriptor = {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": _SPECIFICATION},
        "about": {"@id": "./"},
    }
    graph = [
        descriptor, root, store, *groups, *documents, *people, licence, *programs, *actions
    ]  # fmt: skip
    content = {"@context": f"{_SPECIFICATION}/context", "@graph": graph}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _references(entities: Iterable[dict[str, Any]]) -> Any:
    """Links to entities; RO-Crate wants a list only for several."""
    links = [{"@id": entity["@id"]} for entity in entities]
    return links[0] if len(links) == 1 else links


def _program(name: str, version: str) -> str:
    return f"#{quote(f'{name}-{version}')}"


def _format(path: Path) -> str:
    """The media type of a file."""
    known = {".toml": "application/toml", ".cff": "application/yaml", ".md": "text/markdown"}
    return known.get(path.suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
