"""The site of the documentation: it builds, all links lead somewhere, and nothing is left out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import typer
from pydantic import BaseModel

import glassdask as gd
from glassdask.batch.profile import new_profile
from glassdask.campaign.schema import CampaignFile
from glassdask.cli import app
from glassdask.store.stage import STAGES

ROOT = Path(__file__).parent.parent


class Page(HTMLParser):
    """Ids, links, and what a page loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids |= {given["id"]} if given.get("id") else set()
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag in ("script", "img", "link", "iframe") and given.get("rel") != "canonical":
            self.loads += [given[key] for key in ("src", "href") if given.get(key)]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site as `make docs` builds it."""
    pytest.importorskip("sphinx", reason="the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    words = re.search(r"-m sphinx (.*) -b html docs", make)[1].split()
    command = [sys.executable, "-m", "sphinx", *words, "-b", "html", "docs", str(folder)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


pytestmark = pytest.mark.filterwarnings("default")


@pytest.mark.processes
@pytest.mark.slow
def test_every_link_within_the_site_leads_to_a_page_and_a_place_on_it(pages):
    broken = []
    for path, page in pages.items():
        for link in page.links + page.loads:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("#"):
                target = path if link[1:] else None
            else:
                target = (path.parent / unquote(parts.path)).resolve()
            if parts.scheme or target is None:
                continue
            there = target.is_file()
            if there and parts.fragment and target in pages:
                there = unquote(parts.fragment) in pages[target].ids
            if not there:
                broken.append(f"{path.name}: {link}")
    assert not broken


@pytest.mark.processes
@pytest.mark.slow
def test_pages_load_nothing_from_the_network(site, pages):
    for page in pages.values():
        assert not [one for one in page.loads if urlsplit(one).scheme not in ("", "data")]
    for sheet in site.rglob("*.css"):
        assert "url(http" not in sheet.read_text(encoding="utf-8")


@pytest.mark.processes
@pytest.mark.slow
def test_every_public_name_stands_on_its_page_with_an_example(site, pages):
    page = site / "reference" / "api.html"
    parts = re.split(r'<dt class="sig[^>]* id="glassdask\.', page.read_text(encoding="utf-8"))[1:]
    shown = {part.partition('"')[0]: part for part in parts}
    assert set(shown) == set(gd.FUNCTIONS)
    assert not [name for name, part in shown.items() if "&gt;&gt;&gt;" not in part]


@pytest.mark.processes
@pytest.mark.slow
def test_every_command_and_option_stands_on_its_page(site):
    text = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    sections = {part.partition('"')[0]: part for part in text.split('<section id="')}
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        if command.hidden:
            continue
        section = sections[f"glassdask-{name}"]
        for parameter in command.params:
            option = max(parameter.opts, key=len)
            shown = option if option.startswith("--") else (parameter.metavar or option.upper())
            assert shown in section, f"{name} {shown}"


@pytest.mark.processes
@pytest.mark.slow
def test_every_field_of_the_campaign_file_and_the_profile_stands_on_its_page(site, pages):
    def fields(table: BaseModel, prefix: str) -> set[str]:
        return {f"{prefix}-{key}".replace("_", "-") for key in type(table).model_fields}

    file, profile = CampaignFile(), new_profile()
    wanted = {one for name in CampaignFile.model_fields
              for one in fields(getattr(file, name), f"campaign-{name}")}  # fmt: skip
    assert len(wanted) > 100
    assert wanted <= pages[site / "reference" / "campaign-file.html"].ids
    shown = (site / "reference" / "profile.html").read_text(encoding="utf-8")
    assert "srun --mpi=pmi2 --kill-on-bad-exit=1" in shown
    wanted = fields(profile.site, "profile-site") | fields(profile.dask, "profile-dask")
    for name in STAGES:
        wanted |= fields(profile.resources(name), "profile-stage")
    assert wanted <= pages[site / "reference" / "profile.html"].ids


def named() -> dict[str, list[str]]:
    """Pages and folders of the repository that code, messages, tests and other pages name."""
    found: dict[str, list[str]] = {}
    for folder in ("glassdask", "hpc", "tests", "benchmarks", "data", "docs", "slurm", "."):
        files = (ROOT / folder).glob("*" if folder == "." else "**/*")
        for path in files:
            if path.suffix in (".py", ".md", ".toml", ".sbatch") and "_build" not in path.parts:
                text = path.read_text(encoding="utf-8")
                for name in re.findall(r"(?<![\w/-])docs/[\w/-]+\.(?:md|py|png)", text):
                    found.setdefault(name, []).append(path.name)
    return found


def test_every_page_that_something_names_exists():
    found = named()
    assert len(found) > 15
    assert not {name: files for name, files in found.items() if not (ROOT / name).is_file()}


def test_the_readme_is_short_and_its_links_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    links = re.findall(r"\]\(([^()#]+)[^()]*\)", text)
    assert len(links) > 20
    assert not [one for one in links if "//" not in one and not (ROOT / one).exists()]
