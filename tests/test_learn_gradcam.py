# torch is optional: without it these tests are skipped before the imports that need it.
# ruff: noqa: E402

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from glassdask.campaign.schema import Train
from glassdask.learn.gradcam import grad_cam, layer_stride
from glassdask.learn.network import build_network
from glassdask.learn.train import train

torch.set_num_threads(1)


def a_network(dimension, cells, seed=0, **changes):
    """Untrained, but with statistics of batch normalisation that are not 0 and 1."""
    torch.manual_seed(seed)
    settings = Train(**({"channels": [5, 6, 4], "kernel_size": 3, "hidden": 8} | changes))
    network = build_network(settings, dimension, 2, cells)
    images = counts(16, cells, dimension)
    network.standardise(images)
    for _ in range(20):
        network.train()(images)
    return network.eval()


def counts(snapshots, cells, dimension, seed=0):
    random = np.random.default_rng(seed)
    shape = (snapshots, 2, *[cells] * dimension)
    return torch.from_numpy(random.integers(0, 3, shape).astype(np.uint8))


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("head", ["pooled", "dense"])
@pytest.mark.parametrize("layer", [0, 1, -1])
def test_equals_captum(dimension, head, layer):
    captum = pytest.importorskip("captum.attr")
    network = a_network(dimension, 8, head=head, strides=[1, 2, 1])
    images = counts(5, 8, dimension)
    target = torch.tensor([0, 1, 1, 0, 1])
    maps, scores = grad_cam(network, images, target.numpy(), layer, batch_size=2)
    reference = captum.LayerGradCam(network, network.activations[layer])
    expected = reference.attribute(images.float(), target, relu_attributions=True)
    assert maps.max() > 0
    np.testing.assert_allclose(maps, expected[:, 0].detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(scores, network(images).detach().numpy(), atol=1e-6)
    assert all(weight.grad is None for weight in network.parameters())


@pytest.mark.parametrize(("dimension", "cells"), [(2, 16), (3, 8)])
@pytest.mark.parametrize("strides", [[1, 1, 1], [2, 1, 2]])
def test_maps_move_with_the_image(dimension, cells, strides):
    network = a_network(dimension, cells, strides=strides)
    images = counts(3, cells, dimension)
    target = np.array([1, 0, 1])
    axes = tuple(range(-dimension, 0))
    maps, _ = grad_cam(network, images, target)
    stride = layer_stride(strides)
    for shift in (1, 2, 3):
        moved, _ = grad_cam(network, images.roll([shift * stride] * dimension, axes), target)
        expected = np.roll(maps, [shift] * dimension, axes)
        np.testing.assert_allclose(moved, expected, atol=1e-5)


def test_wrong_calls_are_refused():
    network = a_network(2, 8)
    with pytest.raises(ValueError, match="layer 3 of 3"):
        grad_cam(network, counts(2, 8, 2), np.array([0, 1]), 3)
    with pytest.raises(ValueError, match="1 targets for 2 images"):
        grad_cam(network, counts(2, 8, 2), np.array([0]))


def test_the_map_finds_the_planted_structure(tmp_path):
    """Noise everywhere; class 1 has a checkered patch at a random place, and only that."""
    random = np.random.default_rng(5)
    snapshots, cells, side = 96, 20, 6
    labels = np.arange(snapshots) % 2
    images = random.integers(0, 2, (snapshots, 1, cells, cells)).astype(np.uint8)
    planted = np.zeros((snapshots, cells, cells), bool)
    planted[:, :side, :side] = True
    for n in range(snapshots):
        if labels[n]:
            images[n, 0, :side, :side] = np.indices((side, side)).sum(0) % 2
        shift = random.integers(cells, size=2)
        images[n] = np.roll(images[n], shift, (1, 2))
        planted[n] = np.roll(planted[n], shift, (0, 1))
    settings = Train(
        channels=[8, 8], strides=[1, 1], kernel_size=3, hidden=8, dropout=0.0, epochs=40,
        learning_rate=0.01, threads=1, patience=40,
    )  # fmt: skip
    split = slice(0, 64), slice(64, None)
    data = [array[part] for part in split for array in (images, labels)]
    network = train(*data, settings, 3, tmp_path)
    shown = slice(64, None)
    maps, scores = grad_cam(network, images[shown], labels[shown])
    assert np.mean(scores.argmax(1) == labels[shown]) >= 0.9
    glass = labels[shown] == 1
    inside = maps[glass][planted[shown][glass]].mean()
    outside = maps[glass][~planted[shown][glass]].mean()
    assert inside > 3 * outside


def test_the_stride_of_a_layer():
    assert [layer_stride([2, 1, 3], layer) for layer in (0, 1, 2, -1, -2)] == [2, 2, 6, 6, 2]
