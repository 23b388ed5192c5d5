"""Integrated gradients of a batch: the contribution of each cell to the score of a class."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from glassdask.base.errors import UsageError
from glassdask.base.logs import warn
from glassdask.campaign.analyses import Baseline
from glassdask.network.network import GlassNetwork

#: Largest error of completeness without a warning, relative to the largest difference of scores.
TOLERANCE = 0.05


def integrated_gradients(
    network: GlassNetwork, images: Tensor, target: Tensor, baseline: Baseline, steps: int
) -> tuple[Tensor, Tensor]:
    """Integrated gradients of one batch; see `explanations.explain_images`, which checks its input.

    L = sum over the channels of (x - x') integral_0^1 d y^C / d x (x' + t (x - x')) dt for the
    image x, the baseline x' and the score y^C before softmax: M. Sundararajan, A. Taly and Q. Yan,
    ICML 2017 (arXiv:1703.01365), Eq. (1). captum computes it with Gauss-Legendre points t. The sum
    of L over the cells is y^C(x) - y^C(x') (completeness), if there are enough points; a warning
    is given once if the error exceeds `TOLERANCE`.

    Parameters
    ----------
    network : GlassNetwork
        In evaluation mode.
    images : Tensor
        On the device of the network, (snapshot, channel, *grid).
    target : Tensor of int
        C, 0 = liquid, 1 = glass, (snapshot,).
    baseline : {"mean", "empty"}
        x': in every cell the mean of the channel over the training images, or 0.
    steps : int
        Points of the integral.

    Returns
    -------
    maps : Tensor
        L, in units of the score, of either sign, (snapshot, *grid).
    scores : Tensor
        (snapshot, class).

    Raises
    ------
    UsageError
        When captum is not installed.
    """
    try:
        from captum.attr import IntegratedGradients  # takes 1 s, and only this method needs it
    except ImportError:
        again = "Type `pip install 'glassdask[learn]'`."
        raise UsageError("Python cannot find captum", "captum", again) from None
    values = images.to(network.input_mean.dtype)
    start = baseline_image(network, baseline).expand_as(values[:1])
    found = IntegratedGradients(network).attribute(
        values, start, target, n_steps=steps, internal_batch_size=len(values)
    )
    maps = found.detach().sum(1)
    with torch.no_grad():
        scores = network(values)
        gained = (scores - network(start)).gather(1, target[:, None])[:, 0]
    if (maps.flatten(1).sum(1) - gained).abs().max() > TOLERANCE * gained.abs().max():
        _warn_of_gap(steps)
    return maps, scores


@functools.cache
def _warn_of_gap(steps: int) -> None:
    """Warn only once, not for each batch."""
    warn(
        f"integrated gradients with {steps} points miss more than {TOLERANCE:.0%} of the "
        "difference of scores; raise [explain] integrated_gradients_steps"
    )


def baseline_image(network: GlassNetwork, baseline: Baseline) -> Tensor:
    """The value of each channel in every cell of the baseline, (1, channel, 1, 1[, 1])."""
    mean = network.input_mean
    return mean if baseline == "mean" else torch.zeros_like(mean)
