"""Files of a training: checkpoint, metrics and weights, each replaced by a rename."""

from __future__ import annotations

import csv
import io
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from glassdask.base.errors import UsageError
from glassdask.campaign.analyses import Train
from glassdask.network.network import GlassNetwork, build_network

CHECKPOINT, WEIGHTS, METRICS = "checkpoint.pt", "weights.safetensors", "metrics.csv"
_DAMAGE = (
    AttributeError, EOFError, KeyError, OSError, RuntimeError, TypeError, ValueError,
    pickle.UnpicklingError,
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
    """What a checkpoint must agree with: all that the numbers follow from on one device.

    The number of threads is not part of it, nor how images are read, nor other networks.
    `precision` stands as it
    is asked for: a training on a GPU may go on on the CPU.
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
    """Fill network and optimiser from the checkpoint, if there is one; returns history and best.

    Raises
    ------
    UsageError
        If the file is damaged, holds code, or was made for something else.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return [], {}
    content = io.BytesIO(path.read_bytes())
    try:
        with warnings.catch_warnings():  # torch's own of files that it did not write
            warnings.simplefilter("ignore")
            # weights_only: tensors and plain values, no code
            state = torch.load(content, network.input_mean.device, weights_only=True)
        found, history, best = state["made_for"], state["history"], state["best"]
        _refuse_other(path, found, made_for)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
    except _DAMAGE:
        raise UsageError(
            f"{path} is damaged", "a checkpoint of a training", "Delete it to train anew."
        ) from None
    return history, best


def _refuse_other(path: Path, found: dict[str, Any], made_for: dict[str, Any]) -> None:
    differing = [key for key in made_for if found.get(key) != made_for[key]]
    if not differing:
        return
    key = differing[0]
    if key == "data":
        raise UsageError(
            f"{path} was made with other images (those called {found.get(key)})",
            f"those of this campaign ({made_for[key]})",
            "Put back what belongs there, or delete the checkpoint to train anew.",
        )
    raise UsageError(
        f"{path} was made with {key} = {found.get(key)}",
        f"{key} = {made_for[key]}",
        "Set it back, or delete the checkpoint to train anew.",
    )


def save_checkpoint(
    folder: Path,
    made_for: dict[str, Any],
    network: GlassNetwork,
    optimiser: torch.optim.Optimizer,
    history: list[dict[str, float]],
    best: dict[str, Tensor],
) -> None:
    """Replace the checkpoint, so that a kill or a full disk leaves a whole one."""
    state = {"made_for": made_for, "history": history, "best": best}
    state |= {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
    content = io.BytesIO()  # what torch says of a full disk is hard to read
    torch.save(state, content)
    _replace(folder / CHECKPOINT, content.getvalue())


def save_metrics(folder: Path, history: list[dict[str, float]]) -> None:
    """Replace `metrics.csv`: a line an epoch."""
    content = io.StringIO()
    writer = csv.DictWriter(content, COLUMNS)
    writer.writeheader()
    writer.writerows(history)
    _replace(folder / METRICS, content.getvalue().encode())


def save_weights(folder: Path, network: GlassNetwork) -> None:
    """Replace `weights.safetensors`."""
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    _replace(folder / WEIGHTS, save(tensors))


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def load_network(
    folder: Path, settings: Train, dimension: int, channels: int, cells: int
) -> GlassNetwork:
    """Read `weights.safetensors` into a network.

    Parameters
    ----------
    folder : Path
        Where `train` wrote it.
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
        If the file is missing, damaged or of another network.
    """
    path = folder / WEIGHTS
    again = "Train again."
    if not path.exists():
        raise UsageError(f"No {path}", "the weights of a trained network", again)
    network = build_network(settings, dimension, channels, cells)
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, ValueError):
        raise UsageError(f"{path} is damaged", "a complete safetensors file", again) from None
    except RuntimeError:
        raise UsageError(
            f"{path} holds the weights of another network",
            "those of the [train] section of this campaign file",
            again,
        ) from None
    return network.eval()
