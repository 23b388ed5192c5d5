"""A stage of a user is one file on the Python path: docs/howto/own-stage.md."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from campaigns import GLASSDASK

import glassdask as gd
from glassdask.store.stage import STAGES, Stage

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "howto" / "own-stage.md").read_text(encoding="utf-8")
TABLE = (ROOT / "docs" / "reference" / "stages.md").read_text(encoding="utf-8")
FILE = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
NAME = "species_volume"


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., str]:
    """Runs `glassdask` with the file of the page on the Python path."""
    (tmp_path / f"glassdask_{NAME}.py").write_text(FILE)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "COLUMNS": "200"}

    def run(*words: str) -> str:
        done = subprocess.run(
            [GLASSDASK, *words], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def expected(campaign: Path, power: int) -> np.ndarray:
    """Computed with NumPy from the store."""
    with gd.open(campaign) as tree:
        group = tree["indicators"]
        volume = group["voronoi_volume"].values.astype(float) ** power
        species = group["species"].values
    return np.stack([volume[..., species == kind].mean(axis=-1) for kind in (0, 1)], axis=-1)


@pytest.mark.long
def test_a_stage_in_one_file_runs_like_the_others(
    command: Callable[..., str], tmp_path: Path, tiny: Path
) -> None:
    assert len(FILE.splitlines()) < 60
    campaign = Path(shutil.copytree(tiny, tmp_path / "c"))
    assert re.search(rf"{NAME} +.* not started", command("status", str(campaign)))
    assert f"{NAME}: complete" in command("run", str(campaign))
    with gd.open(campaign) as tree:
        np.testing.assert_allclose(tree[NAME]["mean"].values, expected(campaign, 1), rtol=1e-6)
    assert re.search(rf"{NAME} +.* complete .*24/24", command("status", str(campaign)))
    assert "nothing to do" in command("run", str(campaign))
    with pytest.raises(AssertionError, match="without --squared"):
        command(NAME, str(campaign), "--squared")
    command(NAME, str(campaign), "--squared", "--start-over")
    assert "nothing to do" in command("run", str(campaign))
    with gd.open(campaign) as tree:
        np.testing.assert_allclose(tree[NAME]["mean"].values, expected(campaign, 2), rtol=1e-6)


def test_a_stage_in_one_file_is_planned_and_submitted(
    command: Callable[..., str], tmp_path: Path
) -> None:
    campaign = tmp_path / "c"
    command("new", str(campaign))
    assert NAME in command("plan", str(campaign))
    profile = ROOT / "slurm" / "cpu-cluster.toml"
    said = command("submit", str(campaign), "--profile", str(profile), "--dry-run")
    assert NAME in said


def test_table_of_stages_in_the_docs_agrees_with_the_code() -> None:
    def row(stage: Stage) -> str:
        reads = ", ".join((*stage.reads, *stage.uses)) or "campaign file"
        folder = [] if stage.record_in in stage.writes else [f"`{stage.record_in}/`"]
        writes = ", ".join([*(f"`{group}`" for group in stage.writes), *folder])
        return f"| `{stage.name}` | {stage.runs_on} | {reads} | {writes} | {stage.paper} |"

    assert "\n".join(row(stage) for stage in STAGES.values()) in TABLE
