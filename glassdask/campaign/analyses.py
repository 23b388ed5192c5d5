"""Tables of the campaign file for what follows from the runs: images, network, correlations."""

from __future__ import annotations

from typing import Literal

from glassdask.campaign.fields import (
    Count,
    NonNegative,
    Positive,
    Section,
    Snapshot,
    about,
)
from glassdask.physics.indicators import DEFAULTS

Method = Literal["gradcam", "gradcam++", "integrated-gradients"]
Baseline = Literal["mean", "empty"]
Positions = Literal["snapshot", "inherent"]
#: The methods that explain the feature maps of a convolution; the others explain the image itself.
FEATURE_MAP_METHODS: tuple[Method, ...] = ("gradcam", "gradcam++")


class Grid(Section):
    """[grid]: M, from particles to images."""

    spacing: Positive = about("cell side, sigma (not stated in the paper)", default=0.25)
    species_channels: bool = about(
        "true: one channel per species; false: one channel, since the paper's density field "
        "contains no species (not stated outright)",
        default=False,
    )
    kernel: Literal["nearest", "cloud-in-cell", "gaussian"] = about(
        "which cells a particle counts in (not stated in the paper)", default="nearest"
    )
    kernel_width: Positive | None = about("gaussian: its width, sigma", default=None)
    configuration: Positions = about(
        "images of each snapshot or of its inherent structure (not in the paper)",
        default="snapshot",
    )


class Indicators(Section):
    """[indicators]: structural indicators of each particle."""

    names: list[str] = about(
        "which ones; see `glassdask info`. potential_energy is the cheap baseline beside Gamma",
        default=["voronoi_volume", "tong_tanaka", "potential_energy"],
        min_length=1,
    )
    modules: list[str] = about(
        'Python files in this folder with indicators of your own, such as ["mine.py"]', default=[]
    )
    local_density_distance: float = about(
        "sigma (not in the paper)", default=DEFAULTS["local_density_distance"], gt=0.5
    )
    pair_entropy_distance: Positive = about(
        "end of the integral over g(r), sigma (not in the paper)",
        default=DEFAULTS["pair_entropy_distance"],
    )
    pair_entropy_width: float = about(
        "of the Gaussians that make g(r) smooth, sigma (not in the paper)",
        default=DEFAULTS["pair_entropy_width"],
        ge=0.001,
    )
    configuration: Positions = about(
        "of each snapshot or of its inherent structure (not in the paper)", default="snapshot"
    )


class Train(Section):
    """[train]: the network; the paper states its shape, not its sizes."""

    classes: list[Snapshot] = about(
        'the two snapshots to tell apart (first the hot one): "liquid" (at T_L), "glass" (at T_G) '
        "or one of [quench] snapshot_temperatures; docs/training.md",
        default=["liquid", "glass"],
    )
    channels: list[Count] = about(
        "feature maps of the convolutions", default=[8, 8, 8], min_length=1
    )
    kernel_size: int = about("odd; cells", default=5, ge=1)
    strides: list[Count] = about("one for each convolution", default=[1, 1, 1], min_length=1)
    normalisation: Literal["batch", "none"] = about(
        "after each convolution; the paper mentions none", default="batch"
    )
    head: Literal["pooled", "dense"] = about(
        "average over the box, or all cells (the paper's) into the first full layer",
        default="pooled",
    )
    hidden: Count = about("width of the first full layer", default=64)
    dropout: float = about("before the last full layer", default=0.1, ge=0, lt=1)
    epochs: Count = about("passes over the training split", default=250)
    batch_size: int = about("images", default=8, ge=2)
    learning_rate: Positive = about("Adam's, at its highest; cosine decay", default=1e-2)
    weight_decay: NonNegative = about("AdamW", default=1e-4)
    augmentation: bool = about(
        "random periodic shifts, rotations by 90 degrees and reflections", default=True
    )
    patience: Count = about(
        "stop so many epochs after the best one (accuracy, then loss, of the validation split), "
        "if its accuracy is perfect",
        default=250,
    )
    seeds: Count = about(
        "networks, each of its own random numbers: how far their maps agree says how far to "
        "trust one",
        default=1,
    )
    precision: Literal["auto", "float32", "bfloat16"] = about(
        "of the network's products in training; auto: bfloat16 on GPUs that have it, else float32",
        default="auto",
    )
    streaming: bool = about(
        "read images from the store as batches need them, not all of them into memory at first; "
        "the result is the same",
        default=False,
    )
    threads: int = about("of the CPU; 0: all cores", default=0, ge=0)


class Explain(Section):
    """[explain]: Gamma, what the network looked at, by Grad-CAM or another method."""

    method: Method = about(
        "gradcam (the paper's), gradcam++ or integrated-gradients", default="gradcam"
    )
    target: Literal["glass", "liquid", "own"] = about(
        "class whose score is explained; own: each snapshot's (the paper: glass, for glasses)",
        default="glass",
    )
    layer: int = about(
        "convolution, counted from 0; -1: the last; integrated-gradients uses none", default=-1
    )
    integrated_gradients_baseline: Baseline = about(
        "image that its path begins at: the mean density everywhere, or empty (not in the paper)",
        default="mean",
    )
    integrated_gradients_steps: Count = about("points on its path (not in the paper)", default=50)
    inverse_mapping: Literal["cell", "linear"] = about(
        "M^-1, from map to particles (not stated in the paper)", default="cell"
    )
    splits: list[Literal["train", "validation", "test"]] = about(
        "which runs to explain", default=["test"], min_length=1
    )
    minimum_accuracy: float = about(
        "test accuracy of the worse class; below, nothing is explained",
        default=0.9,
        ge=0.5,
        le=1,
    )


class Correlate(Section):
    """[correlate]: fields, correlations and dynamics."""

    coarse_graining_length: Positive = about("xi, sigma", default=3.0)
    coarse_graining_ladder: list[NonNegative] = about(
        "further xi of the correlations with 1 - Delta, sigma; 0: not coarse-grained (not in the "
        "paper)",
        default=[0.0, 1.0, 2.0, 3.0, 5.0],
    )
    wave_number: Positive = about(
        "q of the self-intermediate scattering, sigma^-1 (not in the paper)", default=7.2
    )
    overlap_distance: Positive = about(
        "a of the overlap Q(t), sigma (not in the paper)", default=0.3
    )
    bond_length: Positive = about(
        "particles nearer than this are bonded, in sigma_ij (not in the paper)", default=1.4
    )
    broken_bond_length: Positive = about(
        "a bond longer than this is broken, in sigma_ij (not in the paper)", default=1.7
    )
    bootstrap: Count = about(
        "resamples of the replicas for the interval of C with 1 - Delta (not in the paper)",
        default=1000,
    )
    radial_distance: Positive | None = about(
        "end of g(r) for the linear model beside the network, sigma; 5, or nearly half a smaller "
        "box, if left out (not in the paper)",
        default=None,
    )
    radial_bin: float = about("width of its bins, sigma (not in the paper)", default=0.1, ge=0.001)


class Report(Section):
    """[report]: figures and the table."""

    map_sample: int = about(
        "run to draw; -1: the first glass of the propensity ensemble", default=-1, ge=-1
    )
    kink_temperatures: list[Positive] | None = about(
        "low, high: where T* is looked for on cooling, epsilon/kB; T_G to T_L if left out (not in "
        "the paper)",
        default=None,
    )


class Dask(Section):
    """[dask]: the cluster of the analysis stages; changes no result."""

    workers: int = about("worker processes; 0: one a core", default=0, ge=0)
    memory_per_worker: str = about('such as "4GiB"; auto: an equal share', default="auto")
