"""Explain: the contribution of each particle to the decision of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glassdask.store.stage import Stage

if TYPE_CHECKING:
    from glassdask.campaign import Campaign
    from glassdask.store.layout import Group


class Explain(Stage):
    """Classify every run with every network, and map Gamma onto the particles."""

    name = "explain"
    help = "Stage 5: Gamma of each particle, by Grad-CAM (GPU or CPU)."
    runs_on = "GPU or CPU"
    paper = "III.B, Eqs. 3-4: Γ on particles, the mapping M⁻¹"
    sections = ("explain",)
    reads = ("grid", "train", "equilibrate")
    writes = ("explanations",)

    def upstream(self, campaign: Campaign) -> tuple[str, ...]:
        """With a single class there is no network; then only the quench is needed."""
        from glassdask.store import records

        return super().upstream(campaign) if len(records.states(campaign)) == 2 else ("quench",)

    def groups(self, campaign: Campaign) -> tuple[Group, ...]:
        """Scores and Gamma of every run, and Gamma of equilibrated starts."""
        from glassdask.store import layout, records
        from glassdask.store.starts import expected_samples

        of_starts = "equilibrate" in records.stages(campaign) and "train" in self.upstream(campaign)
        starts = expected_samples(campaign) if of_starts else None
        return (layout.explanations(campaign, starts),)

    def run(self, campaign: Campaign, start_over: bool, options: dict[str, bool]) -> None:
        """Explain on all GPUs of the job, or on the CPU."""
        from glassdask.stages import learning

        learning.run_explain(campaign, start_over)


STAGE = Explain()
