# torch is optional: without it these tests are skipped before the imports that need it.

from itertools import permutations, product

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from networks import a_network, counts

from glassdask.network.explanations import explain_images, map_stride

torch.set_num_threads(1)

METHODS = ("gradcam", "gradcam++", "integrated-gradients")


def assert_same_maps(found, expected, tolerance):
    """Equal, relative to the largest value."""
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("head", ["pooled", "dense"])
@pytest.mark.parametrize("normalisation", ["batch", "none"])
@pytest.mark.parametrize("layer", [0, 1, -1])
def test_equals_captum(dimension, head, normalisation, layer):
    captum = pytest.importorskip("captum.attr")
    network = a_network(dimension, 8, head=head, normalisation=normalisation, strides=[1, 2, 1])
    images = counts(5, 8, dimension)
    reference = captum.LayerGradCam(network, network.activations[layer])
    for target in ([0, 1, 1, 0, 1], [1, 0, 0, 1, 0]):
        found = explain_images(network, images, np.array(target), layer=layer, batch_size=2)
        expected = reference.attribute(images.float(), torch.tensor(target), relu_attributions=True)
        assert_same_maps(found[0], expected[:, 0].detach().numpy(), 1e-6)
        np.testing.assert_allclose(found[1], network(images).detach().numpy(), atol=1e-6)
    assert all(weight.grad is None for weight in network.parameters())


def plus_plus_by_definition(network, image, target, layer):
    """Chattopadhay's Eq. (10) and (14), with derivatives of exp(score) cell by cell, over Y."""
    with torch.no_grad():
        maps = network.feature_maps(image[None], layer)
    size = maps[0].numel()
    # one copy of the maps for each element, in which only this element is varied
    moved = torch.zeros(size, dtype=maps.dtype, requires_grad=True)
    copies = maps.expand(size, *maps.shape[1:]) + torch.diag(moved).reshape(size, *maps.shape[1:])
    value = network.scores_of_maps(copies, layer)[:, target].exp()
    derivatives, summed = [], value.sum()
    for _ in range(3):
        (each,) = torch.autograd.grad(summed, moved, create_graph=True)
        derivatives.append(each.detach().numpy().reshape(maps.shape[1:]))
        summed = each.sum()
    first, second, third = derivatives
    activation, result = maps[0].numpy(), 0.0
    for m in range(len(activation)):
        below = 2 * second[m] + activation[m].sum() * third[m]
        alpha = np.divide(second[m], below, out=np.zeros_like(below), where=first[m] > 0)
        result += (alpha * np.maximum(first[m], 0)).sum() * activation[m]
    return np.maximum(result, 0) / value[0].item()


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("head", ["pooled", "dense"])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_gradcam_plus_plus_equals_higher_derivatives(dimension, head, layer):
    cells = 6 if dimension == 2 else 3
    network = a_network(dimension, cells, head=head, strides=[1, 1, 2]).double()
    images = counts(2, cells, dimension)
    for target in (0, 1):
        maps, _ = explain_images(network, images, np.full(2, target), "gradcam++", layer)
        expected = [plus_plus_by_definition(network, image, target, layer) for image in images]
        assert_same_maps(maps, np.array(expected), 1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("dimension", "cells"), [(2, 16), (3, 8)])
@pytest.mark.parametrize("strides", [[1, 1, 1], [2, 1, 2]])
def test_maps_move_with_the_image(method, dimension, cells, strides):
    """Also across the border of the box, since a pooled network has no absolute positions."""
    network = a_network(dimension, cells, strides=strides)
    images, target = counts(3, cells, dimension), np.array([1, 0, 1])
    axes, whole = tuple(range(-dimension, 0)), int(np.prod(strides))
    for layer in (0, 1, 2):
        maps, _ = explain_images(network, images, target, method, layer, steps=5)
        stride = map_stride(strides, method, layer)
        assert maps.shape[1:] == (cells // stride,) * dimension
        for shift in np.eye(dimension, dtype=int) + 1:
            shifts = (shift * whole).tolist()
            moved, _ = explain_images(
                network, images.roll(shifts, axes), target, method, layer, steps=5
            )
            assert_same_maps(moved, np.roll(maps, shift * whole // stride, axes), 1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_maps_of_a_dense_head_shift_only_with_its_weights(method):
    network = a_network(2, 12, head="dense", strides=[1, 2, 1])
    images, target = counts(3, 12, 2), np.array([1, 0, 1])
    maps, _ = explain_images(network, images, target, method, steps=5)
    moved = images.roll([2, 4], (-2, -1))
    expected = np.roll(maps, np.array([2, 4]) // map_stride([1, 2, 1], method), (1, 2))
    found, _ = explain_images(network, moved, target, method, steps=5)
    assert np.abs(found - expected).max() > 0.01 * np.abs(maps).max()
    first = network.head[0].weight.data
    first.copy_(first.reshape(-1, 4, 6, 6).roll([1, 2], (-2, -1)).reshape(first.shape))
    found, _ = explain_images(network, moved, target, method, steps=5)
    assert_same_maps(found, expected, 1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dimension", [2, 3])
def test_maps_rotate_with_the_image_for_symmetric_kernels(method, dimension):
    network = a_network(dimension, 6, seed=4)
    axes = range(-dimension, 0)
    turns = [
        lambda values, order=order, flipped=flipped: values.permute(
            *range(values.ndim - dimension), *(values.ndim + axis for axis in order)
        ).flip([axis for axis, flip in zip(axes, flipped, strict=True) if flip])
        for order in permutations(axes)
        for flipped in product((False, True), repeat=dimension)
    ]
    for convolution in network.convolutions:
        weight = convolution.weight.data
        weight.copy_(torch.stack([turn(weight) for turn in turns]).mean(0))
    images, target = counts(2, 6, dimension), np.array([1, 0])
    maps, _ = explain_images(network, images, target, method, steps=5)
    for turn in turns[1::5]:
        found, _ = explain_images(network, turn(images), target, method, steps=5)
        assert_same_maps(found, turn(torch.from_numpy(maps)).numpy(), 1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_map_is_independent_of_other_images(method):
    network, images = a_network(2, 8), counts(7, 8, 2)
    target = np.array([0, 1, 1, 0, 1, 0, 0])
    maps, scores = explain_images(network, images, target, method, steps=5, batch_size=7)
    for size in (1, 3, 100):
        again, again_scores = explain_images(
            network, images, target, method, steps=5, batch_size=size
        )
        assert_same_maps(again, maps, 1e-5)
        np.testing.assert_allclose(again_scores, scores, atol=1e-6)
    backwards, _ = explain_images(network, images.flip(0), target[::-1].copy(), method, steps=5)
    assert_same_maps(backwards[::-1], maps, 1e-5)
