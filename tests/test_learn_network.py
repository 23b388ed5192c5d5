# torch is optional: without it these tests are skipped before the imports that need it.

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from glassdask.base.errors import UsageError
from glassdask.campaign.analyses import Train
from glassdask.network.augment import (
    augment,
    draw_moves,
    group_size,
    transform,
)
from glassdask.network.network import build_network, map_cells

torch.set_num_threads(1)


def small(**changes):
    return Train(**({"channels": [4, 4, 4], "kernel_size": 3, "hidden": 8} | changes))


def counts(snapshots, cells, dimension, channels=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (snapshots, channels, *[cells] * dimension)
    return torch.randint(0, 3, shape, generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("head", ["pooled", "dense"])
@pytest.mark.parametrize("normalisation", ["batch", "none"])
@pytest.mark.parametrize("strides", [[1, 1, 1], [2, 1, 2]])
def test_scores_and_maps_have_the_right_shape(dimension, head, normalisation, strides):
    settings = small(head=head, normalisation=normalisation, strides=strides)
    network = build_network(settings, dimension, 2, 9)
    images = counts(3, 9, dimension)
    assert network(images).shape == (3, 2)
    size = map_cells(9, strides)
    maps = network.feature_maps(images, 2)
    assert maps.shape == (3, 4, *[size] * dimension)
    assert torch.equal(
        network.eval()(images), network.scores_of_maps(network.feature_maps(images, 0), 0)
    )


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.slow
def test_pooled_scores_do_not_change_under_shifts(dimension):
    torch.manual_seed(1)
    network = build_network(small(strides=[2, 1, 1]), dimension, 2, 8).eval()
    images = counts(2, 8, dimension)
    shifted = images.roll([2, 4], [2, 3])
    torch.testing.assert_close(network(images), network(shifted), atol=1e-5, rtol=0)


def test_standardise_is_per_channel():
    network = build_network(small(), 2, 3, 8)
    images = counts(100, 8, 2, channels=3)
    images[:, 1] += 5
    images[:, 2] = 7
    network.standardise(images)
    expected = images.double()
    mean = expected.mean((0, 2, 3)).float()
    torch.testing.assert_close(network.input_mean.flatten(), mean)
    std = expected.std((0, 2, 3), correction=0).float()
    torch.testing.assert_close(network.input_std.flatten()[:2], std[:2])
    assert network.input_std.flatten()[2] == 1
    assert {"input_mean", "input_std"} <= set(network.state_dict())


@pytest.mark.parametrize(
    ("changes", "dimension", "message"),
    [
        ({"kernel_size": 4}, 2, "kernel_size = 4; expected an odd number"),
        ({"strides": [1, 1]}, 2, "strides has 2 values; expected 3"),
        ({"kernel_size": 7, "strides": [2, 1, 1]}, 2, "on maps of 5 cells; expected at most 5"),
        ({}, 4, "4 dimensions; expected 2 or 3"),
    ],
)
def test_impossible_networks_are_refused(changes, dimension, message):
    with pytest.raises(UsageError, match=message):
        build_network(small(**changes), dimension, 2, 10)


@pytest.mark.parametrize(("dimension", "size"), [(2, 8), (3, 48)])
def test_the_box_has_all_its_rotations_and_reflections(dimension, size):
    assert group_size(dimension) == size
    image = np.arange(3**dimension).reshape(1, *[3] * dimension)
    made = {tuple(transform(image, element).flatten().tolist()) for element in range(size)}
    assert len(made) == size
    assert np.array_equal(transform(image, 0), image)
    quarter_turn = np.rot90(image, 1, (1, 2))
    assert tuple(quarter_turn.flatten().tolist()) in made
    with pytest.raises(ValueError, match=f"element {size} of {size}"):
        transform(image, size)


@pytest.mark.parametrize("dimension", [2, 3])
def test_augment_keeps_the_particles_and_follows_the_seed(dimension):
    images = counts(20, 6, dimension).numpy()
    seeded = [torch.Generator().manual_seed(seed) for seed in (3, 3, 4)]
    made = [augment(images, draw_moves(20, dimension, 6, one)) for one in seeded]
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])
    assert made[0].dtype == np.uint8
    for before, after in zip(images, made[0], strict=True):
        assert np.array_equal(*(np.sort(image.reshape(2, -1)) for image in (before, after)))
