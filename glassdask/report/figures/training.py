"""Training of the network, and its result on the test split (Table II of the paper)."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glassdask.report import style
from glassdask.report.accuracy import INPUTS, of_linear_model
from glassdask.report.data import ReportData
from glassdask.report.ticks import log_ticks
from glassdask.store import networks
from glassdask.store.layout import BASELINES, STATES

Metrics = dict[str, np.ndarray]


def read_metrics(data: ReportData, network: int) -> Metrics | None:
    """Columns of a network's metrics.csv, (epoch,) each; None without that file or epochs."""
    folder = networks.folder(data.campaign, network)
    if not (folder / "metrics.csv").exists():
        return None
    rows = np.genfromtxt(folder / "metrics.csv", delimiter=",", names=True, ndmin=1)
    return {name: rows[name] for name in rows.dtype.names or ()} if len(rows) else None


def best_epoch(metrics: Metrics) -> int:
    """Epoch of the kept weights: highest validation accuracy, then lowest validation loss."""
    order = np.lexsort((metrics["validation_loss"], -metrics["validation_accuracy"]))
    return int(metrics["epoch"][order[0]])


def confusion(data: ReportData) -> np.ndarray:
    """Number of test snapshots by true class and class found, (state, label)."""
    score = data.group("explanations")["score"].values[data.test]
    counts = np.zeros((2, 2), dtype=int)
    for true in range(2):
        known = np.isfinite(score[:, true]).all(axis=1)
        labels = score[known, true].argmax(axis=1)
        counts[true] = np.bincount(labels, minlength=2)
    return counts


def draw_curve(axes: Axes, metrics: Metrics, others: list[Metrics], kind: str) -> None:
    """Loss or accuracy against the epoch; thin lines for other networks."""
    splits = (("train", style.TRAIN), ("validation", style.VALIDATION))
    for split, colour in splits:
        line = "o-" if len(metrics["epoch"]) < 3 else "-"
        axes.plot(metrics["epoch"], metrics[f"{split}_{kind}"], line, color=colour, label=split)
    for split, colour in splits:
        for number, other in enumerate(others):
            label = f"{split}, other networks" if number == 0 else None
            axes.plot(
                other["epoch"], other[f"{split}_{kind}"], color=colour, lw=0.5, alpha=0.6,
                label=label,
            )  # fmt: skip
    axes.axvline(best_epoch(metrics), color="black", lw=0.8, ls="--", label="weights kept")
    axes.set_xlabel("epoch")
    if kind == "loss":
        axes.axhline(math.log(2), color=style.GUIDE, lw=0.8, ls=":", label="random guess")
        axes.set(ylabel="cross-entropy loss", yscale="log")
        log_ticks(axes.yaxis)
    else:
        axes.axhline(0.5, color=style.GUIDE, lw=0.8, ls=":")
        axes.set(ylabel="accuracy", ylim=(0.4, 1.02))


def draw_confusion(axes: Axes, data: ReportData) -> None:
    """Confusion matrix with counts and percent of the true class."""
    counts = confusion(data)
    fraction = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(fraction, cmap="Blues", vmin=0, vmax=1)
    for true in range(2):
        for label in range(2):
            axes.text(
                label, true, f"{counts[true, label]}\n{100 * fraction[true, label]:.1f} %",
                ha="center", va="center", fontsize=12,
                color="white" if fraction[true, label] > 0.6 else "black",
            )  # fmt: skip
    axes.set_xticks(range(2), STATES)
    axes.set_yticks(range(2), STATES)
    axes.tick_params(length=0)
    axes.set(xlabel="class found", ylabel="true class", title="test split, snapshots")


@style.styled
def draw(data: ReportData) -> Figure:
    """Loss, accuracy and confusion matrix."""
    figure = style.new_figure(12.4, 4.1)
    loss, accuracy, matrix = figure.subplots(1, 3)
    shown = int(data.group("explanations").attrs.get("network", 0))
    found = {k: read_metrics(data, k) for k in range(data.campaign.file.train.seeds)}
    metrics = found.pop(shown)
    others = [one for one in found.values() if one is not None]
    for axes, kind in ((loss, "loss"), (accuracy, "accuracy")):
        if metrics is None:
            style.say(axes, "no model/metrics.csv")
        else:
            draw_curve(axes, metrics, others, kind)
    if metrics is not None:
        figure.legend(*loss.get_legend_handles_labels(), loc="outside upper left", ncols=6)
    draw_confusion(matrix, data)
    return figure


def _linear_models(data: ReportData) -> str:
    """One sentence on the linear models; empty if there is none."""
    parts = []
    for name in BASELINES:
        for state, several in (("glass", "glasses"), ("liquid", "liquids")):
            row = of_linear_model(data, name, state)
            if row.get("count"):
                parts.append(f"{row['right']} of {row['count']} {several} on {INPUTS[name]}")
    if not parts:
        return ""
    return f"Linear models classify correctly {', '.join(parts)}. "


def caption(data: ReportData) -> str:
    """What the figure shows, and what the paper found."""
    text = (
        "Loss and accuracy on the training and the validation split. Values on the training split "
        "include augmentation and dropout, if any, so they can be worse than on the validation "
        "split. Right: the test split, counts and percent of each true class. "
    ) + _linear_models(data)
    if data.campaign.file.train.seeds > 1:
        text += "The other networks differ only in their random numbers. "
    if data.campaign.model.family:
        text += "The paper: 1.00 / 1.00 (ABM) and 1.00 / 0.998 (KAM) for glass / liquid."
    return text
