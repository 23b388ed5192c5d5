"""Training: one script, with a checkpoint after every epoch that holds everything."""

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
) -> GlassNetwork:
    """Train a network, or go on from the checkpoint in `folder`.

    After each epoch `checkpoint.pt` and `metrics.csv` are replaced and a point is added to the
    curves in `tensorboard/`; at the end `weights.safetensors` is written, with the weights of the
    best epoch: the highest validation accuracy, and the lowest validation loss among equals. On
    the CPU a run that was killed and resumed gives the same numbers as an undisturbed one.

    In a process group (see `ranks.join`) each process takes its share of every batch, and the
    gradient is that of the whole batch; rank 0 evaluates and writes.

    Parameters
    ----------
    images, validation_images : array, or what is read like one
        Counts or shares of particles, (snapshot, channel, *grid). A few batches at a time are
        read, by a thread, ahead of the network; see `sources.Images`.
    labels, validation_labels : array of int
        0 = liquid, 1 = glass, (snapshot,).
    settings : Train
        The [train] section of the campaign file.
    seed : int
        Every random number follows from it.
    folder : Path
        Where the files are written; made if it is not there.
    on_epoch : callable
        Called with the epoch, from 1, and its metrics, after its checkpoint is complete; it
        may raise to stop early.
    device : optional
        CUDA if there is one, else the CPU.
    data : str
        A name of the images that no others share; a checkpoint of others is refused.

    Returns
    -------
    GlassNetwork
        With the best weights, in evaluation mode.

    Raises
    ------
    UsageError
        If the checkpoint is damaged or belongs to other settings, seed or data; before anything
        is learnt, if images are not finite or empty, if there are none, or if labels are not
        both 0 and 1.
    StageFailed
        If the loss is not a finite number.
    """
    labels = check_split(images, labels, "training")
    validation_labels = check_split(validation_images, validation_labels, "validation")
    _check_shapes(images, validation_images)
    folder.mkdir(parents=True, exist_ok=True)
    device, ranks = choose_device(device, settings.threads), Ranks.of_this_process()
    made_for = identity(settings, seed, images.shape, len(validation_labels), data)

    # by default the state of every GPU is saved, which takes memory of all of them
    forked = torch.random.fork_rng([device] if device.type == "cuda" else [])
    with forked, ExitStack() as stack:
        network = ranks.synchronise(_new_network(images, settings, seed), device).to(device)
        optimiser = torch.optim.AdamW(
            network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        history, best = resume(folder, made_for, network, optimiser)
        ranks.agree(len(history), f"epochs in {folder}")
        if ranks.rank == 0 and not history:
            network.standardise(images)  # the others get it when the network is wrapped
            _read_through(validation_images)
        pass_over = _Pass(network, optimiser, Batches(images, labels, settings, ranks), seed)
        curves = stack.enter_context(Curves(folder, history, ranks.rank == 0))
        while not finished(history, settings):
            began, epoch = time.monotonic(), len(history) + 1
            metrics: dict[str, float] = {"epoch": epoch} | pass_over.epoch(epoch)
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
        save_metrics(folder, history)  # a kill may have come between checkpoint and metrics
        save_weights(folder, network)
    return network.eval()


class _Pass:
    """Passes over the training images, this process's share of each batch."""

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

    def epoch(self, epoch: int) -> dict[str, float]:
        """One pass; returns its mean loss and accuracy, and the last rate."""
        # Seeded anew for each epoch, so that a checkpoint needs no random state, of any device.
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
        total_loss, total_correct = self.ranks.sum(total_loss, correct)
        return {
            "train_loss": total_loss / len(self.batches.labels),
            "train_accuracy": total_correct / len(self.batches.labels),
            "learning_rate": rate,
        }

    def _step(self, batch: Batch, epoch: int) -> tuple[float, int]:
        """Learn from one batch; summed loss and right answers of this process's images."""
        target = batch.labels.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, self.bfloat16):
            scores = self.model(batch.images.to(self.device))
        loss = cross_entropy(scores.float(), target)
        if not math.isfinite(loss.item()):
            raise StageFailed(
                f"The training loss became {loss.item()} in epoch {epoch}",
                "a finite number",
                "Lower [train] learning_rate and train anew.",
            )
        self.optimiser.zero_grad()
        # Gradients are averaged over processes: so it is the mean over the batch, of any shares.
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
    images : array, or what is read like one
        Counts or shares of particles, (snapshot, channel, *grid).
    labels : array of int, optional
        Only its length is checked, (snapshot,).
    batch_size : int
        Images at a time.

    Returns
    -------
    ndarray of float32
        (snapshot, class): liquid, glass.

    Raises
    ------
    ValueError
        If there are not as many labels as images.
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


def _read_through(images: Images) -> None:
    """Have images checked before the long work."""
    with in_blocks(images) as blocks:
        for _ in blocks:
            pass


def _check_shapes(images: Images, validation_images: Images) -> None:
    wanted, found = (tuple(one.shape[1:]) for one in (images, validation_images))
    if found != wanted:
        raise UsageError(f"validation images of shape {found}", f"{wanted}, as those of training")


def _validation(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    loss = cross_entropy(torch.from_numpy(scores), torch.from_numpy(labels)).item()
    accuracy = float(np.mean(scores.argmax(1) == labels))
    return {"validation_loss": loss, "validation_accuracy": accuracy}


def learning_rate(step: int, steps: int, highest: float) -> float:
    """Rate of a step, from 0: linear warm-up over a twentieth of all steps, then a half cosine."""
    warmup = max(1, steps // 20)
    if step < warmup:
        return highest * (step + 1) / warmup
    return highest * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def best_epoch(history: list[dict[str, float]]) -> int:
    """Epoch, from 1, of the highest validation accuracy, then the lowest validation loss."""
    best = min(history, key=lambda one: (-one["validation_accuracy"], one["validation_loss"]))
    return int(best["epoch"])


def finished(history: list[dict[str, float]], settings: Train) -> bool:
    """Whether all epochs are done, or `patience` of them since a perfect one without progress."""
    if not history or len(history) >= settings.epochs:
        return bool(history)
    best = best_epoch(history)
    perfect = history[best - 1]["validation_accuracy"] == 1
    return perfect and len(history) - best >= settings.patience


def _seed_epoch(seed: int, epoch: int, rank: int = 0) -> torch.Generator:
    """Seed torch (for dropout) and a generator (for order and augmentation); 0: first weights."""
    for_torch, for_images = np.random.SeedSequence([seed, epoch]).generate_state(2).tolist()
    if rank > 0:  # dropout differs between ranks, what is done with the batch does not
        (for_torch,) = np.random.SeedSequence([seed, epoch, rank]).generate_state(1).tolist()
    torch.manual_seed(for_torch)
    return torch.Generator().manual_seed(for_images)


def _new_network(images: Images, settings: Train, seed: int) -> GlassNetwork:
    _seed_epoch(seed, 0)
    return build_network(settings, len(images.shape) - 2, images.shape[1], images.shape[-1])
