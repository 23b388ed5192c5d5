"""Numbers of Oyama, Koyama and Kawasaki (2022) that a campaign is held against."""

from __future__ import annotations

from dataclasses import dataclass, field

Pair = tuple[str, str]

GAMMA_UPSILON: Pair = ("gradcam", "voronoi_volume")
GAMMA_THETA: Pair = ("gradcam", "tong_tanaka")
THETA_UPSILON: Pair = ("tong_tanaka", "voronoi_volume")
PAIRS = (GAMMA_UPSILON, GAMMA_THETA, THETA_UPSILON)

PARTICLES, TRAINING_RUNS, COOLING_RATE = 2000, 4000, 8.33e-5
#: Highest temperature of the ensemble, T*.
HOTTEST = 1.5


@dataclass(frozen=True)
class Numbers:
    """What the paper states of one model, as text.

    Attributes
    ----------
    accuracy : dict
        Test accuracy by state (Table II).
    correlation : dict
        Mean Pearson correlation by pair and state (section IV.C).
    ordered : bool
        Whether |C(Gamma, Upsilon)| > |C(Theta, Upsilon)| > |C(Gamma, Theta)| is stated.
    largest : str
        C_max(Gamma, 1 - Delta) (section IV.D).
    """

    accuracy: dict[str, str] = field(default_factory=dict)
    correlation: dict[tuple[Pair, str], str] = field(default_factory=dict)
    ordered: bool = False
    largest: str = ""


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
    ),
    "kam": Numbers(
        accuracy={"glass": "1.00", "liquid": "0.998"},
        correlation={
            (GAMMA_UPSILON, "glass"): "negative",
            (GAMMA_THETA, "glass"): "negative",
        },
        ordered=True,
        largest="0.68",
    ),
}


def numbers(model: str) -> Numbers:
    """The paper's numbers for a model; all empty for one that it does not have."""
    return NUMBERS.get(model, Numbers())
