"""Training, with a complete checkpoint after every epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from glassdask.base.devices import choose_device, uses_bfloat16
from glassdask.base.errors import StageFailed, UsageError
from glassdask.campaign.analyses import Train
from glassdask.network.batches import Batch, Batches
from glassdask.network.curves import Curves
from glassdask.network.files import (
    identity,
    resume,
    save_checkpoint,
    save_metrics,
    save_weights,
)
from glassdask.network.files import load_network as load_network
from glassdask.network.network import GlassNetwork, build_network
from glassdask.network.ranks import Ranks
from glassdask.network.sources import Images, check_split, in_blocks


def train(
    images: Images,
    labels: Any,
    validation_images: Images,
    validation_labels: Any,
    settings: Train,
    seed: int,
    folder: Path,
    on_epoch: Callable[[int, dict[str, float]], None] = lambda epoch, metrics: None,
    device: str | torch.device | None = None,
    data: str = "",
    on_batch: Callable[[int, int], None] = lambda batch, count: None,
) -> GlassNetwork:
    """Train a network, or continue from the checkpoint in `folder`.

    Each epoch replaces `checkpoint.pt` and `metrics.csv` and adds a point to the curves in
    `tensorboard/`. At the end `weights.safetensors` is written with the weights of the best epoch:
    highest validation accuracy, then lowest validation loss. On the CPU, a training that was
    killed and resumed gives the same numbers as an undisturbed one.

    In a process group (see `ranks.join`) each process takes its share of every batch, and the
    gradient is that of the complete batch; rank 0 evaluates and writes.

    Parameters
    ----------
    images, validation_images : array or `sources.Images`
        Numbers of particles per cell, (snapshot, channel, *grid). A thread reads a few batches
        ahead of the network.
    labels, validation_labels : array of int
        0 = liquid, 1 = glass, (snapshot,).
    settings : Train
        The [train] section of the campaign file.
    seed : int
        Seed of all random numbers.
    folder : Path
        Folder of the files; created if missing.
    on_epoch : callable
        Called with the epoch, from 1, and its metrics, after its checkpoint is written; it may
        raise an exception to stop.
    device : optional
        By default CUDA if available, else the CPU.
    data : str
        Identifies the images; a checkpoint of other images is refused.
    on_batch : callable
        Called with the number of batches of the epoch that are done, and that of all.

    Returns
    -------
    GlassNetwork
        With the best weights, in evaluation mode.

    Raises
    ------
    UsageError
        If the checkpoint is damaged or belongs to other settings, seed or data; or, before
        training starts, if images are missing, not finite or empty, or labels are not both 0 and 1.
    StageFailed
        If the loss is not a finite number.
    """
    labels = check_split(images, labels, "training")
    validation_labels = check_split(validation_images, validation_labels, "validation")
    _check_shapes(images, validation_images)
    folder.mkdir(parents=True, exist_ok=True)
    device, ranks = choose_device(device, settings.threads), Ranks.of_this_process()
    made_for = identity(settings, seed, images.shape, len(validation_labels), data)

    # by default the states of all GPUs are saved, which takes memory on each
    forked = torch.random.fork_rng([device] if device.type == "cuda" else [])
    with forked, ExitStack() as stack:
        network = ranks.synchronise(_new_network(images, settings, seed), device).to(device)
        optimiser = torch.optim.AdamW(
            network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        history, best = resume(folder, made_for, network, optimiser)
        ranks.agree(len(history), f"epochs in {folder}")
        if ranks.rank == 0 and not history:
            network.standardise(images)  # wrapping the network sends the result to other ranks
            _check_images(validation_images)
        pass_over = _Pass(network, optimiser, Batches(images, labels, settings, ranks), seed)
        curves = stack.enter_context(Curves(folder, history, ranks.rank == 0))
        while not finished(history, settings):
            began, epoch = time.monotonic(), len(history) + 1
            metrics: dict[str, float] = {"epoch": epoch} | pass_over.epoch(epoch, on_batch)
            if ranks.rank == 0:
                scores = evaluate(
                    network, validation_images, validation_labels, settings.batch_size
                )
                metrics |= _validation(scores, validation_labels)
                metrics["seconds"] = time.monotonic() - began
            history.append(ranks.as_first(metrics))
            if best_epoch(history) == epoch:
                best = {name: value.clone() for name, value in network.state_dict().items()}
            if ranks.rank == 0:
                save_checkpoint(folder, made_for, network, optimiser, history, best)
                save_metrics(folder, history)
                curves.add(history[-1])
            on_epoch(epoch, history[-1])

    network.load_state_dict(best)
    if ranks.rank == 0:
        save_metrics(folder, history)  # after a kill, metrics may be older than the checkpoint
        save_weights(folder, network)
    return network.eval()


class _Pass:
    """Epochs over the training images; this process computes its share of each batch."""

    def __init__(
        self,
        network: GlassNetwork,
        optimiser: torch.optim.Optimizer,
        batches: Batches,
        seed: int,
    ) -> None:
        self.network, self.optimiser, self.batches, self.seed = network, optimiser, batches, seed
        self.settings, self.ranks = batches.settings, batches.ranks
        self.model = self.ranks.wrap(network)
        self.device = network.input_mean.device
        self.bfloat16 = uses_bfloat16(self.settings.precision, self.device)

    def epoch(self, epoch: int, on_batch: Callable[[int, int], None]) -> dict[str, float]:
        """One epoch; returns its mean loss and accuracy, and the last learning rate."""
        # a seed for each epoch, so that checkpoints need no random states
        generator = _seed_epoch(self.seed, epoch, self.ranks.rank)
        total_loss, correct = 0.0, 0
        self.network.train()
        first = (epoch - 1) * self.batches.count
        with self.batches.shuffled(generator) as batches:
            for step, batch in enumerate(batches, start=first):
                highest = self.settings.learning_rate
                rate = learning_rate(step, self.batches.count * self.settings.epochs, highest)
                for group in self.optimiser.param_groups:
                    group["lr"] = rate
                loss, right = self._step(batch, epoch)
                total_loss, correct = total_loss + loss, correct + right
                on_batch(step - first + 1, self.batches.count)
        total_loss, total_correct = self.ranks.sum(total_loss, correct)
        return {
            "train_loss": total_loss / len(self.batches.labels),
            "train_accuracy": total_correct / len(self.batches.labels),
            "learning_rate": rate,
        }

    def _step(self, batch: Batch, epoch: int) -> tuple[float, int]:
        """One step; returns summed loss and correct answers for the images of this process."""
        target = batch.labels.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, self.bfloat16):
            scores = self.model(batch.images.to(self.device))
        loss = cross_entropy(scores.float(), target)
        if not math.isfinite(loss.item()):
            raise StageFailed(
                f"the training loss became {loss.item()} in epoch {epoch}",
                "a finite number",
                "Lower [train] learning_rate and start again.",
            )
        self.optimiser.zero_grad()
        # gradients are averaged over processes; this factor makes it the mean over the batch
        (loss * (len(target) * self.ranks.size / batch.size)).backward()
        self.optimiser.step()
        return loss.item() * len(target), int((scores.argmax(1) == target).sum())


def evaluate(
    network: GlassNetwork, images: Images, labels: Any = None, batch_size: int = 64
) -> np.ndarray:
    """Scores of images, before softmax.

    Parameters
    ----------
    network : GlassNetwork
        Left in evaluation mode.
    images : array or `sources.Images`
        Numbers of particles per cell, (snapshot, channel, *grid).
    labels : array of int, optional
        Only its length is checked, (snapshot,).
    batch_size : int
        Images per batch.

    Returns
    -------
    ndarray of float32
        (snapshot, class): liquid, glass.

    Raises
    ------
    ValueError
        If the numbers of labels and images differ.
    UsageError
        If an image is not finite or empty.
    """
    if labels is not None and len(labels) != images.shape[0]:
        raise ValueError(f"{len(labels)} labels for {images.shape[0]} images")
    device = network.input_mean.device
    network.eval()
    with torch.inference_mode(), in_blocks(images, batch_size) as blocks:
        scores = [network(block.to(device)).cpu() for block in blocks]
    return torch.cat(scores).numpy()


def _check_images(images: Images) -> None:
    """Read and check all images before the long work."""
    with in_blocks(images) as blocks:
        for _ in blocks:
            pass


def _check_shapes(images: Images, validation_images: Images) -> None:
    wanted, found = (tuple(one.shape[1:]) for one in (images, validation_images))
    if found != wanted:
        raise UsageError(f"validation images of shape {found}", f"{wanted}, as for training")


def _validation(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    loss = cross_entropy(torch.from_numpy(scores), torch.from_numpy(labels)).item()
    accuracy = float(np.mean(scores.argmax(1) == labels))
    return {"validation_loss": loss, "validation_accuracy": accuracy}


def learning_rate(step: int, steps: int, highest: float) -> float:
    """Learning rate of a step: linear warm-up over 1/20 of all steps, then half a cosine."""
    warmup = max(1, steps // 20)
    if step < warmup:
        return highest * (step + 1) / warmup
    return highest * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def best_epoch(history: list[dict[str, float]]) -> int:
    """Epoch, from 1, of the highest validation accuracy, then the lowest validation loss."""
    best = min(history, key=lambda one: (-one["validation_accuracy"], one["validation_loss"]))
    return int(best["epoch"])


def finished(history: list[dict[str, float]], settings: Train) -> bool:
    """Whether all epochs are done, or `patience` epochs after a best one of perfect accuracy."""
    if not history or len(history) >= settings.epochs:
        return bool(history)
    best = best_epoch(history)
    perfect = history[best - 1]["validation_accuracy"] == 1
    return perfect and len(history) - best >= settings.patience


def _seed_epoch(seed: int, epoch: int, rank: int = 0) -> torch.Generator:
    """Seed torch (for dropout) and a generator (for order and augmentation).

    Epoch 0 is for the initial weights.
    """
    for_torch, for_images = np.random.SeedSequence([seed, epoch]).generate_state(2).tolist()
    if rank > 0:  # dropout differs between ranks; order and augmentation do not
        (for_torch,) = np.random.SeedSequence([seed, epoch, rank]).generate_state(1).tolist()
    torch.manual_seed(for_torch)
    return torch.Generator().manual_seed(for_images)


def _new_network(images: Images, settings: Train, seed: int) -> GlassNetwork:
    _seed_epoch(seed, 0)
    return build_network(settings, len(images.shape) - 2, images.shape[1], images.shape[-1])
