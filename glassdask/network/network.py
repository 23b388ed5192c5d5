"""The network: convolutions with periodic boundaries, then two fully connected layers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from glassdask.base.errors import UsageError
from glassdask.campaign.analyses import Train
from glassdask.campaign.resolved import check_maps, map_cells
from glassdask.network.sources import Images, in_blocks

CLASSES = ("liquid", "glass")
_CONVOLUTION: dict[int, type[nn.Conv2d] | type[nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
_NORMALISATION: dict[int, type[nn.BatchNorm2d] | type[nn.BatchNorm3d]] = {
    2: nn.BatchNorm2d,
    3: nn.BatchNorm3d,
}


class GlassNetwork(nn.Module):
    """Scores of liquid and glass from a density image, in two or three dimensions.

    Three convolutions with ReLU, no pooling between them, circular padding, then fully
    connected, dropout, fully connected: Oyama, Koyama and Kawasaki, Front. Phys. 10:1007861
    (2022). There is no softmax, since Grad-CAM needs the scores before it. Use `build_network`,
    which checks the sizes.

    Parameters
    ----------
    settings : Train
        The [train] section of the campaign file.
    dimension : int
        2 or 3.
    channels : int
        Channels of the images.
    cells : int
        Cells of the images along each axis.

    Attributes
    ----------
    activations : ModuleList
        The ReLU after each convolution; its output is the feature maps of that convolution.
    strides : list of int
        Stride of each convolution.
    """

    input_mean: Tensor
    input_std: Tensor

    def __init__(self, settings: Train, dimension: int, channels: int, cells: int) -> None:
        super().__init__()
        self.dimension = dimension
        self.strides = list(settings.strides)
        widths = [channels, *settings.channels]
        batch = settings.normalisation == "batch"
        self.convolutions = nn.ModuleList(
            _CONVOLUTION[dimension](
                before,
                after,
                settings.kernel_size,
                stride=stride,
                padding=settings.kernel_size // 2,
                padding_mode="circular",
                # batch normalisation would remove a bias
                bias=not batch,
            )
            for before, after, stride in zip(widths[:-1], widths[1:], self.strides, strict=True)
        )
        self.normalisations = nn.ModuleList(
            _NORMALISATION[dimension](width) if batch else nn.Identity() for width in widths[1:]
        )
        self.activations = nn.ModuleList(nn.ReLU() for _ in widths[1:])
        if settings.head == "pooled":
            self.reduce: nn.Module = _BoxAverage()
            features = widths[-1]
        else:
            self.reduce = nn.Flatten()
            features = widths[-1] * map_cells(cells, self.strides) ** dimension
        self.head = nn.Sequential(
            nn.Linear(features, settings.hidden),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.hidden, len(CLASSES)),
        )
        each_channel = (1, channels, *[1] * dimension)
        self.register_buffer("input_mean", torch.zeros(each_channel))
        self.register_buffer("input_std", torch.ones(each_channel))

    def standardise(self, images: Images) -> None:
        """Set `input_mean` and `input_std` from the training images (snapshot, channel, *grid)."""
        axes = [0, *range(2, len(images.shape))]
        count = math.prod(images.shape) / images.shape[1]
        total = torch.zeros(images.shape[1], dtype=torch.float64)
        squares = torch.zeros_like(total)
        # in blocks, since all images as doubles would take eight times the memory
        with in_blocks(images) as blocks:
            for block in blocks:
                values = block.to(torch.float64)
                total += values.sum(axes)
                squares += (values**2).sum(axes)
        mean = total / count
        std = (squares / count - mean**2).clamp(min=0).sqrt()
        std[std == 0] = 1.0  # for a constant channel
        self.input_mean.copy_(mean.reshape(self.input_mean.shape))
        self.input_std.copy_(std.reshape(self.input_std.shape))

    def forward(self, images: Tensor) -> Tensor:
        """Scores (snapshot, class) of images (snapshot, channel, *grid) of any number type."""
        last = len(self.activations) - 1
        return self.scores_of_maps(self.feature_maps(images, last), last)

    def feature_maps(self, images: Tensor, layer: int) -> Tensor:
        """Output (snapshot, feature, *map) of the ReLU after convolution `layer`, from 0."""
        values = (images.to(self.input_mean.dtype) - self.input_mean) / self.input_std
        return self._convolve(values, 0, layer + 1)

    def scores_of_maps(self, maps: Tensor, layer: int) -> Tensor:
        """Scores (snapshot, class) from the feature maps of convolution `layer`, from 0."""
        maps = self._convolve(maps, layer + 1, len(self.activations))
        return self.head(self.reduce(maps))

    def _convolve(self, values: Tensor, first: int, end: int) -> Tensor:
        for k in range(first, end):
            values = self.activations[k](self.normalisations[k](self.convolutions[k](values)))
        return values


class _BoxAverage(nn.Module):
    """Mean of each feature map over the box: (snapshot, feature, *map) to (snapshot, feature)."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.flatten(2).mean(2)


def build_network(settings: Train, dimension: int, channels: int, cells: int) -> GlassNetwork:
    """Make an untrained network; its weights depend on torch's random state.

    Parameters
    ----------
    settings : Train
        The [train] section of the campaign file.
    dimension : int
        2 or 3.
    channels : int
        Channels of the images.
    cells : int
        Cells of the images along each axis.

    Returns
    -------
    GlassNetwork
        On the CPU, in training mode.

    Raises
    ------
    UsageError
        If the kernel is even or larger than a feature map, or the numbers of strides and channels
        differ.
    """
    kernel = settings.kernel_size
    if dimension not in _CONVOLUTION:
        raise UsageError(f"a network for {dimension} dimensions", "2 or 3")
    if kernel % 2 == 0:
        raise UsageError(f"[train] kernel_size = {kernel}", "an odd number")
    if len(settings.strides) != len(settings.channels):
        raise UsageError(
            f"[train] strides has {len(settings.strides)} values",
            f"{len(settings.channels)}, one for each of channels",
        )
    check_maps(settings, dimension, channels, cells)
    return GlassNetwork(settings, dimension, channels, cells)
