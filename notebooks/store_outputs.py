"""Run a notebook on the store of `make demo`, and store it with its outputs.

Type `python notebooks/store_outputs.py notebooks/ask_the_store.ipynb` after a change of the notebook.
The site shows the outputs; it does not run notebooks.
"""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image


def smaller(figure: str) -> str:
    """A PNG with a palette of 256 colours: a third of the size."""
    image = Image.open(io.BytesIO(base64.b64decode(figure))).convert("RGB")
    made = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(made, "PNG", optimize=True)
    return base64.b64encode(made.getvalue()).decode()


def store(path: Path, folder: Path) -> None:
    """Run it in `folder`, which paths in the notebook are relative to."""
    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()
    for cell in notebook.cells:
        cell.metadata = {}  # times of the run
        for output in cell.get("outputs", []):
            if "image/png" in (data := output.get("data", {})):
                data["image/png"] = smaller(data["image/png"])
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        store(Path(name), Path(name).parent)
