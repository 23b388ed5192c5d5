"""The style of all figures, and how they are saved; without pyplot."""

from __future__ import annotations

import functools
import math
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from glassdask.base import files
from glassdask.store.layout import REVERSED

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

#: Dots per inch of the PNG files.
RESOLUTION = 130
#: Values in [0, 1]: blue is low, red is high, as in the paper's maps.
FIELD_COLOURS = "RdYlBu_r"
GLASS, LIQUID = "#4d4d4d", "#c4c4c4"
STATE_COLOURS = {"glass": GLASS, "liquid": LIQUID}
GUIDE = "#9a9a9a"
CHANCE = "#8fbf9f"
TRAIN, VALIDATION = "#1f5a94", "#c8561b"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")


class _Names(dict[str, str]):
    """Names of quantities; an indicator of a user has its own name."""

    def __missing__(self, name: str) -> str:
        return name.replace("_", " ")


#: Letters of the quantities, in figures and in plain text.
_LETTERS = {
    "gradcam": (r"$\Gamma$", "Γ"),
    "voronoi_volume": (r"$\Upsilon$", "Υ"),
    "tong_tanaka": (r"$\Theta$", "Θ"),
    "potential_energy": (r"$e$", "e"),
    "local_density": (r"$\rho$", "ρ"),
    "coordination": (r"$z$", "z"),
    "unlike_neighbours": (r"$z_\neq$", "z≠"),
    "composition": (r"$x_\mathrm{A}$", "xA"),
    "diameter": (r"$\sigma_{ii}$", "σii"),
    "hexatic_order": (r"$|\psi_6|$", "|ψ6|"),
    "steinhardt_order": (r"$\bar q_6$", "q6"),
    "pair_entropy": (r"$S_2$", "S2"),
    "centroid_distance": (r"$|C|$", "|C|"),
    "propensity": (r"$\Delta$", "Δ"),
}
SYMBOLS, LETTERS = (_Names({name: pair[k] for name, pair in _LETTERS.items()}) for k in (0, 1))
NAMES = _Names(
    tong_tanaka="Tong-Tanaka order",
    steinhardt_order="Steinhardt order",
    propensity="dynamic propensity",
    voronoi_volume="Voronoi volume",
)

_PARAMETERS: dict[str, Any] = {
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "mathtext.fontset": "stix",
    "axes.titlesize": 10.5,
    "axes.labelsize": 10.5,
    "axes.linewidth": 0.8,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "pdf.fonttype": 42,
    "savefig.facecolor": "white",
}


@contextmanager
def context() -> Iterator[None]:
    """The style within a `with` block; afterwards the caller's settings are restored."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_PARAMETERS)  # type: ignore[arg-type]
        yield


def styled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Make a drawing function use the style of the report."""

    @functools.wraps(function)
    def inside(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with context():
            return function(*args, **kwargs)

    return inside


def new_figure(
    width: float, height: float, layout: Literal["constrained", "compressed"] = "constrained"
) -> Figure:
    """An empty figure, sizes in inches, drawn by Agg, not by the user's backend.

    Use the layout "compressed" for panels of fixed aspect.
    """
    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


@styled
def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write NAME.png and NAME.pdf atomically, and return their paths."""
    paths = []
    for suffix in ("png", "pdf"):
        path = folder / f"{name}.{suffix}"
        with files.written(path) as partial:
            figure.savefig(partial, format=suffix, dpi=RESOLUTION)
        paths.append(path)
        # keep the layout: to compute it again takes as long as to draw
        figure.set_layout_engine(None)
    return paths


def signed(name: str, letters: dict[str, str] = SYMBOLS) -> str:
    """Letter of a quantity with the sign of its correlations, such as 1 - Theta."""
    letter = letters[name]
    return f"1 − {letter}" if name in REVERSED else letter


def pair(first: str, second: str, letters: dict[str, str] = SYMBOLS) -> str:
    """C(first, second), in the paper's short form: Theta stands for 1 - Theta."""
    return f"C({letters[first]}, {letters[second]})"


def signed_pair(first: str, second: str, letters: dict[str, str] = SYMBOLS) -> str:
    """C(first, second), where Theta is written as 1 - Theta."""
    return f"C({signed(first, letters)}, {signed(second, letters)})"


def temperature_colours(count: int) -> list[tuple[float, float, float, float]]:
    """A colour for each temperature, from cold to hot, visible on white."""
    colours = mpl.colormaps["plasma"](np.linspace(0.05, 0.78, max(count, 1)))
    return [tuple(map(float, colour)) for colour in colours]  # type: ignore[misc]


def indicator_looks(names: Iterable[str]) -> dict[str, tuple[Any, str]]:
    """A colour and a marker for each indicator; Gamma is black."""
    tab = mpl.colormaps["tab10"]
    others = [name for name in names if name != "gradcam"]
    found = {name: (tab(k % 10), MARKERS[k % len(MARKERS)]) for k, name in enumerate(others)}
    return found | {"gradcam": ("black", "*")}


def temperature(value: float) -> str:
    """A temperature for people; imported configurations may have none."""
    return f"{value:g} ε/kB" if math.isfinite(value) else "not known"


def at_temperature(value: float) -> str:
    """The same as an equation, such as T = 0.05 ε/kB."""
    return f"T = {temperature(value)}" if math.isfinite(value) else "T not known"


def say(axes: Any, text: str) -> None:
    """Write a remark in a panel, such as why it is empty."""
    lines = "\n".join(textwrap.fill(line, 40) for line in text.splitlines())
    axes.text(
        0.5, 0.5, lines, transform=axes.transAxes, ha="center", va="center", color="#8a1c1c",
        fontsize=9, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8},
    )  # fmt: skip
