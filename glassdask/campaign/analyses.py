"""Tables of the campaign file for the analysis: images, network, correlations, report."""

from __future__ import annotations

from typing import Literal, get_args

from glassdask.campaign.fields import (
    LARGEST,
    Count,
    NonNegative,
    Positive,
    Section,
    Snapshot,
    Text,
    about,
)
from glassdask.physics.indicators import DEFAULTS

Method = Literal["gradcam", "gradcam++", "integrated-gradients"]
Baseline = Literal["mean", "empty"]
Positions = Literal["snapshot", "inherent"]
Figure = Literal[
    "maps", "dynamics", "correlations", "baselines", "every_indicator", "relaxation", "training",
    "cooling", "radial_distribution", "coarse_graining",
]  # fmt: skip
#: The methods that explain the feature maps of a convolution; the others explain the image itself.
FEATURE_MAP_METHODS: tuple[Method, ...] = ("gradcam", "gradcam++")


class Grid(Section):
    """[grid]: the map M from particles to images."""

    spacing: Positive = about("cell side, sigma (not stated in the paper)", default=0.25)
    species_channels: bool = about(
        "true: one channel per species; false: one channel, since the paper's density field "
        "contains no species (not stated explicitly)",
        default=False,
    )
    kernel: Literal["nearest", "cloud-in-cell", "gaussian"] = about(
        "how a particle is spread over cells (not stated in the paper)", default="nearest"
    )
    kernel_width: Positive | None = about("width of the gaussian kernel, sigma", default=None)
    configuration: Positions = about(
        "positions to use: the snapshot or its inherent structure (not in the paper)",
        default="snapshot",
    )


class Indicators(Section):
    """[indicators]: structural indicators of each particle."""

    names: list[Text] = about(
        "names from `glassdask info`; potential_energy and composition are simple baselines for "
        "Gamma",
        default=["voronoi_volume", "tong_tanaka", "potential_energy", "composition"],
        min_length=1,
    )
    modules: list[Text] = about(
        'Python files in this folder with indicators of your own, such as ["mine.py"]', default=[]
    )
    local_density_distance: float = about(
        "radius of the counted disc, sigma (not in the paper)",
        default=DEFAULTS["local_density_distance"],
        gt=0.5,
        le=LARGEST,
    )
    pair_entropy_distance: Positive = about(
        "upper limit of the integral over g(r), sigma (not in the paper)",
        default=DEFAULTS["pair_entropy_distance"],
    )
    pair_entropy_width: float = about(
        "width of the Gaussians that smooth g(r), sigma (not in the paper)",
        default=DEFAULTS["pair_entropy_width"],
        ge=0.001,
        le=LARGEST,
    )
    configuration: Positions = about(
        "positions to use: the snapshot or its inherent structure (not in the paper)",
        default="snapshot",
    )


class Train(Section):
    """[train]: the network; the paper states its shape, not its sizes."""

    classes: list[Snapshot] = about(
        'the two snapshots to classify, the hot one first: "liquid" (at T_L), "glass" (at T_G) '
        "or one of [quench] snapshot_temperatures; docs/howto/training.md",
        default=["liquid", "glass"],
    )
    channels: list[Count] = about(
        "feature maps of the convolutions", default=[8, 8, 8], min_length=1, max_length=100
    )
    kernel_size: int = about("width of a convolution kernel, cells; odd", default=5, ge=1)
    strides: list[Count] = about(
        "of each convolution, cells", default=[1, 1, 1], min_length=1, max_length=100
    )
    normalisation: Literal["batch", "none"] = about(
        "after each convolution; the paper mentions none", default="batch"
    )
    head: Literal["pooled", "dense"] = about(
        "input of the first dense layer: averages over the box, or all cells (as in the paper)",
        default="pooled",
    )
    hidden: Count = about("width of the first dense layer", default=64)
    dropout: float = about("probability, before the last dense layer", default=0.1, ge=0, lt=1)
    epochs: Count = about("passes over the training split", default=250)
    batch_size: int = about("images per batch", default=8, ge=2, le=1_000_000)
    learning_rate: Positive = about("maximum for AdamW; cosine decay", default=1e-2)
    weight_decay: NonNegative = about("of AdamW", default=1e-4)
    augmentation: bool = about(
        "random periodic shifts, rotations by 90 degrees and reflections", default=True
    )
    patience: Count = about(
        "epochs without improvement (validation accuracy, then loss) before training stops; it "
        "stops early only at perfect accuracy",
        default=250,
    )
    seeds: int = about(
        "number of networks, with different random numbers; their spread is the uncertainty of "
        "the maps",
        default=1,
        ge=1,
        le=10_000,
    )
    precision: Literal["auto", "float32", "bfloat16"] = about(
        "of matrix products in training; auto: bfloat16 on GPUs that support it, else float32",
        default="auto",
    )
    streaming: bool = about(
        "read images batch by batch, to save memory; the result is the same",
        default=False,
    )
    threads: int = about("CPU threads; 0: all cores", default=0, ge=0, le=10_000)


class Explain(Section):
    """[explain]: Gamma, the map of what the network looks at, by Grad-CAM or another method."""

    method: Method = about(
        "gradcam (as in the paper), gradcam++ or integrated-gradients", default="gradcam"
    )
    target: Literal["glass", "liquid", "own"] = about(
        "class whose score is explained; own: the class of each snapshot (paper: glass)",
        default="glass",
    )
    layer: int = about(
        "convolution, counted from 0; -1: the last; not used by integrated-gradients", default=-1
    )
    integrated_gradients_baseline: Baseline = about(
        "image at the start of the path: uniform mean density, or empty (not in the paper)",
        default="mean",
    )
    integrated_gradients_steps: int = about(
        "points on the path (not in the paper)", default=100, ge=1, le=1_000_000
    )
    inverse_mapping: Literal["cell", "linear"] = about(
        "M^-1, from a map to particles (not stated in the paper)", default="cell"
    )
    splits: list[Literal["train", "validation", "test"]] = about(
        "splits whose runs are explained", default=["test"], min_length=1, max_length=3
    )
    minimum_accuracy: float = about(
        "networks with a lower test accuracy, of either class, are not explained",
        default=0.9,
        ge=0.5,
        le=1,
    )


class Correlate(Section):
    """[correlate]: fields, correlations and dynamics."""

    coarse_graining_length: Positive = about("xi, sigma", default=3.0)
    coarse_graining_ladder: list[NonNegative] = about(
        "further xi for all correlations, sigma; 0: raw values, no coarse-graining (not in the "
        "paper)",
        default=[0.0, 1.0, 2.0, 3.0, 5.0],
        max_length=100,
    )
    species_centred: bool = about(
        "true: subtract from Gamma and each indicator the mean of the particle's species in the "
        "snapshot, before coarse-graining, so that composition does not count (not in the paper)",
        default=False,
    )
    wave_number: Positive = about(
        "q of the self-intermediate scattering, sigma^-1 (not in the paper)", default=7.2
    )
    overlap_distance: Positive = about(
        "a of the overlap Q(t), sigma (not in the paper)", default=0.3
    )
    bond_length: Positive = about(
        "particles closer than this are bonded, in sigma_ij (not in the paper)", default=1.4
    )
    broken_bond_length: Positive = about(
        "a bond longer than this is broken, in sigma_ij (not in the paper)", default=1.7
    )
    bootstrap: int = about(
        "bootstrap resamples of the replicas for the interval of C(., 1 - Delta) (not in the "
        "paper)",
        default=1000,
        ge=1,
        le=1_000_000,
    )
    chance_draws: int = about(
        "random shifts, rotations and reflections of a map, for the correlation by chance (not in "
        "the paper)",
        default=200,
        ge=20,
        le=100_000,
    )
    supervised: bool = about(
        "true: predict the propensity of each start by ridge regression on structural descriptors, "
        "trained on the other starts, at least three in all: how much of it structure can predict "
        "(not in the paper)",
        default=False,
    )
    radial_distance: Positive | None = about(
        "largest r of g(r) in the linear model, sigma; default: 5, or nearly half the box if that "
        "is smaller (not in the paper)",
        default=None,
    )
    radial_bin: float = about(
        "bin width of g(r), sigma (not in the paper)", default=0.1, ge=0.001, le=LARGEST
    )


class Report(Section):
    """[report]: figures and the table."""

    figures: list[Figure] = about(
        "figures to draw, if the campaign has the data; fewer are faster, e.g. in a scan",
        default=list(get_args(Figure)),
        max_length=len(get_args(Figure)),
    )
    map_sample: int = about(
        "run shown in the maps; -1: the first run of the propensity ensemble", default=-1, ge=-1
    )
    heating_time: NonNegative = about(
        "the thermostat heats a glass of the ensemble until then; earlier frames do not count for "
        "the largest correlation with 1 - Delta, sigma sqrt(m/epsilon) (not stated in the paper)",
        default=3.0,
    )
    kink_temperatures: list[Positive] | None = about(
        "[low, high], range of the fit of T* to e(T), epsilon/kB; default: T_G to T_L (not in the "
        "paper)",
        default=None,
    )


class Dask(Section):
    """[dask]: worker processes of the analysis stages; results do not depend on them."""

    workers: int = about("worker processes; 0: one per core", default=0, ge=0, le=100_000)
    memory_per_worker: Text = about(
        'such as "4GiB"; auto: equal shares of the memory', default="auto"
    )
