"""Files of a training: checkpoint, metrics and weights, each replaced by a rename."""

from __future__ import annotations

import csv
import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from glassdask.campaign.schema import Train
from glassdask.errors import UsageError
from glassdask.learn.network import GlassNetwork, build_network

CHECKPOINT, WEIGHTS, METRICS = "checkpoint.pt", "weights.safetensors", "metrics.csv"
COLUMNS = (
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "seconds",
)


def identity(settings: Train, seed: int, images: Tensor) -> dict[str, Any]:
    """What a checkpoint must agree with: not the threads, nor how many networks there are."""
    return settings.model_dump(exclude={"threads", "seeds"}) | {
        "seed": seed,
        "images": list(images.shape),
    }


def resume(
    folder: Path,
    made_for: dict[str, Any],
    network: GlassNetwork,
    optimiser: torch.optim.Optimizer,
) -> tuple[list[dict[str, float]], dict[str, Tensor]]:
    """Fill network and optimiser from the checkpoint, if there is one; returns history and best."""
    path = folder / CHECKPOINT
    if not path.exists():
        return [], {}
    try:
        state = torch.load(path, map_location=network.input_mean.device, weights_only=True)
        found = state["made_for"]
    except (RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError):
        raise UsageError(
            f"{path} is damaged", "a checkpoint of a training", "Delete it to train anew."
        ) from None
    differing = [key for key in made_for if found.get(key) != made_for[key]]
    if differing:
        key = differing[0]
        raise UsageError(
            f"{path} was made with {key} = {found.get(key)}",
            f"{key} = {made_for[key]}",
            "Set it back, or delete the checkpoint to train anew.",
        )
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    return state["history"], state["best"]


def save_checkpoint(
    folder: Path,
    made_for: dict[str, Any],
    network: GlassNetwork,
    optimiser: torch.optim.Optimizer,
    history: list[dict[str, float]],
    best: dict[str, Tensor],
) -> None:
    """Replace checkpoint and metrics, each by a rename, so that a kill leaves a whole one."""
    partial = folder / f"{CHECKPOINT}.partial"
    state = {"made_for": made_for, "history": history, "best": best}
    state |= {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save(state, partial)
    partial.replace(folder / CHECKPOINT)
    partial = folder / f"{METRICS}.partial"
    with partial.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(history)
    partial.replace(folder / METRICS)


def save_weights(folder: Path, network: GlassNetwork) -> None:
    """Replace `weights.safetensors`."""
    path = folder / WEIGHTS
    partial = path.with_name(f"{path.name}.partial")
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, partial)
    partial.replace(path)


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
