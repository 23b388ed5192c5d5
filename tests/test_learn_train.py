# torch is optional: without it these tests are skipped before the imports that need it.
# ruff: noqa: E402

import csv

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from glassdask.campaign.schema import Train
from glassdask.errors import StageFailed, StoppedEarly, UsageError
from glassdask.learn import train as script
from glassdask.learn.train import evaluate, finished, learning_rate, load_network, train

CELLS = 8


def settings(**changes):
    defaults = {"channels": [4, 4], "strides": [1, 1], "kernel_size": 3, "hidden": 8}
    defaults |= {"epochs": 12, "batch_size": 8, "learning_rate": 0.01, "dropout": 0.1, "threads": 1}
    return Train(**(defaults | changes))


def crystals_and_gases(snapshots, seed, dimension=2):
    """Class 1: every other cell filled, then shifted; class 0: the same number at random."""
    random = np.random.default_rng(seed)
    labels = np.arange(snapshots) % 2
    images = np.zeros((snapshots, 1, *[CELLS] * dimension), np.uint8)
    for image, label in zip(images, labels, strict=True):
        filled = np.indices(image.shape[1:]).sum(0) % 2
        image[0] = filled if label else random.permutation(filled.ravel()).reshape(filled.shape)
        image[:] = np.roll(image, random.integers(CELLS), axis=1)
    return images, labels


def metrics_of(folder):
    with (folder / "metrics.csv").open() as stream:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(stream)]


def curve(folder):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in metrics_of(folder)]


@pytest.mark.parametrize("dimension", [2, 3])
def test_a_tiny_set_is_learnt(tmp_path, dimension):
    data = crystals_and_gases(16, 0, dimension)
    new = crystals_and_gases(16, 1, dimension)
    chosen = settings(epochs=60, dropout=0.0)
    network = train(*data, *new, chosen, 7, tmp_path)
    scores = evaluate(network, *new, batch_size=5)
    assert scores.shape == (16, 2)
    assert np.mean(scores.argmax(1) == new[1]) == 1
    assert metrics_of(tmp_path)[-1]["train_loss"] < 0.1


def test_one_set_of_noise_is_overfitted_by_the_dense_head(tmp_path):
    random = np.random.default_rng(0)
    images = random.integers(0, 2, (8, 1, CELLS, CELLS)).astype(np.uint8)
    labels = random.permutation(8) % 2
    chosen = settings(head="dense", augmentation=False, epochs=40, dropout=0.0)
    network = train(images, labels, images, labels, chosen, 1, tmp_path)
    assert np.array_equal(evaluate(network, images).argmax(1), labels)


def test_shuffled_labels_do_not_generalise(tmp_path):
    images, labels = crystals_and_gases(32, 0)
    new = crystals_and_gases(64, 1)
    # Balanced, so that they say nothing of the classes.
    nonsense = np.where(np.arange(32) % 4 < 2, labels, 1 - labels)
    network = train(images, nonsense, *new, settings(epochs=6), 7, tmp_path)
    loss = [row["validation_loss"] for row in metrics_of(tmp_path)]
    assert min(loss) > 0.6
    correct = evaluate(network, images).argmax(1) == nonsense
    assert 0.2 < correct.mean() < 0.8


def stop_after(epoch):
    def stop(now, metrics):
        if now == epoch:
            raise StoppedEarly("Told to stop")

    return stop


def test_a_resumed_run_equals_an_undisturbed_one(tmp_path, monkeypatch):
    data, new = crystals_and_gases(24, 0), crystals_and_gases(8, 1)
    chosen = settings(epochs=5, dropout=0.5)
    whole = train(*data, *new, chosen, 7, tmp_path / "whole")

    with pytest.raises(StoppedEarly, match="Told to stop"):
        train(*data, *new, chosen, 7, tmp_path / "parts", stop_after(2))
    torch.rand(3)  # the state outside must not matter

    def killed(*arguments):
        raise KeyboardInterrupt("killed in the middle of an epoch")

    with monkeypatch.context() as patch:
        patch.setattr(script, "evaluate", killed)
        with pytest.raises(KeyboardInterrupt, match="middle"):
            train(*data, *new, chosen, 7, tmp_path / "parts")
    assert len(curve(tmp_path / "parts")) == 2
    assert not (tmp_path / "parts" / "weights.safetensors").exists()
    parts = train(*data, *new, chosen, 7, tmp_path / "parts")

    assert curve(tmp_path / "parts") == curve(tmp_path / "whole")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[name]), name
    assert not list((tmp_path / "parts").glob("*.partial"))


def test_training_leaves_torchs_random_state_alone(tmp_path):
    data = crystals_and_gases(8, 0)
    before = torch.get_rng_state()
    train(*data, *data, settings(epochs=1), 7, tmp_path)
    assert torch.equal(before, torch.get_rng_state())


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    data = crystals_and_gases(8, 0)
    train(*data, *data, settings(epochs=1), 7, tmp_path)
    train(*data, *data, settings(epochs=1, threads=0), 7, tmp_path)
    with pytest.raises(UsageError, match=r"made with learning_rate = 0\.01; expected .* 0\.02"):
        train(*data, *data, settings(epochs=1, learning_rate=0.02), 7, tmp_path)
    with pytest.raises(UsageError, match="made with seed = 7; expected seed = 8"):
        train(*data, *data, settings(epochs=1), 8, tmp_path)
    (tmp_path / "checkpoint.pt").write_bytes((tmp_path / "checkpoint.pt").read_bytes()[:500])
    with pytest.raises(UsageError, match="is damaged"):
        train(*data, *data, settings(epochs=1), 7, tmp_path)


def test_weights_come_back_from_the_file(tmp_path):
    images, labels = crystals_and_gases(8, 0)
    network = train(images, labels, images, labels, settings(epochs=2), 7, tmp_path)
    again = load_network(tmp_path, settings(), 2, 1, CELLS)
    assert not again.training
    assert np.array_equal(evaluate(network, images), evaluate(again, images))


def test_bad_weights_are_refused_in_one_line(tmp_path):
    with pytest.raises(UsageError, match="the weights of a trained network"):
        load_network(tmp_path, settings(), 2, 1, CELLS)
    data = crystals_and_gases(8, 0)
    train(*data, *data, settings(epochs=1), 7, tmp_path)
    with pytest.raises(UsageError, match="weights of another network"):
        load_network(tmp_path, settings(channels=[4, 5]), 2, 1, CELLS)
    path = tmp_path / "weights.safetensors"
    whole = path.read_bytes()
    for length in (0, 5, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(UsageError, match=r"is damaged; expected a complete [^\n]*$"):
            load_network(tmp_path, settings(), 2, 1, CELLS)


def test_a_loss_that_is_no_number_fails_plainly(tmp_path):
    data = crystals_and_gases(8, 0)
    wild = settings(learning_rate=1e30, normalisation="none", epochs=20)
    with pytest.raises(StageFailed, match=r"training loss became (nan|inf) in epoch"):
        train(*data, *data, wild, 7, tmp_path)


def test_evaluate_refuses_other_labels(tmp_path):
    images, labels = crystals_and_gases(8, 0)
    network = train(images, labels, images, labels, settings(epochs=1), 7, tmp_path)
    with pytest.raises(ValueError, match="7 labels for 8 images"):
        evaluate(network, images, labels[1:])


def test_patience_counts_only_after_a_perfect_epoch():
    def history(*epochs):
        pairs = enumerate(epochs, start=1)
        return [
            {"epoch": n, "validation_accuracy": accuracy, "validation_loss": loss}
            for n, (accuracy, loss) in pairs
        ]

    chosen = settings(patience=2, epochs=9)
    assert not finished([], chosen)
    assert not finished(history((0.5, 0.7), (0.5, 0.8), (0.5, 0.9), (0.5, 1.0)), chosen)
    assert not finished(history((1.0, 0.1), (0.5, 0.0)), chosen)
    assert finished(history((1.0, 0.1), (0.5, 0.0), (1.0, 0.2)), chosen)
    assert not finished(history((1.0, 0.1), (1.0, 0.2), (1.0, 0.05)), chosen)
    assert finished(history(*[(0.5, 0.7)] * 9), chosen)


def test_the_learning_rate_warms_up_and_falls_to_nothing():
    rates = [learning_rate(step, 100, 0.1) for step in range(100)]
    assert rates[0] == pytest.approx(0.02)
    assert max(rates) == pytest.approx(0.1)
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert 0 < rates[-1] < 1e-4
