"""The stages of the network: `train` and `explain`, on all GPUs of the job, else on the CPU."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from glassdask.base import live
from glassdask.base.devices import (
    Devices,
    choose_device,
    cores,
    find_devices,
    useful_devices,
    uses_bfloat16,
    without_cuda,
)
from glassdask.base.logs import warn
from glassdask.base.progress import Progress
from glassdask.campaign import Campaign
from glassdask.network.explaining import Explainer
from glassdask.network.ranks import Ranks
from glassdask.network.splits import count_images, read_split
from glassdask.network.train import train
from glassdask.run.torch import job_nodes, on_several
from glassdask.store import groups, jobs, layout, networks, records
from glassdask.store.blocks import BlockStatus
from glassdask.store.stage import STAGES

logger = logging.getLogger("glassdask")

#: Called with the first run of a block, the one after its last, and the status of its runs.
OnBlock = Callable[[int, int, np.ndarray], None]


def run_train(campaign: Campaign, start_over: bool = False, devices: Devices | None = None) -> None:
    """Train each network on the training split, or continue from its last epoch.

    Parameters
    ----------
    campaign : Campaign
    start_over : bool
        Delete earlier results first.
    devices : Devices, optional
        By default all GPUs of the job, or the CPU of this node.

    Raises
    ------
    StageFailed
        When a split has no finished run, or a process is lost.
    """
    record, fresh = jobs.begin(campaign, "train", start_over)
    if fresh:
        jobs.create(campaign, "train", record)
    found = devices or find_devices(job_nodes())
    batch = campaign.file.train.batch_size
    used = useful_devices(found, count_images(campaign, "train"), batch)
    if found.count > 1:
        few = "" if used == found else f" of {found}, since a batch has at most {batch} images"
        _say("train", f"on {used}{few}")
    _occupy(campaign, used)
    if used.count > 1:
        on_several(campaign, "train", "train", used)
    else:
        fit(campaign, choose_device(used.kind, campaign.file.train.threads))
    jobs.complete(campaign, "train", _notes(used))


def fit(campaign: Campaign, device: torch.device) -> None:
    """Train on one device, alone or as one process of several."""
    ranks, settings = Ranks.of_this_process(), campaign.file.train
    number = "bfloat16" if uses_bfloat16(settings.precision, device) else "float32"
    logger.info("training on %s in %s, process %d of %d", device, number, ranks.rank, ranks.size)
    training, validation = (
        read_split(campaign, split, settings.streaming) for split in ("train", "validation")
    )
    if ranks.size == 1 and device.type == "cpu":
        warn(without_cuda("train"))
    data = (records.read(campaign, "grid") or {}).get("token", "")
    count = settings.seeds
    with Progress("train", "epochs", count * settings.epochs) as progress:
        for network in range(count):
            which = f"network {network + 1} of {count}" if count > 1 else ""
            if ranks.rank == 0:
                progress.update(progress.done, which)

            def on_epoch(
                epoch: int, metrics: dict[str, float], network: int = network, which: str = which
            ) -> None:
                if ranks.rank == 0:
                    logger.info("network %d, epoch %d: %s", network, epoch, metrics)
                    note = f"validation accuracy {metrics['validation_accuracy']:.3f}"
                    note = f"{which}, {note}" if which else note
                    progress.update(network * settings.epochs + epoch, note)

            def on_batch(batch: int, of: int) -> None:
                if ranks.rank == 0:
                    progress.update(progress.done, part=batch / of)

            seed, folder = networks.seed(campaign, network), networks.folder(campaign, network)
            train(*training, *validation, settings, seed, folder, on_epoch, device, data, on_batch)


def run_explain(
    campaign: Campaign, start_over: bool = False, devices: Devices | None = None
) -> None:
    """Write scores of every run, and Gamma of [explain] splits for networks that are good enough.

    Parameters
    ----------
    campaign : Campaign
    start_over : bool
        Delete earlier results first.
    devices : Devices, optional
        By default all GPUs of the job, or the CPU of this node.
    """
    record, fresh = jobs.begin(campaign, "explain", start_over)
    if len(records.states(campaign)) < 2:
        _leave_unexplained(campaign, record, fresh)
        return
    work = _Explanation(campaign, devices or find_devices(job_nodes()), fresh)
    _occupy(campaign, work.devices)
    found = work.test_accuracy() if fresh else record
    if fresh:
        jobs.create(campaign, "explain", record, STAGES["explain"].groups(campaign), found)
    learnt = [k for k, good in enumerate(found["learnt_by_network"]) if good]
    if not learnt:
        print(f"explain: {found['reason']}; no maps are made", flush=True)
    elif found["reason"]:
        print(f"explain: {found['reason']}; left out of the maps", flush=True)
    status = BlockStatus(campaign, "explanations")
    with Progress(
        "explain", "blocks", status.total, status.total - len(status.pending)
    ) as progress:

        def on_block(low: int, high: int, of_runs: np.ndarray) -> None:
            # only this process writes the status, so two processes never write the same file
            status.put((low, high), of_runs)
            progress.advance()

        try:
            work.explain(status.pending, learnt, on_block)
        finally:
            status.close()
    if "equilibrate" in records.stages(campaign):
        work.explain_starts(learnt)
    jobs.complete(campaign, "explain", _notes(work.devices))


class _Explanation:
    """Computes scores and maps, in this process or in one process per device."""

    def __init__(self, campaign: Campaign, devices: Devices, fresh: bool) -> None:
        self.campaign = campaign
        blocks = layout.sample_blocks(campaign)
        pending = blocks if fresh else BlockStatus(campaign, "explanations").pending
        self.devices = devices.at_most(len(pending))
        self._explainer: Explainer | None = None
        if self.devices.count > 1:
            _say("explain", f"on {self.devices}")

    def test_accuracy(self) -> dict[str, Any]:
        """As `Explainer.test_accuracy`."""
        if self.devices.count == 1:
            return self._here().test_accuracy()
        found: dict[str, Any] = {}
        # in a child: on some clusters only one process can use a GPU, and later ones need it
        on_several(self.campaign, "explain", "score", Devices(self.devices.kind), found.update)
        return found

    def explain(self, todo: list[tuple[int, int]], learnt: list[int], on_block: OnBlock) -> None:
        """Write blocks of runs, as `Explainer.explain`; each process does whole blocks."""
        if not todo:
            return
        if self.devices.count == 1:
            explainer = self._here()
            for low, high in todo:
                on_block(low, high, explainer.explain(low, high, learnt))
            return

        def on_message(block: dict[str, Any]) -> None:
            on_block(block["low"], block["high"], np.array(block["status"]))

        words = ["--blocks", ",".join(str(low) for low, _ in todo)]
        words += ["--learnt", ",".join(map(str, learnt))] if learnt else []
        on_several(self.campaign, "explain", "explain", self.devices, on_message, words)

    def explain_starts(self, learnt: list[int]) -> None:
        """As `Explainer.explain_starts`."""
        if self.devices.count == 1:
            self._here().explain_starts(learnt)
            return
        words = ["--learnt", ",".join(map(str, learnt))] if learnt else []
        on_several(self.campaign, "explain", "starts", Devices(self.devices.kind), words=words)

    def _here(self) -> Explainer:
        """The networks in this process, loaded on first use."""
        if self._explainer is None:
            device = choose_device(self.devices.kind, self.campaign.file.train.threads)
            self._explainer = Explainer(self.campaign, device)
        return self._explainer


def _leave_unexplained(campaign: Campaign, record: dict[str, Any], fresh: bool) -> None:
    """Complete the stage without scores and maps, since there is only one class."""
    if fresh:
        reason = f"only the {records.states(campaign)[0]} was imported: no network"
        found = {"learnt": False, "learnt_by_network": [], "reason": reason}
        jobs.create(campaign, "explain", record, STAGES["explain"].groups(campaign), found)
        print(f"explain: {reason}, so no maps are made", flush=True)
    done = groups.values(campaign.store, "configurations", "run_status")
    groups.array(campaign.store, "explanations", "run_status")[...] = done
    jobs.complete(campaign, "explain")


def _occupy(campaign: Campaign, devices: Devices) -> None:
    """Count the threads of all processes, and their GPUs."""
    threads = campaign.file.train.threads or max(1, cores() // devices.per_node)
    gpus = devices.count if devices.kind == "cuda" else 0
    live.occupy(threads * devices.count, gpus, children=devices.count > 1)


def _say(stage: str, text: str) -> None:
    logger.info(text)
    print(f"{stage}: {text}", flush=True)


def _notes(devices: Devices) -> dict[str, Any]:
    """The devices of a stage, for its record."""
    return {"device": devices.kind, "devices": devices.count}
