# torch is optional: without it these tests are skipped before the imports that need it.

import contextlib
import csv
import pickle
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from campaigns import accept_changes, gridded
from scipy.stats import binom

torch = pytest.importorskip("torch")

from glassdask.base.devices import Devices, uses_bfloat16
from glassdask.base.errors import StageFailed, StoppedEarly, UsageError
from glassdask.campaign.analyses import Train
from glassdask.network import train as script
from glassdask.network.sources import prefetched
from glassdask.network.splits import read_images, read_split
from glassdask.network.train import (
    evaluate,
    finished,
    learning_rate,
    load_network,
    train,
)
from glassdask.stages.learning import fit, run_train
from glassdask.store import groups, layout

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
@pytest.mark.slow
def test_a_tiny_set_is_learnt(tmp_path, dimension):
    data = crystals_and_gases(16, 0, dimension)
    new = crystals_and_gases(16, 1, dimension)
    chosen = settings(epochs=60, dropout=0.0)
    network = train(*data, *new, chosen, 7, tmp_path)
    scores = evaluate(network, *new, batch_size=5)
    assert scores.shape == (16, 2)
    assert np.mean(scores.argmax(1) == new[1]) == 1
    assert metrics_of(tmp_path)[-1]["train_loss"] < 0.1


def test_dense_head_overfits_noise(tmp_path):
    random = np.random.default_rng(0)
    images = random.integers(0, 2, (8, 1, CELLS, CELLS)).astype(np.uint8)
    labels = random.permutation(8) % 2
    chosen = settings(head="dense", augmentation=False, epochs=40, dropout=0.0)
    network = train(images, labels, images, labels, chosen, 1, tmp_path)
    assert np.array_equal(evaluate(network, images).argmax(1), labels)


def test_batches_are_counted_in_each_epoch(tmp_path):
    images, labels = crystals_and_gases(10, 0, 2)
    counted = []
    chosen = settings(epochs=2, batch_size=4)
    train(
        images, labels, images, labels, chosen, 1, tmp_path,
        on_batch=lambda *told: counted.append(told),
    )  # fmt: skip
    assert counted == [(1, 3), (2, 3), (3, 3)] * 2


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


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Crystals and gases in a store, some runs failed; read it, do not change it."""
    made = gridded(tmp_path_factory.mktemp("stored") / "c", "train.streaming=true")
    status = groups.array(made.store, "density", "run_status")
    status[[3, 4, 9]] = layout.FAILED
    accept_changes(made.path)
    return made


def splits(campaign, streaming):
    return [
        part for name in ("train", "validation") for part in read_split(campaign, name, streaming)
    ]


def test_images_read_by_number_are_those_of_the_store(campaign):
    stored = xr.open_zarr(campaign.store, group="density", consolidated=False)
    good = (stored.split == "train") & (stored.run_status == layout.DONE)
    images = stored.density.values[good.values].reshape(26, *stored.density.shape[2:])
    whole, labels = read_split(campaign, "train")
    assert np.array_equal(whole, images)
    assert labels.tolist() == [0, 1] * 13
    streamed, _ = read_split(campaign, "train", streaming=True)
    assert streamed.shape == images.shape
    for which in (np.array([25, 0, 7, 6, 7]), slice(5, 12), slice(20, 99), np.array([3])):
        assert np.array_equal(streamed[which], images[which])
    assert read_images(campaign, np.array([], int)).shape == (0, *stored.density.shape[1:])


def test_streaming_gives_the_same_network_bit_by_bit_stopped_or_not(campaign, tmp_path):
    chosen = campaign.file.train.model_copy(update={"epochs": 5, "dropout": 0.5})
    in_memory = train(*splits(campaign, False), chosen, 7, tmp_path / "memory")
    folder = tmp_path / "streamed"
    for streaming, stop in ((True, stop_after(1)), (False, stop_after(3)), (True, stop_after(9))):
        with contextlib.suppress(StoppedEarly):
            streamed = train(*splits(campaign, streaming), chosen, 7, folder, stop)
    assert curve(folder) == curve(tmp_path / "memory")
    assert len(curve(folder)) == 5
    for name, value in in_memory.state_dict().items():
        assert torch.equal(value, streamed.state_dict()[name]), name


def image_threads():
    return [one.name for one in threading.enumerate() if one.name.startswith("images")]


def test_lost_image_stops_the_training(tmp_path):
    campaign = gridded(tmp_path / "c", "train.streaming=true")
    file = campaign.store / "density" / "density" / "c" / "0"

    def lose(epoch, metrics):
        if file.exists():
            file.rename(tmp_path / "lost")

    with pytest.raises(StageFailed, match=r"the image of run \d has 0 particles.*--start-over"):
        train(*splits(campaign, True), campaign.file.train, 7, tmp_path / "model", lose)
    assert len(curve(tmp_path / "model")) == 1
    assert not image_threads()
    with pytest.raises(StageFailed, match=r"run 0 has 0 particles"):  # before it begins
        train(*splits(campaign, True), campaign.file.train, 7, tmp_path / "none")
    assert not list((tmp_path / "none").iterdir())
    with pytest.raises(StageFailed, match=r"run 0 has 0 particles"):
        splits(campaign, False)


def test_streaming_checkpoint_belongs_to_its_images(tmp_path):
    one = gridded(tmp_path / "one", "train.streaming=true", "train.epochs=2")
    run_train(one, devices=Devices("cpu"))
    assert len(curve(one.path / "model")) == 2
    other = gridded(tmp_path / "other", "train.epochs=2", "train.streaming=true")
    (other.path / "model").mkdir()
    shutil.copy(one.path / "model" / "checkpoint.pt", other.path / "model")
    with pytest.raises(UsageError, match=r"was made with other images[^\n]*$"):
        fit(other, torch.device("cpu"))


def test_prefetching_keeps_order_and_ends():
    made = []

    def make(task):
        made.append(task)
        if task == 6:
            raise OSError("lost")
        return -task

    with prefetched(make, range(100)) as results:
        assert next(results) == 0
        assert next(results) == -1
        time.sleep(0.05)
        assert made == [0, 1, 2, 3]
        assert [next(results) for _ in range(2, 6)] == [-2, -3, -4, -5]
        with pytest.raises(OSError, match="lost"):
            next(results)
    assert not image_threads()


def test_the_thread_of_an_interrupted_epoch_ends(tmp_path, monkeypatch):
    def interrupted(*arguments):
        assert image_threads()
        raise KeyboardInterrupt("in the middle of an epoch")

    monkeypatch.setattr(script, "cross_entropy", interrupted)
    data = crystals_and_gases(24, 0)
    with pytest.raises(KeyboardInterrupt, match="middle"):
        train(*data, *data, settings(), 7, tmp_path)
    assert not image_threads()


@pytest.mark.slow
def test_splits_share_no_information(tmp_path):
    """If the states do not differ, accuracy on unseen runs is chance."""
    split = "quench.split={train=12,validation=14,test=34}"
    campaign = gridded(tmp_path / "c", "quench.runs=60", split, "quench.cooling_points=8")
    density = groups.array(campaign.store, "density", "density")
    random = np.random.default_rng(5)
    noise = [random.permuted(np.arange(np.prod(density.shape[2:])) < 100) for _ in range(120)]
    density[...] = np.reshape(noise, density.shape)
    accept_changes(campaign.path)
    learnt = read_split(campaign, "train", streaming=True)
    chosen = settings(head="dense", augmentation=False, epochs=30, dropout=0.0)
    network = train(*learnt, *learnt, chosen, 1, tmp_path / "model")

    def right(split):
        images, labels = read_split(campaign, split)
        return int((evaluate(network, images).argmax(1) == labels).sum())

    assert right("train") == 24  # it has memorised the training images
    low, high = binom.interval(0.999, 96, 0.5)
    assert high < 96 * 0.7  # a third of leaked images would exceed this
    assert low <= right("validation") + right("test") <= high


def test_one_and_two_threads_agree(tmp_path):
    data, new = crystals_and_gases(24, 0), crystals_and_gases(16, 1)
    before, curves, scores = torch.get_num_threads(), [], []
    try:
        for threads in (1, 2):
            folder = tmp_path / str(threads)
            network = train(*data, *new, settings(epochs=4, threads=threads), 7, folder)
            assert torch.get_num_threads() == threads
            curves.append(curve(folder))
            scores.append(evaluate(network, new[0]))
    finally:
        torch.set_num_threads(before)
    for one, two in zip(*curves, strict=True):
        assert one == pytest.approx(two, rel=1e-5)
    np.testing.assert_allclose(*scores, rtol=1e-5, atol=1e-5)


def spoilt(images, labels, what):
    images, labels = images.astype(np.float32), labels.copy()
    if what in ("nan", "inf"):
        images[5, 0, 1, 2] = float(what)
    elif what == "empty":
        images[5] = 0
    elif what == "none":
        return images[:0], labels[:0]
    elif what == "oblong":
        return images[..., :-1], labels
    elif what == "fewer":
        return images, labels[1:]
    else:
        labels = {"one class": np.ones(len(labels)), "other": np.arange(len(labels)) % 3.0}[what]
    return images, labels


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("nan", "image 5 has NaN or infinity; expected finite numbers"),
        ("inf", "image 5 has NaN or infinity; expected finite numbers"),
        ("empty", "image 5 has no particle"),
        ("none", r"images have shape \(0, 1, 8, 8\); expected .* at least one"),
        ("oblong", r"images have shape \(12, 1, 8, 7\); expected .*cells along each axis"),
        ("fewer", r"labels of shape \(11,\) for 12 (training|validation) images"),
        ("one class", r"labels are 1\.0; expected both 0 \(liquid\) and 1 \(glass\)"),
        ("other", r"labels are 0\.0, 1\.0, 2\.0; expected both"),
    ],
)
def test_bad_data_are_refused_before_training(tmp_path, what, message):
    data = crystals_and_gases(12, 0)
    wrong = spoilt(*data, what)
    for training, validation in ((wrong, data), (data, wrong)):
        with pytest.raises(UsageError, match=message) as caught:
            train(*training, *validation, settings(epochs=1), 7, tmp_path / "model")
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "model" / "metrics.csv").exists()


def test_validation_images_need_the_training_shape(tmp_path):
    data, (images, labels) = crystals_and_gases(8, 0), crystals_and_gases(8, 1)
    other = images[:, :, :6, :6]
    with pytest.raises(UsageError, match=r"of shape \(1, 6, 6\); expected \(1, 8, 8\)"):
        train(*data, other, labels, settings(epochs=1), 7, tmp_path)


class Malicious:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_checkpoint_with_code_or_truncated_is_refused(tmp_path):
    data, chosen = crystals_and_gases(8, 0), settings(epochs=1)
    train(*data, *data, chosen, 7, tmp_path)
    path, victim = tmp_path / "checkpoint.pt", tmp_path / "victim"
    whole = path.read_bytes()

    def numbers(content):
        parts = content.values() if isinstance(content, dict) else content
        is_nest = isinstance(content, dict | list | tuple)
        return [one for part in parts for one in numbers(part)] if is_nest else [content]

    state = torch.load(path, weights_only=True)
    plain = {int, float, str, bool, torch.Tensor, type(None)}
    assert {type(one) for one in numbers(state)} <= plain
    for new in (False, True):
        wrong = state | {"history": Malicious(victim)}
        torch.save(wrong, path, _use_new_zipfile_serialization=new)
        with pytest.raises(UsageError, match=r"is damaged; expected a checkpoint [^\n]*$"):
            train(*data, *data, chosen, 7, tmp_path)
    path.write_bytes(pickle.dumps(Malicious(victim)))
    with pytest.raises(UsageError, match="is damaged"):
        train(*data, *data, chosen, 7, tmp_path)
    assert not victim.exists()
    pickle.loads(path.read_bytes())
    assert victim.exists()  # the code would have run
    for length in (0, 10, 500, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(UsageError, match=r"is damaged; expected a checkpoint [^\n]*$"):
            train(*data, *data, chosen, 7, tmp_path)
    other = {"network": {}, "optimiser": {}}
    torch.save(state | other, path)
    with pytest.raises(UsageError, match="is damaged"):
        train(*data, *data, chosen, 7, tmp_path)


def test_full_disk_keeps_the_old_checkpoint(tmp_path):
    resource = pytest.importorskip("resource")
    data, chosen = crystals_and_gases(8, 0), settings(epochs=3)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(epoch, metrics):
        if epoch == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))

    try:
        with pytest.raises(OSError, match="File too large"):
            train(*data, *data, chosen, 7, tmp_path / "parts", fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list((tmp_path / "parts").glob("*.partial"))
    assert len(curve(tmp_path / "parts")) == 2
    train(*data, *data, chosen, 7, tmp_path / "parts")
    train(*data, *data, chosen, 7, tmp_path / "whole")
    assert curve(tmp_path / "parts") == curve(tmp_path / "whole")


@pytest.mark.slow
def test_it_stops_early_at_the_same_epoch_resumed_or_not(tmp_path):
    data = crystals_and_gases(16, 0)
    chosen = settings(epochs=60, patience=2, dropout=0.0)
    train(*data, *data, chosen, 7, tmp_path / "whole")
    last = len(curve(tmp_path / "whole"))
    assert last < 60
    for epoch in (last - 2, last - 1, last):
        with pytest.raises(StoppedEarly):
            train(*data, *data, chosen, 7, tmp_path / "parts", stop_after(epoch))
    train(*data, *data, chosen, 7, tmp_path / "parts", stop_after(last + 1))
    assert curve(tmp_path / "parts") == curve(tmp_path / "whole")
    names = ("weights.safetensors", "metrics.csv")
    whole, parts = ((tmp_path / one / names[0]).read_bytes() for one in ("whole", "parts"))
    assert whole == parts


def events_of(folder):
    """Steps and values of each curve, as TensorBoard reads them."""
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    found = event_accumulator.EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    return {
        name: [(one.step, one.value) for one in found.Scalars(name)]
        for name in found.Tags()["scalars"]
    }


def test_tensorboard_sees_each_epoch_once_resumed_or_not(tmp_path):
    data, chosen = crystals_and_gases(8, 0), settings(epochs=5)

    def check(epochs):
        rows, events = metrics_of(tmp_path), events_of(tmp_path)
        assert len(rows) == epochs
        assert events.keys() == rows[0].keys() - {"epoch"}
        for name, curve in events.items():
            steps, values = zip(*curve, strict=True)
            assert list(steps) == [row["epoch"] for row in rows]
            assert list(values) == pytest.approx([row[name] for row in rows])

    def stop(epoch, metrics):
        check(epoch)  # while the file is still open
        if epoch == 2:
            raise StoppedEarly("Told to stop")

    with pytest.raises(StoppedEarly):
        train(*data, *data, chosen, 7, tmp_path, stop)
    (tmp_path / "metrics.csv").unlink()  # as if killed before it was written
    (file,) = (tmp_path / "tensorboard").iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    train(*data, *data, chosen, 7, tmp_path, lambda epoch, metrics: check(epoch))
    check(5)


def test_a_tiny_set_is_learnt_in_bfloat16(tmp_path):
    data, new = crystals_and_gases(16, 0), crystals_and_gases(16, 1)
    for precision in ("bfloat16", "float32"):
        chosen = settings(epochs=30, dropout=0.0, precision=precision)
        network = train(*data, *new, chosen, 7, tmp_path / precision)
        assert {value.dtype for value in network.parameters()} == {torch.float32}
        scores = evaluate(network, new[0])
        assert scores.dtype == np.float32
        assert np.mean(scores.argmax(1) == new[1]) == 1
    first = [curve(tmp_path / one)[0]["train_loss"] for one in ("bfloat16", "float32")]
    assert first[0] != first[1]
    assert first[0] == pytest.approx(first[1], rel=0.02)
    assert not uses_bfloat16("auto", torch.device("cpu"))


def test_training_does_not_change_the_global_random_state(tmp_path):
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
    with pytest.raises(UsageError, match=r"with other images \(token \); expected .*\(token x\)"):
        train(*data, *data, settings(epochs=1), 7, tmp_path, data="x")


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


def test_nan_loss_is_an_error(tmp_path):
    data = crystals_and_gases(8, 0)
    wild = settings(learning_rate=1e12, normalisation="none", epochs=20)
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


def test_learning_rate_warms_up_and_decays_to_zero():
    rates = [learning_rate(step, 100, 0.1) for step in range(100)]
    assert rates[0] == pytest.approx(0.02)
    assert max(rates) == pytest.approx(0.1)
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert 0 < rates[-1] < 1e-4
