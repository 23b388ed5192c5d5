"""Valid and invalid isoconfigurational ensembles of a campaign file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glassdask.base.errors import UsageError
from glassdask.campaign import Campaign, load, new_campaign
from glassdask.campaign.ensemble import frame_steps, length

#: Steps of 0.005.
STEP = 0.005


def made(folder: Path, *overrides: str) -> Campaign:
    if not (folder / "campaign.toml").exists():
        new_campaign(folder, "kam", "quick")
    return load(folder, overrides)


def test_times_become_the_recorded_steps(tmp_path: Path) -> None:
    campaign = made(tmp_path, "propensity.times=[0.005, 0.5, 0.7, 12.0, 80.0]")
    assert (frame_steps(campaign) == [1, 100, 140, 2400, 16000]).all()
    assert length(campaign.file.propensity) == 80.0


@pytest.mark.parametrize(("linear", "frames"), [(0, 16), (1, 16), (10, 16), (7, 1), (2000, 3)])
def test_linear_frames_are_added_to_log_spaced_ones(
    tmp_path: Path, linear: int, frames: int
) -> None:
    words = (f"propensity.linear_frames={linear}", f"propensity.frames={frames}")
    campaign = made(tmp_path, "propensity.duration=10.0", "propensity.first_time=0.1", *words)
    steps = set(frame_steps(campaign).tolist())
    alone = {round(t / STEP) for t in np.geomspace(0.1, 10.0, frames)}
    evenly = {round(10.0 * k / linear / STEP) for k in range(1, linear + 1)}
    assert steps == alone | evenly
    assert (np.diff(frame_steps(campaign)) > 0).all()
    assert frame_steps(campaign)[0] >= 1


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["times=[0.5, 0.4]"], "times has 0.4 after 0.5"),
        (["times=[0.5, 0.5]"], "times has 0.5 after 0.5"),
        (["times=[0.001, 0.5]"], "times begins with 0.001"),
        (["times=[0.5, 0.501]"], "times 0.5 and 0.501 are the same step of 0.005"),
        (["times=[-1.0, 0.5]"], r"\[propensity\] times.0 = -1.0; expected a number > 0"),
        (["times=[]"], r"\[propensity\] times = \[\]; expected .*at least 1"),
        (["times=[0.5, 1.0]", "linear_frames=3"], "times with linear_frames = 3; expected one of"),
        (["frames=1"], "frames = 1 .*first_time = 0.5, not duration = 100; expected 2"),
        (["linear_frames=20001"], "linear_frames = 20001, .*20000 steps; expected 0 to 20000"),
        (["temperatures=[0.0]"], r"temperatures.0 = 0.0; expected a number > 0"),
        (["temperatures=[-0.5]"], r"temperatures.0 = -0.5; expected a number > 0"),
        (["replicas=1"], r"replicas = 1; expected a number >= 2"),
        (["samples=[130, 140]"], "samples has run 140 .*; expected 0 to 139"),
        (["samples=[130, 130]"], "samples has run 130 twice; expected each run once"),
        (["samples=[130]"], "samples has 1 runs, .*configurations = 2.*`configurations = 1`"),
        (["samples=[3, 130]"], r"has run 3 of the train split, and \[explain\] splits = \['test'"),
        (["samples=[-1, 130]"], r"samples.0 = -1; expected a number >= 0"),
        (["equilibration_time=5.0"], 'equilibration_time = 5 with start = "glass"'),
        (["start=equilibrium", "equilibration_time=0.9"], "equilibration of 0.9 .*at least 1 "),
        (["start=liquid"], "start = .*; expected one of .glass. or .equilibrium."),
    ],
)  # fmt: skip
def test_invalid_ensembles_are_refused(tmp_path: Path, overrides: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        made(tmp_path, *(f"propensity.{override}" for override in overrides))


def test_samples_can_be_of_any_explained_split(tmp_path: Path) -> None:
    named = "propensity.samples=[130, 3]"
    found = made(tmp_path, named, 'explain.splits=["test", "train"]')
    assert found.file.propensity.samples == [130, 3]
    assert made(tmp_path, named, "propensity.start=equilibrium")


def test_inherent_configuration_needs_inherent_structures(tmp_path: Path) -> None:
    for name in ("grid", "indicators"):
        use = f"{name}.configuration=inherent"
        with pytest.raises(UsageError, match=r"--set quench.inherent_structures=true"):
            made(tmp_path, use)
        assert made(tmp_path, use, "quench.inherent_structures=true")


def test_default_fields_do_not_change_records(tmp_path: Path) -> None:
    campaign = made(tmp_path)
    tables = campaign.sections(("quench", "grid", "indicators", "propensity"))
    asked = {
        "quench": {"inherent_structures"},
        "grid": {"configuration"},
        "indicators": {"configuration"},
        "propensity": {"start", "equilibration_time", "samples", "times", "linear_frames"},
    }
    for name, keys in asked.items():
        assert not keys & set(tables[name])
    more = ("quench.inherent_structures=true", "grid.configuration=inherent")
    changed = made(tmp_path, *more, "propensity.start=equilibrium")
    assert changed.sections(("quench",))["quench"]["inherent_structures"]
    assert changed.sections(("grid",))["grid"]["configuration"] == "inherent"
    assert changed.hash != campaign.hash
    # the default is the length of a trajectory, from either field
    one = changed.sections(("equilibration",))["propensity"]
    assert one["equilibration_time"] == campaign.file.propensity.duration
    assert "replicas" not in one
    times = made(tmp_path, "propensity.times=[1.0, 7.0]", "propensity.start=equilibrium")
    table = times.sections(("propensity",))["propensity"]
    assert table["equilibration_time"] == 7.0
    assert not {"duration", "frames", "first_time"} & set(table)
