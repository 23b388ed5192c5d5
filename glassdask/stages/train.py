"""Train: networks learn to distinguish liquid and glass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glassdask.store.stage import Stage

if TYPE_CHECKING:
    from glassdask.campaign import Campaign


class Train(Stage):
    """Train [train] seeds networks on the images of the training split."""

    name = "train"
    help = "Stage 4: networks learn to tell liquid from glass (GPU, CPU)."
    runs_on = "GPU or CPU"
    paper = "III.A, Table II"
    sections = ("train",)
    reads = ("grid",)
    record_in = "model"

    def check(self, campaign: Campaign, start_over: bool, retry: bool) -> None:
        """It needs two classes."""
        from glassdask.base.errors import UsageError
        from glassdask.store import records
        from glassdask.store.stage import STAGES

        states = records.states(campaign)
        if len(states) < 2:
            raise UsageError(
                f"train needs liquids and glasses; only the {states[0]} was imported",
                "both states",
                f"Type `{STAGES['quench'].command(campaign)} --start-over`.",
            )

    def left_out(self, campaign: Campaign) -> str:
        """A campaign with one class has no network."""
        from glassdask.store import records

        states = records.states(campaign)
        return "" if len(states) == 2 else f"only the {states[0]} was imported"

    def progress(self, campaign: Campaign) -> str:
        """Finished epochs of all networks."""
        from glassdask.store import networks

        count, epochs = campaign.file.train.seeds, 0
        for network in range(count):
            metrics = networks.folder(campaign, network) / "metrics.csv"
            epochs += len(metrics.read_text("utf-8").splitlines()) - 1 if metrics.exists() else 0
        return f"{epochs}/{count * campaign.file.train.epochs} epochs"

    def run(self, campaign: Campaign, start_over: bool, options: dict[str, bool]) -> None:
        """Train on all GPUs of the job, or on the CPU."""
        from glassdask.stages import learning

        learning.run_train(campaign, start_over)


STAGE = Train()
