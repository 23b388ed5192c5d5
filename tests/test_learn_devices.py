"""One or two processes: the same network and maps, and nothing lost after a kill."""
# torch is optional: without it these tests are skipped before the imports that need it.

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from campaigns import accept_changes, gridded, wait_for

torch = pytest.importorskip("torch")

from safetensors.torch import load_file

from glassdask.base import devices
from glassdask.base.devices import (
    Devices,
    find_devices,
    useful_devices,
    without_cuda,
)
from glassdask.base.errors import StageFailed
from glassdask.campaign import Campaign
from glassdask.campaign.analyses import Train
from glassdask.network.batches import Batch, Batches
from glassdask.network.ranks import Ranks
from glassdask.run import torch as launching
from glassdask.stages.learning import fit, run_explain, run_train
from glassdask.store import layout, manifest, networks, records

pytestmark = pytest.mark.processes

ONE, TWO = Devices("cpu", 1), Devices("cpu", 2)
#: The command line of a machine that has two devices.
COMMAND = (
    "from glassdask import cli; from glassdask.base.devices import Devices; "
    "from glassdask.stages import learning; "
    "learning.find_devices = lambda nodes: Devices('cpu', 2); cli.main()"
)


def curve(campaign: Campaign) -> list[dict[str, float]]:
    with (campaign.path / "model" / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    return [{k: float(v) for k, v in row.items() if k != "seconds"} for row in rows]


def weights(campaign: Campaign) -> dict[str, torch.Tensor]:
    return load_file(campaign.path / "model" / "weights.safetensors")


def start(stage: str, campaign: Campaign) -> subprocess.Popen:
    words = [sys.executable, "-c", COMMAND, stage, str(campaign.path)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def processes(folder: Path) -> list[int]:
    """Processes that torchrun started for a campaign, without torchrun itself."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode().split("\0")
        except OSError:
            continue
        if str(folder) in words and "torch.distributed.run" not in words and "-c" not in words:
            found.append(int(path.parent.name))
    return found


def wait_until_gone(folder: Path) -> None:
    until = time.monotonic() + 10
    while processes(folder):
        assert time.monotonic() < until, "orphans"
        time.sleep(0.1)


def open_explanations(campaign: Campaign) -> xr.Dataset:
    group = xr.open_zarr(campaign.store, group="explanations", consolidated=False)
    return group.load().drop_attrs()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Campaign, Campaign]:
    """Two networks, trained by one process and by two with streaming."""
    one = gridded(tmp_path_factory.mktemp("one") / "c", "train.seeds=2")
    two = gridded(tmp_path_factory.mktemp("two") / "c", "train.seeds=2", "train.streaming=true")
    run_train(one, devices=ONE)
    run_train(two, devices=TWO)
    return one, two


def test_two_processes_train_the_same_network_as_one(pair: tuple[Campaign, Campaign]) -> None:
    one, two = pair
    assert len(curve(one)) == len(curve(two)) == one.file.train.epochs
    for a, b in zip(curve(one), curve(two), strict=True):
        # rounding errors grow with each step
        assert a == pytest.approx(b, rel=1e-5 if a["epoch"] < 4 else 1e-2)
    assert curve(one)[-1]["train_loss"] < 0.5 * curve(one)[0]["train_loss"]
    assert weights(one).keys() == weights(two).keys()
    for name, value in weights(one).items():
        torch.testing.assert_close(value, weights(two)[name], rtol=1e-2, atol=2e-3)
    notes = [records.read(campaign, "train") or {} for campaign in pair]
    assert [(note["device"], note["devices"]) for note in notes] == [("cpu", 1), ("cpu", 2)]
    assert not list((two.path / "logs").glob("*torchrun"))


def test_training_resumed_after_kill_and_stop_equals_undisturbed_training(
    pair: tuple[Campaign, Campaign], tmp_path: Path
) -> None:
    campaign = gridded(tmp_path / "c")
    checkpoint = campaign.path / "model" / "checkpoint.pt"
    first = start("train", campaign)
    wait_for(checkpoint.exists, first)
    os.kill(processes(campaign.path)[-1], signal.SIGKILL)
    _, said = first.communicate(timeout=60)
    assert first.returncode == 75, said
    assert len(said.strip().splitlines()) == 1, said
    assert "one of the 2 processes of train was killed" in said
    wait_until_gone(campaign.path)

    before = checkpoint.stat().st_mtime_ns
    second = start("train", campaign)
    wait_for(lambda: checkpoint.stat().st_mtime_ns > before, second)
    second.send_signal(signal.SIGTERM)
    _, said = second.communicate(timeout=60)
    assert second.returncode == 75, said
    assert "Traceback" not in said
    assert "type the same command to continue" in said
    wait_until_gone(campaign.path)
    assert records.state(campaign, "train") is records.State.PARTIAL

    run_train(campaign, devices=TWO)
    assert curve(campaign) == curve(pair[1])
    for name, value in weights(campaign).items():
        assert torch.equal(value, weights(pair[1])[name]), name


@pytest.mark.long
def test_two_processes_explain_like_one_and_keep_finished_blocks(
    pair: tuple[Campaign, Campaign], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair
    # with the same weights, since maps are very sensitive to them
    for network in range(2):
        theirs, ours = (networks.folder(c, network) / "weights.safetensors" for c in (one, two))
        ours.write_bytes(theirs.read_bytes())
    accept_changes(two.path)
    run_explain(one, devices=ONE)
    monkeypatch.setattr(manifest, "HOLDS", 1000.0)  # so that the loss is found by a process
    assert records.state(two, "grid") is records.State.COMPLETE
    lost = two.store / "density" / "density" / "c" / "1"
    lost.rename(two.path / "lost")
    with pytest.raises(StageFailed, match=rf"type `glassdask grid {two.path} --start-over`\.$"):
        run_explain(two, devices=TWO)
    whole, part = (open_explanations(campaign) for campaign in pair)
    done = part.run_status == layout.DONE
    assert not done[10:20].any()
    xr.testing.assert_allclose(whole.score.where(done), part.score.where(done), rtol=1e-5)

    (two.path / "lost").rename(lost)
    run_explain(two, devices=TWO)
    whole, part = (open_explanations(campaign) for campaign in pair)
    assert (part.run_status == layout.DONE).all()
    assert np.isfinite(part.gradcam.sel(sample=part.split == "test")).all()
    xr.testing.assert_allclose(whole, part, rtol=1e-5, atol=1e-6)
    assert (records.read(two, "explain") or {})["device"] == "cpu"


def test_missing_block_results_are_an_error(
    pair: tuple[Campaign, Campaign], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(campaign, stage, step: str, devices: Devices, on_message, words=()) -> None:
        if step == "score":
            on_message({"learnt": True, "learnt_by_network": [True, True], "reason": ""})

    monkeypatch.setattr("glassdask.stages.learning.on_several", lose)
    with pytest.raises(StageFailed, match="explain has no result of"):
        run_explain(pair[1], start_over=True, devices=TWO)
    assert records.state(pair[1], "explain") is records.State.PARTIAL


def test_different_checkpoints_on_two_nodes_are_refused(
    pair: tuple[Campaign, Campaign], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ranks, "as_first", lambda ranks, content: content + 1)
    with pytest.raises(StageFailed, match=r"process 0 finds 12 epochs in .*expected 13"):
        fit(pair[0], torch.device("cpu"))


def test_shares_of_the_processes_make_the_complete_batch() -> None:
    images, labels = np.arange(1, 7 * 16 + 1).reshape(7, 1, 4, 4), np.arange(7)

    def batches(ranks: Ranks) -> list[Batch]:
        made = Batches(images, labels, Train(batch_size=4), ranks)
        with made.shuffled(torch.Generator().manual_seed(3)) as found:
            return list(found)

    whole = batches(Ranks())
    assert [batch.size for batch in whole] == [4, 3]
    assert sorted(torch.cat([batch.labels for batch in whole]).tolist()) == list(range(7))
    for size in range(1, 4):
        shares = [batches(Ranks(rank, size)) for rank in range(size)]
        for step, batch in enumerate(whole):
            counts = [len(share[step].images) for share in shares]
            assert max(counts) - min(counts) <= 1
            for name in ("images", "labels"):
                parts = [getattr(share[step], name) for share in shares]
                assert torch.equal(torch.cat(parts), getattr(batch, name))


@pytest.mark.parametrize("images", [2, 3, 9, 32, 1000])
@pytest.mark.parametrize("batch_size", [2, 3, 16, 64])
@pytest.mark.parametrize("found", [Devices("cuda", 8), Devices("cuda", 4, 3)])
def test_no_share_is_empty(images: int, batch_size: int, found: Devices) -> None:
    used = useful_devices(found, images, batch_size)
    steps = -(-images // batch_size)
    smallest = min(map(len, torch.arange(images).tensor_split(steps)))
    assert 1 <= used.count <= max(1, min(smallest, batch_size // 2))
    assert used.per_node <= found.per_node
    assert used.nodes <= found.nodes
    if min(smallest, batch_size // 2) >= found.count:
        assert used == found


def test_one_node_is_started_by_torchrun_and_several_by_srun() -> None:
    where, what = Path("/c/logs/train-torchrun"), ["train", "/c", "--device", "cuda"]
    one = launching.launch_command(Devices("cuda", 4), where, what)
    run = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=4"]
    run += ["--log-dir=/c/logs/train-torchrun"]
    module = ["-m", "glassdask.stages.rank", *what]
    assert one == [*run, "--standalone", "--local-addr=127.0.0.1", *module]
    many = launching.launch_command(Devices("cuda", 4, 3), where, what, "node07", "123456")
    assert many == [
        "srun", "--nodes=3", "--ntasks=3", "--ntasks-per-node=1", "--cpu-bind=none", "--overlap",
        "--export=ALL", "--kill-on-bad-exit=1", *run, "--nnodes=3", "--rdzv-backend=c10d",
        "--rdzv-endpoint=node07:23456", "--rdzv-id=123456", *module,
    ]  # fmt: skip


def test_a_job_without_gpus_uses_the_cpu_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in devices.ASKED:
        monkeypatch.delenv(name, raising=False)
    assert find_devices(nodes=3) == ONE
    torch.set_num_threads(1)
    assert without_cuda("train") == "train: no CUDA device; the CPU is used, with 1 thread"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("SLURM_GPUS_ON_NODE", "0")
    assert "asked for" not in without_cuda("train")
    monkeypatch.setenv("SLURM_JOB_GPUS", "0,1")
    assert "a GPU was asked for (SLURM_JOB_GPUS=0,1), but torch" in without_cuda("explain")


def test_warning_without_gpu_is_one_line_per_stage(
    pair: tuple[Campaign, Campaign], capsys: pytest.CaptureFixture[str]
) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    campaign = pair[0]
    for run in (run_train, run_explain):
        capsys.readouterr()
        run(campaign, start_over=True)
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 1
        assert said[0].startswith("Warning: ")
        assert "no CUDA device; the CPU is used" in said[0]
