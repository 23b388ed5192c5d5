"""Figures of the report: legends name every line, and tick labels do not overlap."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from test_report import make_store

from glassdask.report import style
from glassdask.report.data import ReportData
from glassdask.report.figures import DRAWINGS, dynamics, violins
from glassdask.report.ticks import log_ticks, text_of

SOLID = ("-", "None", "")
#: Lines that are not data: the panels of maps and of confusions have none.
NAMES = [drawing.name for drawing in DRAWINGS]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    attributes = {
        "network": 0,
        "learnt_by_network": [True, True],
        "test_accuracy_by_network": [[1.0, 0.9], [0.8, 1.0]],
    }
    folder = tmp_path_factory.mktemp("figures") / "glass"
    return ReportData.of(make_store(folder, extra=("train.seeds=2",), attributes=attributes))


def drawn(data, name):
    (drawing,) = [one for one in DRAWINGS if one.name == name]
    figure = drawing.draw(data)
    with style.context():
        figure.canvas.draw()
    return figure


def entries(axes):
    """Entries of the legends that explain a panel: its own, and those of the figure."""
    legends = [axes.get_legend(), *axes.figure.legends]
    found = []
    for legend in filter(None, legends):
        found += zip(legend.legend_handles, [text.get_text() for text in legend.texts], strict=True)
    return found


def dash(line):
    """Line style as a comparable text; custom dashes as numbers."""
    if line.get_linestyle() in ("-", "None"):
        return line.get_linestyle()
    _, pattern = line._unscaled_dash_pattern
    return str(np.round(pattern, 2).tolist())


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_dash_symbol_and_band_is_in_a_legend_with_one_meaning(data, name):
    for axes in drawn(data, name).axes:
        found = entries(axes)
        lines = [one for one in axes.lines if len(one.get_xdata())]
        of_legend: dict[str, set[str]] = {}
        for handle, label in found:
            if isinstance(handle, Line2D):
                of_legend.setdefault(dash(handle), set()).add(label)
        for line in lines:
            if dash(line) not in SOLID:
                assert len(of_legend.get(dash(line), ())) == 1, (axes.get_title(), dash(line))
        open_circles = [
            one for one in lines if one.get_markersize() > 9 and one.get_mfc() == "none"
        ]
        named = [h for h, _ in found if isinstance(h, Line2D) and h.get_mfc() == "none"]
        assert bool(named) >= bool(open_circles)
        if any(isinstance(one, PolyCollection) for one in axes.collections):
            patches = [h for h, _ in found if isinstance(h, Patch | PolyCollection)]
            assert patches, axes.get_title()
        # colours of all lines have an entry, too
        known = {mpl.colors.to_hex(h.get_color()) for h, _ in found if isinstance(h, Line2D)}
        colours = {mpl.colors.to_hex(line.get_color()) for line in lines if dash(line) != "None"}
        if name not in ("correlations", "every_indicator"):  # one colour of dashes for both halves
            assert colours <= known, (axes.get_title(), colours - known)


def overlapping(axis):
    """Whether two labels of an axis overlap."""
    renderer = axis.figure.canvas.get_renderer()
    boxes = [
        label.get_window_extent(renderer) for label in axis.get_ticklabels() if label.get_text()
    ]
    low, high = axis.get_view_interval()
    shown = [
        box for box, place in zip(boxes, axis.get_ticklocs(), strict=True) if low <= place <= high
    ]
    return len(shown), any(a.overlaps(b) for a, b in pairwise(shown))


@pytest.mark.parametrize("width", [1.2, 2.3, 5.0])
@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0501, 0.06), (0.9, 1.13), (0.05, 0.4), (3, 9), (0.5, 100), (1, 1e4), (1e-3, 1e7), (23, 24)],
)
def test_labels_of_logarithmic_axes_never_overlap(low, high, width):
    with style.context():
        figure = style.new_figure(width + 0.8, width + 0.8)
        axes = figure.subplots()
        axes.plot([low, high], [low, high])
        axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
        log_ticks(axes.xaxis)
        log_ticks(axes.yaxis)
        figure.canvas.draw()
        for axis in (axes.xaxis, axes.yaxis):
            count, overlap = overlapping(axis)
            assert not overlap
            assert count >= 1 + (width > 2)
    assert [text_of(value) for value in (0.05, 3, 1e-4, 1e6)] == [
        "0.05",
        "3",
        "$10^{-4}$",
        "$10^{6}$",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dynamics", "every_indicator", "relaxation", "training"])
def test_labels_of_figures_do_not_overlap(data, name):
    for axes in drawn(data, name).axes:
        for axis in (axes.xaxis, axes.yaxis):
            if axis.get_scale() == "log":
                assert not overlapping(axis)[1], axes.get_title()


@pytest.mark.slow
def test_large_panel_compares_gamma_with_the_best_other_indicator(data):
    names = [name for name in data.indicators if name != "gradcam"]
    sizes = {name: abs(data.largest(name).numbers["value"]) for name in names}
    assert dynamics.best_other(data) == max(sizes, key=lambda name: sizes[name])
    (gamma, one), (other, sign) = dynamics.compared(data)
    assert (gamma, one) == ("gradcam", 1)
    assert sign * data.largest(other).numbers["value"] > 0
    assert len(drawn(data, "dynamics").axes) == 1


@pytest.mark.slow
def test_correlations_are_labelled_with_one_minus_theta(data):
    labels = [one.get_text() for one in violins.draw(data).axes[0].get_xticklabels()]
    theta = [label for label in labels if style.SYMBOLS["tong_tanaka"] in label]
    assert len(theta) == 4
    assert all(f"1 − {style.SYMBOLS['tong_tanaka']}" in label for label in theta)


_BYTES = """
import sys
from pathlib import Path
from hashlib import sha256
from glassdask.report import style
with style.context():
    figure = style.new_figure(3, 3)
    axes = figure.subplots()
    axes.plot([0, 1], [0.5, 1.5], label="$\\\\Gamma$")
    axes.legend()
(png, _) = style.save(figure, Path(sys.argv[1]), "one")
print(sha256(png.read_bytes()).hexdigest())
"""


@pytest.mark.processes
def test_settings_of_the_user_change_no_figure(tmp_path):
    settings = tmp_path / "matplotlibrc"
    settings.write_text("text.usetex: True\nfont.size: 30\n")
    found = set()
    for change in (
        {},
        {"MPLBACKEND": "svg", "MATPLOTLIBRC": str(settings), "LC_ALL": "C.UTF-8"},
    ):
        done = subprocess.run(
            [sys.executable, "-c", _BYTES, str(tmp_path)], env={**os.environ, **change},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found.add(done.stdout.splitlines()[-1])
    assert len(found) == 1
