"""Training: one script, with a checkpoint after every epoch that holds everything."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from glassdask.campaign.schema import Train
from glassdask.errors import StageFailed
from glassdask.learn.augment import augment
from glassdask.learn.devices import choose_device
from glassdask.learn.files import identity, resume, save_checkpoint, save_weights
from glassdask.learn.files import load_network as load_network
from glassdask.learn.network import GlassNetwork, build_network
from glassdask.learn.ranks import Ranks

Array = np.ndarray | Tensor


def train(
    images: Array,
    labels: Array,
    validation_images: Array,
    validation_labels: Array,
    settings: Train,
    seed: int,
    folder: Path,
    on_epoch: Callable[[int, dict[str, float]], None] = lambda epoch, metrics: None,
    device: str | torch.device | None = None,
) -> GlassNetwork:
    """Train a network, or go on from the checkpoint in `folder`.

    After each epoch `checkpoint.pt` and `metrics.csv` are replaced; at the end
    `weights.safetensors` is written, with the weights of the best epoch: the highest validation
    accuracy, and the lowest validation loss among equals. On the CPU a run that was killed
    and resumed gives the same numbers as an undisturbed one.

    In a process group (see `ranks.join`) each process takes its share of every batch, and the
    gradient is that of the whole batch; rank 0 evaluates and writes.

    Parameters
    ----------
    images, validation_images : array
        Counts or shares of particles, (snapshot, channel, *grid).
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

    Returns
    -------
    GlassNetwork
        With the best weights, in evaluation mode.

    Raises
    ------
    UsageError
        If the checkpoint is damaged or belongs to other settings, seed or data.
    StageFailed
        If the loss is not a finite number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    device = choose_device(device, settings.threads)
    images, labels = torch.as_tensor(images), torch.as_tensor(labels).long()
    validation_labels = torch.as_tensor(validation_labels).long()
    made_for = identity(settings, seed, images)
    ranks = Ranks.of_this_process()

    # by default the state of every GPU is saved, which takes memory of all of them
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        network = ranks.synchronise(_new_network(images, settings, seed), device).to(device)
        optimiser = torch.optim.AdamW(
            network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        history, best = resume(folder, made_for, network, optimiser)
        ranks.agree(len(history), f"epochs in {folder}")
        pass_over = _Pass(network, optimiser, images, labels, settings, seed, ranks)
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
            on_epoch(epoch, history[-1])

    network.load_state_dict(best)
    if ranks.rank == 0:
        save_weights(folder, network)
    return network.eval()


class _Pass:
    """Passes over the training images, this process's share of each batch."""

    def __init__(
        self,
        network: GlassNetwork,
        optimiser: torch.optim.Optimizer,
        images: Tensor,
        labels: Tensor,
        settings: Train,
        seed: int,
        ranks: Ranks,
    ) -> None:
        self.network, self.optimiser, self.ranks = network, optimiser, ranks
        self.images, self.labels, self.settings, self.seed = images, labels, settings, seed
        self.steps = math.ceil(len(images) / settings.batch_size)
        self.model = ranks.wrap(network)

    def epoch(self, epoch: int) -> dict[str, float]:
        """One pass; returns its mean loss and accuracy, and the last rate."""
        # Seeded anew for each epoch, so that a checkpoint needs no random state, of any device.
        generator = _seed_epoch(self.seed, epoch, self.ranks.rank)
        order = torch.randperm(len(self.images), generator=generator)
        total_loss, correct = 0.0, 0
        self.network.train()
        first = (epoch - 1) * self.steps
        for step, batch in enumerate(order.tensor_split(self.steps), start=first):
            highest = self.settings.learning_rate
            rate = learning_rate(step, self.steps * self.settings.epochs, highest)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            loss, right = self._step(batch, generator, epoch)
            total_loss, correct = total_loss + loss, correct + right
        total_loss, total_correct = self.ranks.sum(total_loss, correct)
        return {
            "train_loss": total_loss / len(self.images),
            "train_accuracy": total_correct / len(self.images),
            "learning_rate": rate,
        }

    def _step(self, batch: Tensor, generator: torch.Generator, epoch: int) -> tuple[float, int]:
        """Learn from one batch; summed loss and right answers of this process's images."""
        own, device = self.ranks.share(len(batch)), self.network.input_mean.device
        if self.settings.augmentation:
            chosen = augment(self.images[batch], generator, own)
        else:
            chosen = self.images[batch[own]]
        target = self.labels[batch[own]].to(device)
        scores = self.model(chosen.to(device))
        loss = cross_entropy(scores, target)
        if not math.isfinite(loss.item()):
            raise StageFailed(
                f"The training loss became {loss.item()} in epoch {epoch}",
                "a finite number",
                "Lower [train] learning_rate and train anew.",
            )
        self.optimiser.zero_grad()
        # Gradients are averaged over processes: so it is the mean over the batch, of any shares.
        (loss * (len(target) * self.ranks.size / len(batch))).backward()
        self.optimiser.step()
        return loss.item() * len(target), int((scores.argmax(1) == target).sum())


def evaluate(
    network: GlassNetwork, images: Array, labels: Array | None = None, batch_size: int = 64
) -> np.ndarray:
    """Scores of images, before softmax.

    Parameters
    ----------
    network : GlassNetwork
        Left in evaluation mode.
    images : array
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
    """
    images = torch.as_tensor(images)
    if labels is not None and len(labels) != len(images):
        raise ValueError(f"{len(labels)} labels for {len(images)} images")
    device = network.input_mean.device
    network.eval()
    with torch.inference_mode():
        scores = [network(batch.to(device)).cpu() for batch in images.split(batch_size)]
    return torch.cat(scores).numpy()


def _validation(scores: np.ndarray, labels: Tensor) -> dict[str, float]:
    loss = cross_entropy(torch.from_numpy(scores), labels).item()
    accuracy = float(np.mean(scores.argmax(1) == labels.numpy()))
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


def _new_network(images: Tensor, settings: Train, seed: int) -> GlassNetwork:
    _seed_epoch(seed, 0)
    network = build_network(settings, images.ndim - 2, images.shape[1], images.shape[-1])
    network.standardise(images)
    return network
