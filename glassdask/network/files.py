"""Files of a training: checkpoint, metrics and weights. A kill never leaves a part of a file."""

from __future__ import annotations

import csv
import io
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from glassdask.base import files
from glassdask.base.errors import UsageError
from glassdask.campaign.analyses import Train
from glassdask.network.network import GlassNetwork, build_network

CHECKPOINT, WEIGHTS, METRICS = "checkpoint.pt", "weights.safetensors", "metrics.csv"
_DAMAGE = (
    AttributeError, EOFError, KeyError, OSError, RuntimeError, TypeError, ValueError,
    pickle.UnpicklingError, zipfile.BadZipFile,
)  # fmt: skip
COLUMNS = (
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "seconds",
)


def identity(
    settings: Train, seed: int, shape: tuple[int, ...], validation: int, data: str
) -> dict[str, Any]:
    """All that the results depend on; a checkpoint can only be resumed with the same values.

    It has no number of threads, no `streaming` and no number of networks. `precision` is that of
    the campaign file, so that training can continue on another device.
    """
    asked = settings.model_dump(mode="json", exclude={"threads", "streaming", "seeds"})
    about = {"seed": seed, "images": list(shape), "validation_images": validation, "data": data}
    return asked | about


def resume(
    folder: Path,
    made_for: dict[str, Any],
    network: GlassNetwork,
    optimiser: torch.optim.Optimizer,
) -> tuple[list[dict[str, float]], dict[str, Tensor]]:
    """Load network and optimiser from the checkpoint, if any; returns history and best weights.

    Raises
    ------
    UsageError
        If the file is damaged, contains code, or belongs to other settings, seed or images.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return [], {}
    content = io.BytesIO(path.read_bytes())
    try:
        _check_sums(content)
        with warnings.catch_warnings():  # torch warns of files that it did not write
            warnings.simplefilter("ignore")
            # weights_only refuses code
            state = torch.load(content, network.input_mean.device, weights_only=True)
        found, history, best = state["made_for"], state["history"], state["best"]
        _refuse_other(path, found, made_for)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
    except _DAMAGE:
        raise UsageError(
            f"{path} is damaged", "a checkpoint of a training", "Delete it to start again."
        ) from None
    return history, best


def _check_sums(content: io.BytesIO) -> None:
    """Compare the checksums in a checkpoint, a zip file; torch.load does not."""
    with zipfile.ZipFile(content) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(damaged)
    content.seek(0)


def _refuse_other(path: Path, found: dict[str, Any], made_for: dict[str, Any]) -> None:
    differing = [key for key in made_for if found.get(key) != made_for[key]]
    if not differing:
        return
    key = differing[0]
    if key == "data":
        raise UsageError(
            f"{path} was made with other images (token {found.get(key)})",
            f"the images of this campaign (token {made_for[key]})",
            "Restore the right checkpoint, or delete this one to start again.",
        )
    raise UsageError(
        f"{path} was made with {key} = {found.get(key)}",
        f"{key} = {made_for[key]}",
        "Restore that value, or delete the checkpoint to start again.",
    )


def save_checkpoint(
    folder: Path,
    made_for: dict[str, Any],
    network: GlassNetwork,
    optimiser: torch.optim.Optimizer,
    history: list[dict[str, float]],
    best: dict[str, Tensor],
) -> None:
    """Replace the checkpoint; a kill or a full disk leaves the old one."""
    state = {"made_for": made_for, "history": history, "best": best}
    state |= {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
    content = io.BytesIO()  # in memory first, since torch's errors of a full disk are unclear
    torch.save(state, content)
    files.replace(folder / CHECKPOINT, content.getvalue())


def save_metrics(folder: Path, history: list[dict[str, float]]) -> None:
    """Replace `metrics.csv`, with one line per epoch."""
    content = io.StringIO()
    writer = csv.DictWriter(content, COLUMNS)
    writer.writeheader()
    writer.writerows(history)
    files.replace(folder / METRICS, content.getvalue().encode())


def save_weights(folder: Path, network: GlassNetwork) -> None:
    """Replace `weights.safetensors`."""
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    files.replace(folder / WEIGHTS, save(tensors))


def load_network(
    folder: Path, settings: Train, dimension: int, channels: int, cells: int
) -> GlassNetwork:
    """Read `weights.safetensors` into a network.

    Parameters
    ----------
    folder : Path
        The folder of the training.
    settings : Train
        The [train] section of the campaign file.
    dimension, channels, cells : int
        As in `build_network`.

    Returns
    -------
    GlassNetwork
        On the CPU, in evaluation mode.

    Raises
    ------
    UsageError
        If the file is missing, damaged or does not fit `settings`.
    """
    path = folder / WEIGHTS
    again = "Train again."
    if not path.exists():
        raise UsageError(f"no {path}", "the weights of a trained network", again)
    network = build_network(settings, dimension, channels, cells)
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, ValueError):
        raise UsageError(f"{path} is damaged", "a complete safetensors file", again) from None
    except RuntimeError:
        raise UsageError(
            f"{path} has the weights of another network",
            "weights that fit [train] of this campaign file",
            again,
        ) from None
    return network.eval()
