"""Hostile campaign files and folders: an error in one line, or they work; in little memory."""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from campaigns import TINY, glassdask, in_process
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from glassdask.base.devices import Devices
from glassdask.base.errors import StageFailed, UsageError
from glassdask.batch.profile import load_profile
from glassdask.campaign import load, new_campaign
from glassdask.campaign.schema import CampaignFile
from glassdask.run.mpi import launcher
from glassdask.run.torch import on_several
from glassdask.stages.plan import files_in_flight, groups_by_stage, size
from hpc.lammps_input import equilibration_input, propensity_input, quench_input

FILE = "campaign.toml"
FIELDS = [
    (section, key)
    for section, table in CampaignFile.model_fields.items()
    for key in table.annotation.model_fields  # type: ignore[union-attr]
]
#: Campaigns in which all fields are used.
BASES = {
    "plain": ("kam", ()),
    "equilibrium": ("custom", ("propensity.start=equilibrium", "quench.inherent_structures=true")),
    "scheduled": (
        "ka3d",
        ("quench.schedule=[[4.0,0.02],[0.9,0.01]]", "quench.controls=2", "train.seeds=3"),
    ),
    "imported": ("kam", ("quench.source=import",)),
}
VALUES = [
    "0", "-1", "3", "1000000", "1000000000", str(2**63), "1" * 300, "1" * 5000, "0x" + "f" * 9000,
    "5e-324", "1e-300", "1e-9", "1e9", "1e19", "1.7976931348623157e308", "-1e300", "nan", "-inf",
    "true", "1979-05-27", '""', '"\\u0000"', '"\\n"', '"{foo}"', '"{ranks"', "'a\"b'", '"é"',
    '"' + "x" * 100000 + '"', "[]", "[[]]", '[""]', "[1e300]", "[5e-324]", "[1.0, 1e18]",
    "[1000000, 1000000, 1000000]", "[1, 1, 1000000]", "[[4.0, 5e-324]]", "[[4.0, 1e300]]",
    '["glass", "liquid"]', '["../x"]', "[" * 1500 + "]" * 1500, "[" * 200 + "]" * 200,
    "[" + ",".join(f"{k}.5" for k in range(1, 20000)) + "]", "[" + "1," * 20000 + "1]",
    "[" + ",".join(f"{3.9 - 1e-4 * k:.4f}" for k in range(20000)) + "]", "{}",
    "{train=9223372036854775807,validation=1,test=1}", "[1", "{" + "a." * 30000 + "a=1}",
]  # fmt: skip
HOSTILE = st.one_of(
    st.sampled_from(VALUES),
    st.integers().map(str),
    st.floats().map(repr),
    st.text(max_size=20).map(json.dumps),
    st.lists(st.floats(), max_size=4).map(lambda values: f"[{', '.join(map(repr, values))}]"),
)


@contextmanager
def small() -> Iterator[None]:
    """Check that a block takes less than a second and 300 MB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    tracemalloc.start()
    # a mistake ends with a MemoryError, and not with a machine without memory
    resource.setrlimit(resource.RLIMIT_AS, (used + (4 << 30), hard))
    began = time.process_time()
    try:
        yield
    finally:
        seconds, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        tracemalloc.stop()
    # the time of this process, whatever else the machine does; tracemalloc takes three quarters
    assert seconds < 4
    assert peak < 300e6


def derive(folder: Path, *overrides: str) -> None:
    """What `plan` and `status` compute from the campaign file."""
    campaign = load(folder, overrides)
    assert campaign.hash
    groups = groups_by_stage(campaign)
    assert all(min(size(of_stage)) >= 0 for of_stage in groups.values())  # no overflow
    assert files_in_flight(campaign, 4) > 0
    launcher(campaign, 3)
    if not campaign.imported:
        assert quench_input(campaign)
    if campaign.file.propensity.start == "equilibrium":
        assert equilibration_input(campaign)
    assert propensity_input(campaign)


def error_of(folder: Path) -> str:
    """The error of the campaign file; empty if it has none."""
    try:
        derive(folder)
    except UsageError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {}
    for name, (model, overrides) in BASES.items():
        folders[name] = tmp_path_factory.mktemp(name) / "c"
        new_campaign(folders[name], model, "quick", overrides)
        derive(folders[name])  # imports, before memory and time count
    return folders


@settings(max_examples=200, deadline=None)  # `small` has the clock
@given(
    name=st.sampled_from(list(BASES)),
    changes=st.dictionaries(st.sampled_from(FIELDS), HOSTILE, min_size=1, max_size=2),
)
def test_hostile_values_are_refused_by_name_or_work(
    bases: dict[str, Path], name: str, changes: dict[tuple[str, str], str]
) -> None:
    text = (bases[name] / "campaign.toml").read_text(encoding="utf-8")
    for (section, key), value in changes.items():
        head, start, rest = text.partition(f"\n[{section}]")
        line = f"\n{key} = {value}"
        rest = re.sub(rf"\n(# )?{key} =[^\n]*", lambda _, line=line: line, rest, count=1)
        text = head + start + rest
    folder = bases[name].parent / "changed"
    folder.mkdir(exist_ok=True)
    (folder / "campaign.toml").write_text(text, encoding="utf-8", errors="replace")
    with small():
        said = error_of(folder)
    assert not said or re.search(
        rf"\[({'|'.join(CampaignFile.model_fields)})\]|campaign\.toml", said
    )
    assert len(said.splitlines()) <= 1
    assert len(said) < 2000


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("grid.spacing=5e-324", "spacing"),
        ("propensity.times=[1e300]", "times"),
        ("propensity.times=[1e12]", "times gives 2e"),
        ("propensity.duration=1e11", "duration gives 2e"),
        ("quench.cooling_rate=1e-11", "cooling_rate gives"),
        ("quench.hold_time=1e12", "hold_time gives"),
        ("propensity.linear_frames=1000000000", "linear_frames"),
        ("propensity.frames=100000000", "frames"),
        ("train.seeds=100000000", "seeds"),
        ("train.strides=[1000000,1,1]", "strides"),
        ("train.channels=[1000000,1000000,1000000]", "channels"),
        ("correlate.bootstrap=1000000000", "bootstrap"),
        ("quench.cooling_points=1000000000", "cooling_points"),
        ("quench.runs=" + "1" * 5000, "4300 digits"),
        ("quench.runs=" + "1" * 4000, "runs = 111"),
        ("quench.runs=0x" + "f" * 9000, "thousands of digits"),
        ("quench.runs=" + "[" * 9000 + "]" * 9000, "nested too deep"),
        ("indicators.modules=['\\u0000']", "modules"),
        ('hpc.launcher=""', "launcher"),
        ("hpc.launcher='{foo}'", "launcher"),
        ("hpc.launcher='mpiexec -n {ranks'", "launcher"),
        ("hpc.launcher='mpiexec -n {ranks:1000000000}'", "launcher"),
        ("hpc.launcher='a\"b'", "launcher"),
        ("hpc.launcher='" + "x" * 500 + "'", "xxx"),
    ],
)
def test_hostile_override_is_an_error_that_names_it(
    bases: dict[str, Path], override: str, names: str
) -> None:
    with small(), pytest.raises(UsageError, match=re.escape(names)) as caught:
        derive(bases["plain"], override)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    "overrides",
    [
        ["quench.runs=100000", "quench.split={train=90000,validation=5000,test=5000}"],
        ["system.particles=1000000"],
        ["propensity.replicas=10000", "propensity.configurations=26"],
        [f"grid.spacing={20.4124 / 4096:.6f}"],
        ["propensity.duration=1e9", "propensity.linear_frames=1000"],
        ["quench.cooling_rate=1e-7"],
    ],
)
def test_campaigns_of_large_clusters_are_accepted(
    bases: dict[str, Path], overrides: list[str]
) -> None:
    with small():
        derive(bases["plain"], *overrides)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe", b"\0", b"quench = 1", b"[[quench]]", b"[quench]\nruns = 1\nruns = 1",
        b"[campaign]\nname = '''", b".".join([b"a"] * 60000) + b" = 1", b'"\\u001b\\n" = 1',
        b"[" + b".".join([b"a"] * 60000) + b"]", b"a = " + b"{b=" * 5000, b"a" * 200000 + b" = 1",
        b"\n".join(b"a%d = 1" % k for k in range(5000)),
        b"".join(b"a%d." % k + b".".join([b"b"] * 99) + b" = 1\n" for k in range(300)),
    ],
)  # fmt: skip
def test_hostile_text_is_an_error_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "campaign.toml").write_bytes(content)
    with small(), pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 1000
    with small(), pytest.raises(UsageError):  # a site profile is read in the same way
        load_profile(tmp_path / "campaign.toml")


def test_campaign_file_is_a_small_regular_file(tmp_path: Path) -> None:
    def refused(name: str, text: str) -> None:
        for read in (lambda: load(tmp_path / name), lambda: load_profile(tmp_path / name / FILE)):
            with small(), pytest.raises(UsageError, match=text):
                read()

    for name in ("pipe", "folder", "device", "large"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "pipe" / FILE)
    (tmp_path / "folder" / FILE).mkdir()
    (tmp_path / "device" / FILE).symlink_to("/dev/zero")
    for name in ("pipe", "folder", "device"):
        refused(name, "no regular file")
    with (tmp_path / "large" / FILE).open("wb") as file:
        file.truncate(100 << 20)
    refused("large", "larger than 262,144 bytes")


@pytest.mark.parametrize("folder", ["a\nb", "a\x1b[31m", os.fsdecode(b"a\xff"), "x" * 300, "a\0b"])
def test_folders_that_cannot_be_printed_are_refused(tmp_path: Path, folder: str) -> None:
    for command in (load, lambda path: new_campaign(path, "kam", "quick")):
        with pytest.raises(UsageError, match="the folder") as caught:
            command(tmp_path / folder)
        assert str(caught.value).isprintable()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("folder", ["-x", "--set", "~"])
def test_no_command_takes_a_folder_for_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = in_process("new", "--", folder).stdout
    assert f"glassdask plan {shlex.quote(str(tmp_path / folder))}" in said
    assert load(Path(folder)).path == tmp_path / folder


@pytest.mark.parametrize("text", ["{foo}", "{ranks", "a 'b'", 'a "b', " "])
def test_launcher_of_a_profile_is_checked(tmp_path: Path, text: str) -> None:
    profile = tmp_path / "site.toml"
    profile.write_text(f"[site]\nlauncher = {json.dumps(text)}\n")
    with pytest.raises(UsageError, match="launcher"):
        load_profile(profile)


@pytest.mark.processes
def test_launcher_that_does_nothing_completes_no_stage(tmp_path: Path) -> None:
    new_campaign(tmp_path / "c", "kam", "quick", TINY)
    nothing = ("--set", "hpc.launcher='true'")
    said = glassdask("quench", str(tmp_path / "c"), *nothing, code=1).stderr
    assert "launcher" in said
    assert "quench" in said
    assert "not started" in glassdask("status", str(tmp_path / "c")).stdout


def test_launcher_that_does_nothing_confirms_no_replay(quenched: Path) -> None:
    words = ("replay", str(quenched), "--sample", "1", "--set", "hpc.launcher='true'")
    assert "launcher" in glassdask(*words, code=1).stderr


@pytest.mark.processes
def test_torchrun_that_does_nothing_completes_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = new_campaign(tmp_path / "c", "kam", "quick", TINY)
    monkeypatch.setattr("glassdask.run.torch.launch_command", lambda *_: ["true"])
    with pytest.raises(StageFailed, match="train"):
        on_several(campaign, "train", "train", Devices("cpu", 2))
