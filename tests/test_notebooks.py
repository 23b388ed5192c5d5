"""The notebooks run from top to bottom on a real store, and are stored with outputs."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.processes
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSDASK_STORE", str(tiny / "store.zarr"))
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert sum("image/png" in out.get("data", {}) for out in outputs) >= 3
    assert not [out for out in outputs if out.output_type == "error"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_with_the_outputs_of_one_run_from_top_to_bottom(path: Path) -> None:
    cells = [one for one in nbformat.read(path, as_version=4).cells if one.cell_type == "code"]
    assert [one.execution_count for one in cells] == [*range(1, len(cells) + 1)]
    outputs = [out for one in cells for out in one.outputs]
    assert sum("image/png" in out.get("data", {}) for out in outputs) >= 3
    assert not [out for out in outputs if out.output_type == "error"]
    assert not re.search(r"/(home|root|tmp|work)/", path.read_text(encoding="utf-8"))
    assert path.stat().st_size < 3e5


def test_index_has_every_notebook() -> None:
    index = NOTEBOOKS[0].with_name("README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\]\((\w+\.ipynb)\)", index)) == [path.name for path in NOTEBOOKS]
    assert len(NOTEBOOKS) >= 5
