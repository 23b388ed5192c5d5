"""Cooling piece by piece: exact rates, holds, further snapshots, control runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from campaigns import glassdask, in_process
from hypothesis import given, settings
from hypothesis import strategies as st
from lammps_runs import quench, same_bits, small, to_the_end
from mpi4py import MPI

import glassdask as gd
from glassdask.base.errors import UsageError
from glassdask.campaign import Campaign, load
from glassdask.campaign.averages import AVERAGED, cooling_averages
from glassdask.campaign.campaign import from_data
from glassdask.campaign.cooling import (
    CONTROLS,
    input_of_run,
    one_rate,
    ramp,
    steps_of,
)
from glassdask.campaign.writing import PRESETS, draft
from glassdask.report.data import ReportData
from glassdask.report.sanity import sanity_table
from glassdask.scan.points import make_points
from glassdask.store import records
from hpc import lammps_input
from hpc.carrying_out import carry_out
from hpc.lammps_input import marks, quench_input
from hpc.quench import Quench
from hpc.restarts import Restarts

PIECES = "quench.schedule=[[4.0,1.0],[1.0,0.25],[0.4,0.5]]"
#: All options of a quench.
RICH = (
    PIECES, "quench.liquid_hold_time=1.5", "quench.hold_time=0.5",
    "quench.snapshot_temperatures=[2.0,0.6,0.4]", "quench.controls=2", "quench.control_time=3.0",
    "quench.cooling_points=10",
)  # fmt: skip


def with_schedule(schedule: list[list[float]], **quench_table) -> Campaign:
    table = {"schedule": schedule, "start_temperature": schedule[0][0], "cooling_points": 5}
    return from_data(Path("nowhere"), {"quench": table | quench_table})


@st.composite
def schedules(draw) -> list[list[float]]:
    corners = draw(st.lists(st.integers(9, 40), min_size=1, max_size=5, unique=True))
    rates = [draw(st.floats(1e-4, 0.5)) for _ in corners]
    return [[k / 10, rate] for k, rate in zip(sorted(corners, reverse=True), rates, strict=True)]


@given(schedules())
@settings(max_examples=60, deadline=None)
def test_each_piece_is_linear_at_its_own_rate_to_one_step(schedule) -> None:
    path, step = ramp(with_schedule(schedule)), 0.005
    assert path.temperature_at(np.array([0, path.steps])).tolist() == [schedule[0][0], 0.05]
    for leg, (begin, rate) in zip(path.legs(), schedule, strict=True):
        assert leg.begin == begin
        assert leg.steps * step * rate == pytest.approx(leg.begin - leg.end, abs=rate * step)
        first = path.step_at(begin)
        inside = path.temperature_at(first + np.arange(leg.steps + 1))
        assert np.allclose(np.diff(inside), (leg.end - leg.begin) / leg.steps, atol=1e-12)


@given(schedules())
@settings(max_examples=30, deadline=None)
def test_energies_are_averaged_evenly_in_temperature(schedule) -> None:
    campaign = with_schedule(schedule, liquid_hold_time=2.0)
    found, width = cooling_averages(campaign), (schedule[0][0] - 0.05) / 5
    assert (np.diff(found.samples) > 0).all()
    middle = schedule[0][0] - width * (np.arange(5) + 0.55)
    assert np.allclose(found.temperatures, middle, atol=0.06 * width)


def test_no_energy_is_recorded_during_the_hold() -> None:
    plain = with_schedule([[4.0, 0.1], [1.0, 0.01]])
    held = with_schedule([[4.0, 0.1], [1.0, 0.01]], liquid_hold_time=7.0)
    here = ramp(plain).step_at(0.8)
    before = cooling_averages(plain).samples
    assert np.array_equal(cooling_averages(held).samples, before + 1400 * (before > here))


def test_the_input_cools_without_a_gap(tmp_path: Path) -> None:
    campaign = small(tmp_path, "kam", *RICH)
    lines = quench_input(campaign).splitlines()
    cooling = lines[lines.index("#@ cooling") - 1 : lines.index("#@ record glass")]
    now, step, target, held = 4.0, 0, (0, 0, 4.0, 4.0), 0
    for line in cooling:
        if found := re.match(r"fix nvt all nvt temp (\S+) (\S+)", line):
            begin, end = map(float, found.groups())
            assert begin == pytest.approx(now)
            target = (step, step, begin, end)
        elif found := re.match(r"run (\d+) start (\d+) stop (\d+)", line):
            count, first, last = map(int, found.groups())
            assert first == target[0]
            step += count
            assert first < step <= last
            now = target[2] + (target[3] - target[2]) * (step - first) / (last - first)
        elif line.startswith("run "):
            assert target[2] == target[3] == pytest.approx(now)
            step += int(line.split()[1])
            held += int(line.split()[1])
    assert now == pytest.approx(0.05)
    assert held == 300 + 100
    assert step - held == ramp(campaign).steps


def test_every_ramp_has_start_and_stop(tmp_path: Path) -> None:
    # the driver makes a run of each block, which without these would be the complete ramp
    lines = quench_input(small(tmp_path, "kam", *RICH)).splitlines()
    step, ends, ramps = 0, (0.0, 0.0), []
    for line in lines:
        if line == "reset_timestep 0":
            step = 0
        elif found := re.match(r"fix nvt all nvt temp (\S+) (\S+)", line):
            ends = (float(found[1]), float(found[2]))
            if ends[0] != ends[1]:
                ramps.append([ends, step, 0])
        elif line.startswith("run "):
            count = int(line.split()[1])
            if ends[0] != ends[1]:
                found = re.search(r"start (\d+) stop (\d+)", line)
                assert found, line
                assert int(found[1]) == ramps[-1][1]
                ramps[-1][2] = int(found[2])
            step += count
            assert ends[0] == ends[1] or step <= ramps[-1][2]
    *_, (last, first, stop), (slow, slow_first, slow_stop) = ramps
    assert last == slow == (0.4, 0.05)
    assert slow_stop - slow_first == 10 * (stop - first)


class Watched(Quench):
    """A control run that records the temperature along its slower last piece."""

    def stops(self, before):
        self.controls = CONTROLS in before
        self.looked = steps_of(self.campaign, 3.0) + np.arange(50, 1400, 50)
        found = super().stops(before)
        return np.concatenate([found, self.looked]) if self.controls else found

    def at_stop(self, runner, step):
        if self.controls and step in self.looked:
            self.keep(temperature=runner.kinetic_temperature())
        else:
            super().at_stop(runner, step)


@pytest.mark.usefixtures("_short_blocks")
def test_the_slower_last_piece_is_one_ramp_over_all_its_blocks(tmp_path: Path) -> None:
    campaign = small(tmp_path, "kam", *RICH)
    assert ramp(campaign).legs()[-1].steps == 140
    run = Watched(campaign, quench_input(campaign), 17, is_control=True)
    carry_out(run, MPI.COMM_SELF, tmp_path / "log")
    thirds = np.array(run.kept["temperature"]).reshape(3, -1).mean(axis=1)
    assert np.allclose(thirds, [0.34, 0.225, 0.11], atol=0.06)


def test_a_schedule_of_one_piece_is_one_rate(tmp_path: Path) -> None:
    single = quench(small(tmp_path, "kam"), 5, tmp_path / "log")
    pieces = small(tmp_path, "kam", "quench.schedule=[[4.0,0.5]]")
    assert same_bits(single, quench(pieces, 5, tmp_path / "log"))


@pytest.mark.slow
def test_snapshots_have_their_temperatures(tmp_path: Path) -> None:
    # fast enough for a test, slow enough for the thermostat
    more = ("quench.schedule=[[4.0,0.1],[1.0,0.02]]", "system.particles=500", "system.density=1.2")
    campaign = small(
        tmp_path, "kam", *more, "quench.snapshot_temperatures=[3.0,2.0,1.0,0.6]",
        "quench.inherent_structures=true",
    )  # fmt: skip
    found = quench(campaign, 4, tmp_path / "log")
    wanted = np.array(campaign.file.quench.snapshot_temperatures)
    kinetic = found["snapshot_kinetic_temperature"]
    assert np.abs(kinetic / wanted - 1).max() < 5 / 500**0.5  # N degrees of freedom per axis
    energies = found["snapshot_potential_energy"]
    liquid, glass = found["potential_energy"]
    assert (np.diff([*energies[:3], liquid, energies[3], glass]) < 0).all()
    minima = found["snapshot_inherent_potential_energy"]
    assert (minima < energies).all()
    block = gd.from_arrays(
        found["snapshot_position"], campaign.model.species_of_particles(500), campaign.box_length,
        sigma=campaign.model.sigma, epsilon=campaign.model.epsilon,
    ).assign_attrs(cutoff=2.5)  # fmt: skip
    again = gd.potential_energy(block).mean("particle").values
    assert np.allclose(again, energies, atol=1e-10)


@pytest.fixture
def _short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lammps_input, "LONGEST_BLOCK", 150)


@pytest.mark.usefixtures("_short_blocks")
@pytest.mark.parametrize("more", [(), ("quench.inherent_structures=true",)])
@pytest.mark.slow
def test_resumed_control_run_has_the_same_bits(tmp_path: Path, more) -> None:
    campaign, log = small(tmp_path, "kam", *RICH, *more), tmp_path / "log"
    whole = quench(campaign, 17, log, is_control=True)
    parts, stops = to_the_end(
        lambda order: quench(campaign, 17, log, Restarts(tmp_path, 0, ""), order, is_control=True)
    )
    assert stops >= 5
    assert same_bits(whole, parts)


@pytest.mark.slow
def test_controls_do_not_change_the_quench_and_find_its_minimum(tmp_path: Path) -> None:
    campaign = small(tmp_path, "kam", *RICH, "quench.inherent_structures=true")
    without = quench(campaign, 17, tmp_path / "log")
    checked = quench(campaign, 17, tmp_path / "log", is_control=True)
    of_controls = ("held_liquid_energy", "inherent_energy", "slow_inherent_energy")
    for name in without:
        if name in of_controls:
            assert np.isnan(without[name])
            assert np.isfinite(checked[name])
        else:
            assert without[name].tobytes() == checked[name].tobytes()
    minimum = checked["inherent_potential_energy"][1]
    assert checked["inherent_energy"] == pytest.approx(minimum, abs=1e-9)


def test_only_control_runs_execute_the_control_part(tmp_path: Path) -> None:
    text = quench_input(small(tmp_path, "kam", *RICH))
    assert input_of_run(text, is_control=True) == text
    short = input_of_run(text, is_control=False)
    assert CONTROLS not in short
    assert text.startswith(short)
    assert input_of_run(quench_input(small(tmp_path, "kam")), False).endswith("record glass\n")


def test_the_store_holds_snapshots_and_controls(tiny: Path) -> None:
    tree = gd.open(tiny)
    ds, cooling = tree["configurations"].to_dataset(), tree["cooling"].to_dataset()
    assert ds.snapshot_position.dims == ("sample", "snapshot", "particle", "axis")
    assert ds.snapshot_temperature.values.tolist() == [0.6]
    assert ((ds.snapshot_position >= 0) & (ds.snapshot_position < ds.box_length)).all()
    assert ds.attrs["cooling_rate"] == 0.5
    assert ds.attrs["schedule_temperature"] == [4.0, 1.0]
    assert ds.attrs["schedule_rate"] == [1.0, 0.5]
    for name in ("held_liquid_energy", "inherent_energy", "slow_inherent_energy"):
        assert np.isfinite(cooling[name].values).nonzero()[0].tolist() == [0, 1, 2]
    assert all("units" in each.attrs for ds in (ds, cooling) for each in ds.data_vars.values())
    assert len(cooling.temperature) * AVERAGED == len(cooling_averages(load(tiny)).samples)


def test_replay_repeats_control_runs_with_their_input(tiny: Path) -> None:
    said = glassdask("replay", str(tiny), "--sample", "0").stdout
    assert "slow_inherent_energy []: the same bits" in said
    assert "identical, bit by bit" in said
    for sample in (2, 3):
        shown = in_process("replay", str(tiny), "--sample", str(sample), "--show-input").stdout
        assert (CONTROLS in shown) == (sample < 3)


def test_changed_schedule_outdates_the_quench(tiny: Path) -> None:
    def state(*overrides: str) -> records.State:
        return records.state(load(tiny, overrides), "quench")

    assert state() is records.State.COMPLETE
    assert state("quench.schedule=[[4.0,1.0],[1.0,0.25]]") is records.State.CHANGED
    for field in ("controls=0", "liquid_hold_time=0.0", "snapshot_temperatures=[2.0]"):
        assert state(f"quench.{field}") is records.State.CHANGED


def test_sanity_table_shows_the_controls(tiny: Path) -> None:
    data = ReportData.of(load(tiny))
    checks = {check.what: check for check in sanity_table(data)}
    liquid, end = (next(c for c in checks if word in c) for word in ("held for", "ten times"))
    cooling = data.group("cooling")
    held = float(cooling.held_liquid_energy.mean())
    lost = float((cooling.inherent_energy - cooling.slow_inherent_energy).mean())
    assert "95 % interval" in checks[liquid].found
    assert f"{held:.4f} ε in 3 runs" in checks[liquid].found
    assert f"{lost:+.4f}" in checks[end].found


@pytest.mark.parametrize(("shift", "fine"), [(0.0, True), (0.3, False)])
def test_deviating_controls_fail_the_check(tiny: Path, shift: float, fine: bool) -> None:
    data = ReportData.of(load(tiny))
    cooling = data.group("cooling").load()
    liquids = data.group("configurations")["potential_energy"].sel(state="liquid").values
    given = {
        "held_liquid_energy": np.linspace(-1e-3, 1e-3, 3) + liquids.mean() + shift,
        "inherent_energy": np.array([-3.0, -3.1, -3.2]),
        "slow_inherent_energy": np.array([-3.001, -3.099, -3.2]) - shift,
    }
    for name, values in given.items():
        cooling[name][:3] = values
    found = [check for check in sanity_table(data) if "against" in check.what]
    assert [check.fine for check in found] == [fine, fine]


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("quench.schedule=[[4.0]]", "[4.0]"),
        ("quench.schedule=[]", "schedule"),
        ("quench.schedule=[[3.0,0.1]]", "start_temperature"),
        ("quench.schedule=[[4.0,0.1],[4.0,0.2]]", "decreasing temperatures"),
        ("quench.schedule=[[4.0,0.1],[0.05,0.2]]", "T_G"),
        ("quench.schedule=[[4.0,-0.1]]", "schedule"),
        ("quench.schedule=[[4.0,0.1],[1.0,9e9]]", "cooling_points"),
        ("quench.schedule=0.1", "schedule"),
        ("quench.snapshot_temperatures=[0.3,0.5]", "[0.5, 0.3]"),
        ("quench.snapshot_temperatures=[0.8]", "liquid"),
        ("quench.snapshot_temperatures=[0.05]", "T_G"),
        ("quench.snapshot_temperatures=[5.0]", "5"),
        ("quench.snapshot_temperatures=[0.6,0.59999999]", "0.6"),
        ("quench.controls=1000", "controls"),
        ("quench.controls=1", "controls = 1"),
        ("quench.controls=2", "controls = 2"),
        ("quench.controls=-1", "controls"),
    ],
)  # fmt: skip
def test_wrong_cooling_is_an_error_that_names_the_field(
    tmp_path: Path, override: str, named: str
) -> None:
    with pytest.raises(UsageError) as caught:
        small(tmp_path, "kam", override)
    assert named in str(caught.value)


def test_holds_and_controls_need_a_finite_time(tmp_path: Path) -> None:
    for wrong in (
        ("quench.liquid_temperature=4.0", "quench.liquid_hold_time=1.0"),
        (PIECES, "quench.controls=2", "quench.control_time=0.5"),
        ("quench.schedule=[[4.0,1.0],[0.8,0.5]]", "quench.controls=2"),
    ):
        with pytest.raises(UsageError, match=r"liquid_hold_time|control_time|T_L"):
            small(tmp_path, "kam", *wrong)


@pytest.mark.parametrize("corners", [(), (0.8,), (0.4,), (0.8, 0.4), (0.6, 0.37)])
@pytest.mark.parametrize("hold", [0.0, 1.0])
def test_snapshots_are_recorded_in_the_order_of_their_names(tmp_path, corners, hold) -> None:
    schedule = [[4.0, 1.0], *([T, 0.5] for T in corners)]
    more = [f"quench.schedule={schedule}", f"quench.liquid_hold_time={hold}"]
    more += ["quench.snapshot_temperatures=[0.6,0.37]"]
    more += ["quench.controls=2"] if corners and corners[-1] < 0.8 else []
    campaign = small(tmp_path, "kam", *more)
    lines = input_of_run(quench_input(campaign), is_control=False).splitlines()
    recorded = [line.split()[-1] for line in lines if line.startswith("#@ record")]
    assert recorded == list(marks(campaign))
    assert recorded[0] == "liquid"
    place = lines.index("#@ record liquid")
    if hold:  # preceded by the hold at T_L
        assert lines[place - 1].startswith("run 200 ")
        assert lines[place - 2] == "fix nvt all nvt temp 0.8 0.8 0.5"


def test_set_cooling_rate_with_a_schedule_is_refused(tiny: Path) -> None:
    with pytest.raises(UsageError, match="cooling_rate"):
        load(tiny, ["quench.cooling_rate=7.0"])
    for over in ("quench.cooling_rate=7.0", "quench.control_time=2.0;quench.cooling_rate=7.0"):
        with pytest.raises(UsageError, match="cooling_rate"):
            make_points(load(tiny), [over], every=False)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("model", ["abm", "kam", "ka3d"])
def test_presets_cool_at_the_stated_rate(preset: str, model: str) -> None:
    campaign = draft(Path("nowhere"), model, preset, {})
    path = ramp(campaign)
    if preset == "paper" or (preset == "reduced" and model != "ka3d"):
        assert path.slowest == 8.33e-5
    if preset == "reduced" and model != "ka3d":
        assert one_rate(campaign).steps > 6 * path.steps
        slow = path.legs()[path.rates.index(8.33e-5)]
        wanted = [*campaign.file.quench.snapshot_temperatures]
        assert slow.begin > wanted[1] >= slow.end  # T* is met at the paper's rate
    assert "glass" in marks(campaign)
