"""Containers, the recipe for conda-forge and the workflow say the same as pyproject.toml."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import glassdask as gd

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
DOCKERFILE = (ROOT / "containers" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
DEFINITION = (ROOT / "containers" / "glassdask.def").read_text(encoding="utf-8")


def sections(definition: str) -> dict[str, str]:
    """Sections of an Apptainer definition by name."""
    parts = re.split(r"^%(\w+)\n", definition, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def copied() -> tuple[set[str], set[str]]:
    """Files and folders of the repository that go into the two images."""
    lines = re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.M)
    files = sections(DEFINITION)["files"].strip().splitlines()
    return {word for line in lines for word in line.split()}, {line.split()[0] for line in files}


def test_one_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert PROJECT["project"]["version"] == gd.__version__
    assert re.search(r"^version: (\S+)$", citation, re.M)[1].strip("\"'") == gd.__version__
    assert re.search(r"^## (\S+)", changes, re.M)[1] == gd.__version__


def test_both_images_are_made_of_the_same() -> None:
    base = re.search(r"^FROM (\S+)$", DOCKERFILE, re.M)[1]
    assert re.search(r"^From: (\S+)$", DEFINITION, re.M)[1] == base
    given = dict(re.findall(r"^ARG (\w+)=(\S+)$", DOCKERFILE, re.M))
    stated = dict(re.findall(r"^ +(\w+)=(\S+)$", sections(DEFINITION)["arguments"], re.M))
    assert given == stated
    assert set(given["EXTRAS"].split(",")) <= EXTRAS.keys()
    packages = r"apt-get install -y -qq --no-install-recommends ([^&\n]+)"
    for text in (DOCKERFILE, sections(DEFINITION)["post"]):
        assert re.search(packages, text)[1].split() == [
            "ca-certificates",
            "python3",
            "python3-venv",
        ]
        assert "/src/install.sh" in text


def test_images_have_all_that_the_wheel_is_made_of() -> None:
    docker, apptainer = copied()
    assert docker == apptainer
    assert all((ROOT / name).exists() for name in docker)
    setuptools = PROJECT["tool"]["setuptools"]
    wanted = {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]}
    wanted |= {name.rstrip("*") for name in setuptools["packages"]["find"]["include"]}
    wanted |= {name.split("/")[0] for names in setuptools["data-files"].values() for name in names}
    assert wanted | {"pyproject.toml", "constraints.txt", "containers/install.sh"} <= docker


def test_recipe_is_the_one_of_pyproject() -> None:
    yaml = pytest.importorskip("yaml")
    written = (ROOT / "recipe" / "recipe.yaml").read_text(encoding="utf-8")
    hashed = re.search(r"sha256: ([0-9a-f]{64})$", written, re.M)[1]
    made = runpy.run_path(str(ROOT / "recipe" / "write_recipe.py"))["recipe"](hashed)
    assert written == made, "python recipe/write_recipe.py"
    recipe = yaml.safe_load(written)
    assert recipe["context"]["version"] == gd.__version__
    run = {line.split()[0] for line in recipe["requirements"]["run"]}
    assert len(run) == len(PROJECT["project"]["dependencies"]) + 1  # and Python
    assert {"python", "numpy", "xarray", "freud", "dask-core"} <= run
    limits = {line.split()[0] for line in recipe["requirements"]["run_constraints"]}
    assert {"pytorch", "mpich", "mpi4py"} <= limits


def test_workflow_does_what_ci_run_does() -> None:
    yaml = pytest.importorskip("yaml")
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    [job] = yaml.safe_load(text)["jobs"].values()
    assert "bash .ci/run" in [step.get("run") for step in job["steps"]]
    [second] = [step["with"]["python-version"] for step in job["steps"]
                if "setup-python" in step.get("uses", "")]  # fmt: skip
    assert f"Programming Language :: Python :: {second}" in PROJECT["project"]["classifiers"]
    assert "$" + "{SECOND_PYTHON:-python" + second + "}" in (ROOT / ".ci" / "run").read_text()


def test_light_extra_leaves_out_only_what_is_large() -> None:
    def packages(name: str) -> set[str]:
        found = set()
        for requirement in EXTRAS[name]:
            if inner := re.fullmatch(r"glassdask\[(.*)\]", requirement):
                found |= {one for extra in inner[1].split(",") for one in packages(extra)}
            else:
                found.add(re.match(r"[\w.-]+", requirement)[0])
        return found

    left_out = {"captum", "safetensors", "tensorboardX", "torch", "ovito", "tensorboard"}
    assert packages("all") - packages("light") == left_out


@pytest.mark.processes
def test_shell_scripts_pass_shellcheck() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck on this machine")
    scripts = [ROOT / ".ci" / "run", ROOT / "containers" / "install.sh"]
    subprocess.run(["shellcheck", *scripts], check=True)


@pytest.mark.processes
def test_each_python_has_its_own_environment() -> None:
    if shutil.which("make") is None:
        pytest.skip("no make on this machine")
    [command] = re.findall(r"^  (make test PYTHON=.*)$", (ROOT / ".ci" / "run").read_text(), re.M)
    words = shlex.split(command.replace("$second", sys.executable))
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "VENV")}

    def printed(*words: str) -> str:
        made = (*words, "--dry-run", "--always-make", "--directory", ROOT)
        return subprocess.run(made, env=kept, capture_output=True, text=True, check=True).stdout

    usual, other = printed("make", "test"), printed(*words)
    assert ".venv/bin/python -m pytest" in usual
    assert "-c constraints.txt" in usual
    assert "mypy" in usual
    folder = ".venv-{}.{}".format(*sys.version_info)
    assert f"{folder}/bin/python -m pytest" in other
    assert f"{sys.executable} -m venv {folder}" in other
    assert "'.[light]'" in other
    assert "constraints.txt" not in other
    assert "mypy" not in other
    assert '-m "not processes and not slow and not long"' in other
