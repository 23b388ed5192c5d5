"""Numbers of Oyama, Koyama and Kawasaki (2022), to compare a campaign with."""

from __future__ import annotations

from dataclasses import dataclass, field

from glassdask.campaign import MODELS, Campaign
from glassdask.campaign.analyses import FEATURE_MAP_METHODS
from glassdask.campaign.classes import others
from glassdask.campaign.models import Model

Pair = tuple[str, str]

GAMMA_UPSILON: Pair = ("gradcam", "voronoi_volume")
GAMMA_THETA: Pair = ("gradcam", "tong_tanaka")
THETA_UPSILON: Pair = ("tong_tanaka", "voronoi_volume")
PAIRS = (GAMMA_UPSILON, GAMMA_THETA, THETA_UPSILON)
#: Each indicator of the paper with the local composition; not in the paper.
COMPOSITION: tuple[Pair, ...] = tuple(
    (name, "composition") for name in ("gradcam", "voronoi_volume", "tong_tanaka")
)

PARTICLES, TRAINING_RUNS, COOLING_RATE = 2000, 4000, 8.33e-5
#: Coarse-graining length xi of all quantities of the paper, sigma.
XI = 3.0
#: Highest temperature of the paper's ensemble, in units of T*.
HOTTEST = 1.5


@dataclass(frozen=True)
class Numbers:
    """What the paper states about one of its two models, as text.

    Attributes
    ----------
    accuracy : dict
        Test accuracy by state (Table II).
    correlation : dict
        Mean Pearson correlation by pair and state (section IV.C).
    ordered : bool
        Whether the paper states that |C(Gamma, Theta)| is the smallest of the three.
    largest : str
        C_max(Gamma, 1 - Delta) (section IV.D).
    onset : str
        T*, epsilon/kB (section IV.D).
    """

    accuracy: dict[str, str] = field(default_factory=dict)
    correlation: dict[tuple[Pair, str], str] = field(default_factory=dict)
    ordered: bool = False
    largest: str = ""
    onset: str = ""


#: By `Model.family`: variants of a model have the numbers of the model.
NUMBERS = {
    "abm": Numbers(
        accuracy={"glass": "1.00", "liquid": "1.00"},
        correlation={
            (GAMMA_UPSILON, "glass"): "0.552",
            (GAMMA_THETA, "glass"): "0.403",
            (THETA_UPSILON, "glass"): "0.355",
            (GAMMA_THETA, "liquid"): "negative",
        },
        largest="0.61",
        onset="1.0",
    ),
    "kam": Numbers(
        accuracy={"glass": "1.00", "liquid": "0.998"},
        correlation={
            (GAMMA_UPSILON, "glass"): "negative",
            (GAMMA_THETA, "glass"): "negative",
        },
        ordered=True,
        largest="0.68",
        onset="0.37",
    ),
}


#: Table I as printed, by `Model.family`.
AS_PRINTED = {"abm": MODELS["abm-1.2"], "kam": MODELS["kam-table1"]}


def remark_on_table_one(model: Model) -> str:
    """Where a model of the paper differs from the printed Table I, and what is misprinted there."""
    ours, printed, meant = map(_in_doubt, (model, AS_PRINTED[model.family], MODELS[model.family]))
    doubtful = [name for name in ours if not ours[name] == printed[name] == meant[name]]
    found = []
    for kept, words in (
        (False, "the paper prints"),
        (True, "as printed by the paper, which most likely means"),
    ):
        names = [name for name in doubtful if (ours[name] == printed[name]) == kept]
        theirs = meant if kept else printed
        if names:
            found.append(
                ", ".join(f"{name} {ours[name]}" for name in names)
                + f" ({words} {', '.join(theirs[name] for name in names)})"
            )
    text = (
        " and ".join(found)
        + ": Table I of the paper most likely exchanges the densities of ABM and KAM"
    )
    if model.family == "kam":
        text += " and misprints composition and energies of the KAM"
    return f"{text} (docs/physics/models.md)"


def _in_doubt(model: Model) -> dict[str, str]:
    """The entries of Table I that are in doubt, as text."""
    return {
        "density": f"{model.density:g}",
        "A:B": ":".join(f"{100 * fraction:g}" for fraction in model.fractions),
        "ε_AB": f"{model.epsilon[0][1]:g}",
        "ε_BB": f"{model.epsilon[1][1]:g}",
    }


def differences(campaign: Campaign) -> list[str]:
    """Settings that differ from the paper's, other than size, rate and Table I."""
    model, file = campaign.model, campaign.file
    liquid, glass = campaign.state_temperatures
    start = 4.0 if campaign.imported else file.quench.start_temperature
    theirs = MODELS[model.family]
    layer = file.explain.layer if file.explain.method in FEATURE_MAP_METHODS else -1
    found = [
        f"{name.replace('_', ' ')} {ours} (the paper: {stated})"
        for name, ours, stated in (
            ("T_L", liquid, theirs.liquid_temperature),
            ("T_G", glass, theirs.glass_temperature),
            ("start temperature", start, 4.0),
            ("xi", file.correlate.coarse_graining_length, XI),
            ("explained by", file.explain.method, "gradcam"),
            ("explained class", file.explain.target, "glass"),
            ("explained layer", layer, -1),
        )
        if ours != stated and ours == ours  # NaN: not known
    ]
    symbols = {"liquid": "T_L", "glass": "T_G"}
    found += [
        f"class {state} at {at} (the paper: {symbols[state]})"
        for state, at in others(campaign).items()
    ]
    if file.correlate.species_centred:
        found.append("Γ and indicators without the mean of each species (the paper: with it)")
    if campaign.scheduled:
        found.append("cooling by a schedule (the paper: one rate)")
    if file.quench.liquid_hold_time and not campaign.imported:
        found.append(f"liquid held for {file.quench.liquid_hold_time:g} (the paper: not)")
    if model.reference_lengths != theirs.reference_lengths:
        found.append("reference lengths")
    return found


def numbers(model: Model) -> Numbers:
    """The paper's numbers for a model or its variants; all empty for other models."""
    return NUMBERS.get(model.family, Numbers())


def comparable_numbers(campaign: Campaign, *states: str) -> Numbers:
    """The paper's numbers; all empty if one of these classes has another snapshot than there."""
    if any(state in others(campaign) for state in states):
        return Numbers()
    return numbers(campaign.model)
