"""Laws of the methods of explanation, and of Gamma at the particles."""

# torch is optional: without it these tests are skipped before the imports that need it.

import numpy as np
import pytest
import xarray as xr
from scipy.stats import rankdata

torch = pytest.importorskip("torch")

from networks import a_network, counts

import glassdask as gd
from glassdask.campaign import load, new_campaign
from glassdask.campaign.analyses import Train
from glassdask.network.explaining import particle_scores
from glassdask.network.explanations import explain_images, map_stride
from glassdask.network.integrated import _warn_of_gap, baseline_image
from glassdask.network.network import build_network
from glassdask.network.train import train

torch.set_num_threads(1)

METHODS = ("gradcam", "gradcam++", "integrated-gradients")
PLANTED = Train(
    channels=[8, 8], strides=[1, 1], kernel_size=3, hidden=8, dropout=0.0, epochs=40,
    learning_rate=0.01, threads=1, patience=40,
)  # fmt: skip


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Noise; class 1 also has a checkered patch at a random position.

    A trained network, and images, labels and places of the patch that it has not seen.
    """
    random = np.random.default_rng(5)
    snapshots, cells, side = 96, 20, 6
    labels = np.arange(snapshots) % 2
    images = random.integers(0, 2, (snapshots, 1, cells, cells)).astype(np.uint8)
    places = np.zeros((snapshots, cells, cells), bool)
    places[:, :side, :side] = True
    for n in range(snapshots):
        if labels[n]:
            images[n, 0, :side, :side] = np.indices((side, side)).sum(0) % 2
        shift = random.integers(cells, size=2)
        images[n] = np.roll(images[n], shift, (1, 2))
        places[n] = np.roll(places[n], shift, (0, 1))
    split = slice(0, 64), slice(64, None)
    data = [array[part] for part in split for array in (images, labels)]
    network = train(*data, PLANTED, 3, tmp_path_factory.mktemp("model"))
    return network, images[64:], labels[64:], places[64:]


def roc_area(maps, places):
    """Probability that a cell of the patch has a larger value than another cell."""
    ranks, inside = rankdata(maps.ravel()), places.ravel()
    count = inside.sum()
    return (ranks[inside].mean() - (count + 1) / 2) / (inside.size - count)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.slow
def test_the_map_finds_the_planted_structure_if_the_network_has_learnt_it(planted, method):
    network, images, labels, places = planted
    glass = labels == 1
    maps, scores = explain_images(network, images, labels, method)
    assert np.mean(scores.argmax(1) == labels) >= 0.9
    inside, outside = maps[glass][places[glass]], maps[glass][~places[glass]]
    assert inside.mean() > 3 * abs(outside.mean())
    assert roc_area(maps[glass], places[glass]) > 0.9
    # for the other class, the patch has less than by chance
    other, _ = explain_images(network, images[glass], np.zeros(glass.sum(), int), method)
    assert roc_area(other, places[glass]) < 0.5
    # the sanity check of Adebayo et al. (2018): random weights do not find the patch
    found = []
    for seed in range(5):
        torch.manual_seed(seed)
        random = build_network(PLANTED, 2, 1, images.shape[-1])
        random.standardise(torch.from_numpy(images))
        maps, _ = explain_images(random, images[glass], labels[glass], method)
        found.append(roc_area(maps, places[glass]))
    assert 0.3 < np.median(found) < 0.7
    assert max(found) < 0.8


@pytest.mark.parametrize("baseline", ["mean", "empty"])
@pytest.mark.slow
def test_integrated_gradients_add_up_to_the_difference_of_the_scores(planted, baseline, capsys):
    """With the default steps, to 1 % of the largest difference; better with more of them."""
    network, images, _, _ = planted
    images, target = images[:12], np.array([1, 0, 0, 1] * 3)  # both classes of both
    start = torch.ones(1, 1, *images.shape[2:]) * baseline_image(network, baseline)
    reference = network(start).detach().numpy()[0]

    def error(**steps):
        maps, scores = explain_images(
            network, images, target, "integrated-gradients", baseline=baseline, **steps
        )
        difference = (scores - reference)[np.arange(12), target]
        return np.abs(maps.sum((1, 2)) - difference).max() / np.abs(difference).max()

    usual = error()
    assert usual < 0.01
    assert error(steps=150) < usual
    assert not capsys.readouterr().err
    _warn_of_gap.cache_clear()
    assert min(error(steps=3), error(steps=3)) > 0.05  # computed twice, but one warning
    (said,) = capsys.readouterr().err.splitlines()
    assert "with 3 points miss more than 5%" in said


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("baseline", ["mean", "empty"])
def test_integrated_gradients_are_the_integral_along_the_path(dimension, baseline):
    """Against the midpoint rule with many points, in double precision."""
    network = a_network(dimension, 4, channels=[3, 3], strides=[1, 2]).double()
    images, target = counts(2, 4, dimension), torch.tensor([1, 0])
    start = baseline_image(network, baseline)
    points = ((torch.arange(1000) + 0.5) / 1000).reshape(-1, *[1] * (dimension + 1)).double()
    expected = []
    for image, wanted in zip(images, target, strict=True):
        path = (start + points * (image - start)).requires_grad_()
        (gradient,) = torch.autograd.grad(network(path)[:, wanted].sum(), path)
        expected.append((gradient.mean(0) * (image - start)[0]).sum(0).numpy())
    maps, scores = explain_images(
        network, images, target, "integrated-gradients", baseline=baseline, steps=200
    )
    np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-2 * np.abs(expected).max())
    np.testing.assert_allclose(scores, network(images).detach(), atol=1e-12)


def test_integrated_gradients_of_the_baseline_vanish():
    network = a_network(2, 8)
    maps, _ = explain_images(
        network, np.zeros((2, 2, 8, 8)), np.array([0, 1]), "integrated-gradients", baseline="empty"
    )
    assert not maps.any()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"layer": 3}, "layer 3 of 3 convolutions; expected -3 to 2"),
        ({"layer": -4}, "layer -4"),
        ({"target": np.array([0])}, "1 targets for 2 images"),
        ({"target": np.array([0, 2])}, r"target 2; expected one of 0 \(liquid\), 1 \(glass\)"),
        ({"target": np.array([0, -1])}, "target -1"),
        ({"images": counts(0, 8, 2), "target": np.array([], int)}, "no images"),
        ({"images": np.full((2, 2, 8, 8), np.nan)}, "image 0 has NaN"),
        ({"method": "lime"}, "method 'lime'; expected one of gradcam, gradcam"),
        ({"baseline": "blurred"}, "baseline 'blurred'; expected one of mean, empty"),
        ({"steps": 0}, "0 steps"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_wrong_calls_are_refused(method, wrong, says):
    right = {"images": counts(2, 8, 2), "target": np.array([0, 1]), "method": method}
    with pytest.raises(ValueError, match=says):
        explain_images(a_network(2, 8), **(right | wrong))


def test_the_stride_of_a_map():
    for method in ("gradcam", "gradcam++"):
        found = [map_stride([2, 1, 3], method, layer) for layer in (0, 1, 2, -1, -2)]
        assert found == [2, 2, 6, 6, 2]
    assert map_stride([2, 1, 3], "integrated-gradients") == 1


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory):
    """A campaign, and two samples of it with at most one particle a cell; their images."""
    folder = tmp_path_factory.mktemp("campaign") / "c"
    sizes = ("system.particles=100", "grid.spacing=0.5", "train.strides=[1,2,1]",
             "grid.species_channels=true")  # fmt: skip
    campaign = new_campaign(folder, "kam", "quick", sizes)
    random = np.random.default_rng(2)
    cells, d, particles = campaign.cells, 2, 100
    position = np.empty((2, 2, particles, d))
    for one in position.reshape(-1, particles, d):
        chosen = random.permutation(cells**d)[:particles]
        inside = random.uniform(0.1, 0.9, (particles, d))
        one[:] = (np.stack(np.unravel_index(chosen, (cells, cells)), -1) + inside) / cells
    configurations = xr.Dataset(
        {
            "position": (("sample", "state", "particle", "axis"), position * campaign.box_length),
            "species": (("particle",), campaign.model.species_of_particles(particles)),
            "box_length": (("axis",), np.full(d, campaign.box_length)),
        }
    )
    images = gd.grid_density(configurations, cells=cells, species_channels=True)
    return folder, configurations, images.values


def network_for(folder):
    campaign = load(folder)
    train = campaign.file.train
    return a_network(2, campaign.cells, channels=[6, 5, 4], strides=train.strides)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mapping", ["cell", "linear"])
def test_own_explains_each_snapshot_by_its_own_class(snapshots, method, mapping):
    folder, configurations, images = snapshots
    network, found = network_for(folder), {}
    for target in ("own", "liquid", "glass"):
        changed = load(
            folder,
            (
                f"explain.target={target}", f"explain.method={method}",
                f"explain.inverse_mapping={mapping}", "explain.integrated_gradients_steps=10",
            ),
        )  # fmt: skip
        found[target] = particle_scores(changed, network, images, configurations)
        assert found[target].shape == (2, 2, 100)
        assert np.isfinite(found[target]).all()
    np.testing.assert_array_equal(found["own"][:, 0], found["liquid"][:, 0])
    np.testing.assert_array_equal(found["own"][:, 1], found["glass"][:, 1])
    assert not np.allclose(found["liquid"], found["glass"])
    # the first particle of a glass stands in this cell of the map
    position = configurations.position.values[1, 1, 0] / load(folder).box_length
    stride = map_stride([1, 2, 1], method)
    maps, _ = explain_images(network, images[1, 1:], np.array([1]), method, steps=10)
    if mapping == "cell":
        x, y = np.round(position * images.shape[-1] / stride - 0.5 / stride).astype(int)
        side = maps.shape[-1]
        assert found["glass"][1, 1, 0] == pytest.approx(maps[0, y % side, x % side], rel=1e-5)


def test_gamma_sums_to_the_score_for_an_empty_baseline(snapshots):
    folder, configurations, images = snapshots
    network = network_for(folder)
    changed = load(
        folder,
        (
            "explain.method=integrated-gradients", "explain.integrated_gradients_baseline=empty",
            "explain.integrated_gradients_steps=200", "explain.target=glass",
        ),
    )  # fmt: skip
    found = particle_scores(changed, network, images, configurations).sum(-1).ravel()
    with torch.no_grad():
        scores = network(torch.from_numpy(images).flatten(0, 1))[:, 1]
        expected = (scores - network(torch.zeros(1, *images.shape[2:]))[:, 1]).numpy()
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())
