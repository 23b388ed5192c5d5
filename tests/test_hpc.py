"""LAMMPS through the driver: the potential, the protocol, the ensemble, the pool of ranks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from campaigns import change_input
from lammps_runs import SMALL, propensity, quench, small
from mpi4py import MPI

from glassdask.base import npz
from glassdask.base.errors import UsageError
from glassdask.campaign import Campaign, load
from glassdask.campaign.averages import AVERAGED, cooling_averages
from glassdask.campaign.cooling import ramp
from glassdask.physics.configuration import Configuration
from glassdask.physics.indicators import INDICATORS
from glassdask.run import mpi
from glassdask.stages.replaying import find_run, print_input, replay
from glassdask.store import groups, jobs, layout
from glassdask.store.owners import owner, owners
from glassdask.store.stage import stage_folder
from glassdask.store.trajectories import waiting
from hpc import spool
from hpc.allowed import first_other
from hpc.lammps_input import frame_steps, propensity_input, quench_input
from hpc.replay import difference
from hpc.restarts import Restarts
from hpc.runner import RunError, Runner
from hpc.stages import INPUTS, other_input, other_ranks, prepare, stored_input, work_of
from hpc.trajectories import Trajectory
from hpc.worker import attempt
from hpc.world import check_world, group_of, leader_of


def configuration(campaign: Campaign, position: np.ndarray) -> Configuration:
    model = campaign.model
    return Configuration(
        position=position,
        box_length=np.full(model.dimension, campaign.box_length),
        species=model.species_of_particles(len(position)),
        parameters={
            "sigma": model.sigma,
            "epsilon": model.epsilon,
            "cutoff": campaign.file.system.cutoff,
        },
    )


@pytest.mark.parametrize("model", ["kam", "kam-table1", "abm", "ka3d"])
def test_a_quench_has_the_energies_of_its_configurations(tmp_path: Path, model: str) -> None:
    larger = ["system.particles=200", "grid.spacing=0.5"] if model == "ka3d" else []
    campaign = small(tmp_path, model, *larger)
    result = quench(campaign, 17, tmp_path / "log")
    d = campaign.model.dimension
    assert result["position"].shape == (2, campaign.file.system.particles, d)
    assert (result["position"] >= 0).all()
    assert (result["position"] < campaign.box_length).all()
    for state in range(2):
        energy = INDICATORS["potential_energy"].function(
            configuration(campaign, result["position"][state])
        )
        assert energy.mean() == pytest.approx(result["potential_energy"][state], rel=1e-9)
    assert (np.diff(result["cooling"]) < 0).sum() >= 6
    assert result["cooling"][-1] < result["cooling"][0]
    assert result["potential_energy"][1] < result["potential_energy"][0]


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(tmp_path: Path) -> None:
    campaign = small(tmp_path, "kam")
    first, again, other = (quench(campaign, seed, tmp_path / "log") for seed in (5, 5, 6))
    assert (first["position"] == again["position"]).all()
    assert (first["position"] != other["position"]).any()


@pytest.mark.parametrize(
    "cooling",
    [
        (),
        (
            "quench.schedule=[[4.0,1.0],[1.0,0.25],[0.4,0.5]]", "quench.liquid_hold_time=1.5",
            "quench.snapshot_temperatures=[2.0,0.6]",
        ),
    ],
)  # fmt: skip
@pytest.mark.processes
def test_plain_lammps_and_driver_agree(tmp_path: Path, cooling) -> None:
    campaign = small(tmp_path, "kam", *cooling)
    driven = quench(campaign, 5, tmp_path / "log")
    dump = f"write_dump all custom {tmp_path}/dump id xu yu modify sort id format float %.17g"
    lines = quench_input(campaign).replace("#@ record glass", dump)
    (tmp_path / "in").write_text(lines)
    lmp = Path(sys.executable).parent / "lmp"
    subprocess.run(
        [lmp, "-in", tmp_path / "in", "-var", "seed", "5", "-log", "none", "-screen", "none"],
        check=True,
        cwd=tmp_path,
    )
    bare = np.mod(np.loadtxt(tmp_path / "dump", skiprows=9)[:, 1:], campaign.box_length)
    assert (bare == driven["position"][1]).all()


def test_potential_is_equation_1_for_every_pair(tmp_path: Path) -> None:
    campaign = small(tmp_path, "kam")
    phi = {1.0: 0.0748161, 2 ** (1 / 6): -0.92996, 1.5: -0.26502}
    setup = propensity_input(campaign).split("#@ place particles")
    potential = [line for line in setup[1].splitlines() if line.startswith("pair")]
    for kinds in ((0, 0), (0, 1), (1, 1)):
        sigma = campaign.model.sigma[kinds[0]][kinds[1]]
        epsilon = campaign.model.epsilon[kinds[0]][kinds[1]]
        for distance, value in phi.items():
            runner = Runner(MPI.COMM_SELF, {"seed": 1}, tmp_path / "log")
            for line in setup[0].splitlines():
                if line and not line.startswith("#"):
                    runner.command(line)
            place = np.array([[1.0, 1.0], [1.0 + distance * sigma, 1.0]])
            runner.place(place, np.array(kinds))
            for line in [*potential, "thermo_modify norm no", "run 0"]:
                runner.command(line)
            assert runner.lammps.get_thermo("pe") == pytest.approx(epsilon * value, abs=2e-5)
            runner.close()


def test_the_ramp_ends_at_the_right_temperatures(tmp_path: Path) -> None:
    campaign = small(tmp_path, "kam")
    path, cooling = ramp(campaign), cooling_averages(campaign)
    drop = 4.0 - 0.05
    assert path.step_at(0.8) / path.steps == pytest.approx(3.2 / drop, abs=1e-3)
    rate = drop / (path.steps * campaign.file.quench.time_step)
    assert rate == pytest.approx(campaign.file.quench.cooling_rate, rel=1e-3)
    assert (np.diff(cooling.temperatures) < 0).all()
    # energies cover the complete ramp for any number of steps
    assert cooling.samples[-1] == path.steps
    assert len(cooling.samples) == AVERAGED * campaign.file.quench.cooling_points
    width = drop / campaign.file.quench.cooling_points
    assert cooling.temperatures[-1] == pytest.approx(0.05 + 0.45 * width, abs=0.1 * width)


def test_frames_are_whole_increasing_and_end_with_the_run(tmp_path: Path) -> None:
    campaign = small(tmp_path, "kam", "propensity.frames=50", "propensity.duration=2.0")
    steps = frame_steps(campaign)
    assert (np.diff(steps) > 0).all()
    assert steps[-1] == round(2.0 / campaign.file.quench.time_step)


def test_a_trajectory_starts_in_its_cage_and_leaves_it(tmp_path: Path) -> None:
    campaign = small(tmp_path, "kam", "propensity.duration=20.0", "propensity.frames=8")
    glass = quench(campaign, 3, tmp_path / "log")["position"][1]
    cold = propensity(campaign, glass, 0.05, 9, tmp_path / "log")["crsd"]
    hot = propensity(campaign, glass, 1.5, 9, tmp_path / "log")["crsd"]
    assert cold.shape == (8, 120)
    assert np.sqrt(cold[-1]).mean() < 0.25  # it ages, but stays in its cage
    assert np.sqrt(hot[-1]).mean() > 0.5
    assert (hot >= 0).all()
    again = propensity(campaign, glass, 1.5, 9, tmp_path / "log")["crsd"]
    assert (again == hot).all()


def test_the_liquid_may_be_taken_at_the_start_of_the_ramp(tmp_path: Path) -> None:
    campaign = small(tmp_path, "kam", "quench.liquid_temperature=4.0")
    result = quench(campaign, 3, tmp_path / "log")
    assert np.isfinite(result["potential_energy"]).all()


def test_velocities_are_gaussian_without_drift(tmp_path: Path) -> None:
    text = propensity_input(small(tmp_path, "kam"))
    assert "mom yes rot no dist gaussian" in text


def test_lost_particles_are_an_error_not_a_result(tmp_path: Path) -> None:
    campaign = small(tmp_path, "kam", "quench.time_step=0.0075", "quench.start_temperature=4000.0",
                     "quench.cooling_rate=500.0")  # fmt: skip
    with pytest.raises(RunError, match=r"[Ll]ost|Non-numeric|not finite|out of range"):
        quench(campaign, 3, tmp_path / "log")


class Broken(Trajectory):
    """A run whose input LAMMPS refuses."""

    def act(self, runner, instruction): ...

    def stops(self, before): ...

    def at_stop(self, runner, step): ...

    def results(self, runner):
        return {}


def test_failed_run_stores_reason_and_log(tmp_path: Path) -> None:
    campaign = small(tmp_path, "kam")
    folder = tmp_path / "restarts" / "quench"
    folder.mkdir(parents=True)
    (tmp_path / "logs").mkdir()
    run = Broken(campaign, "units lj\nunits unheard_of\n", {"seed": 1})
    reason = attempt(7, folder, run, MPI.COMM_SELF, lambda steps: None, "me")
    assert reason == "Illegal units command: unheard_of" or "units" in reason
    assert str(spool.load(folder, 7, "me")["failure"]) == reason
    log = (tmp_path / "logs" / "quench-000007.lammps.log").read_text()
    assert "unheard_of" in log
    assert [path.name for path in folder.iterdir()] == ["000007.npz"]


def begun(tmp_path: Path, *overrides: str) -> tuple[Campaign, Path]:
    """A started quench stage without runs, and its folder of unfinished runs."""
    campaign = small(tmp_path, "kam", *overrides)
    jobs.make_folders(campaign)
    prepare(campaign, "quench", False)
    folder = stage_folder(campaign, "quench")
    folder.mkdir()
    return campaign, folder


def fill(campaign: Campaign, name: str, number: int, value: int) -> None:
    groups.array(campaign.store, "configurations", name)[number] = value


def test_change_of_ranks_per_run_is_warned_of(tmp_path: Path) -> None:
    campaign, folder = begun(tmp_path)
    on_two = load(campaign.path, [*SMALL, "hpc.ranks_per_run=2"])
    assert other_ranks(on_two, "quench") == ""
    of_run = owners(campaign, "quench")
    state = {"steps": np.array(10), "ranks": np.array(1)}
    Restarts(folder, 3, of_run(3)).save(state)
    assert other_ranks(campaign, "quench") == ""
    said = other_ranks(on_two, "quench")
    assert said.startswith("[hpc] ranks_per_run is 2; expected 1, as 1 started runs of quench had")
    assert "`ranks` = 0" in said
    Restarts(folder, 3, of_run(3)).save(state | {"steps": np.array(20), "ranks": np.array(2)})
    assert other_ranks(on_two, "quench") == ""
    spool.save(folder, 4, {"ranks": np.array(1)}, of_run(4))
    Restarts(folder, 4, of_run(4)).save(
        state
    )  # left by a job that was killed at the end of this run
    fill(campaign, "ranks", 5, 4)
    fill(campaign, "run_status", 5, layout.DONE)
    said = other_ranks(on_two, "quench")
    assert "expected 1 or 4, as 2 finished runs of quench had" in said
    assert "replay uses the number of ranks of each run" in said


def test_waiting_results_of_another_run_are_not_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign, folder = begun(tmp_path)
    work, _ = work_of(campaign, "quench")
    for number in (3, 4, 5):
        spool.save(folder, number, {"ranks": np.array(1)}, work.owner(number))
    three, four = (folder / f"00000{number}.npz" for number in (3, 4))
    content = three.read_bytes()
    three.write_bytes(four.read_bytes())
    four.write_bytes(content)
    npz.write(folder / "000006.npz", {"ranks": np.array(1)}, owner("0" * 12, "quench", 6, 1))
    np.savez(folder / "000007.npz", ranks=np.array(1))  # of an earlier version
    (folder / "000999.npz").write_bytes(content)
    assert spool.finished(folder, work.owner) == {5}
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 5
    (line,) = (line for line in said if f"{three} belongs to {work.owner(4)}" in line)
    assert f"expected {work.owner(3)}" in line
    status = groups.values(campaign.store, "configurations", "run_status")
    assert waiting(campaign, "quench", status) == {5: ""}
    with pytest.raises(OSError, match="000003"):
        spool.load(folder, 3, work.owner(3))


def test_owner_of_a_run_depends_on_what_its_results_do(tmp_path: Path) -> None:
    campaign, _ = begun(tmp_path)
    first = owners(campaign, "quench")(3)
    assert "run 3 of quench, seed" in first
    fill(campaign, "run_status", 5, layout.FAILED)
    assert jobs.retry(campaign, "quench") == 1  # keeps the runs in flight
    assert owners(campaign, "quench")(3) == first
    other, _ = begun(tmp_path / "other", "quench.hold_time=2.0")
    assert owners(other, "quench")(3) != first


def test_every_input_consists_of_allowed_commands(tmp_path: Path) -> None:
    for model in ("kam", "abm-1.2", "ka3d"):
        campaign = small(
            tmp_path, model, "quench.inherent_structures=true", "quench.controls=3",
            "quench.schedule=[[4.0,1.0],[0.4,0.25]]", "quench.liquid_hold_time=1.5",
            "quench.snapshot_temperatures=[1.5,0.6]", "quench.thermostat_time=1e-05",
            "system.particles=200", "grid.spacing=0.5",
        )  # fmt: skip
        for write in INPUTS.values():
            assert first_other(write(campaign)) is None


@pytest.mark.parametrize(
    "line",
    [
        "shell touch x", "include x", "python f input", "plugin load x", "jump SELF a", "label a",
        "next a", "variable a file x", "log x", "read_data x", "write_dump all atom x", " units lj",
        "if '1 == 1' then 'shell x'", "print '$(v_a)' file x", "fix p all python/invoke 1 end f",
        'run 10 every 5 "shell x"', "run 10 every 5 NULL &", "timestep $(v_a)", "timestep 1 # x",
        "fix nvt all nvt temp $(python(x)) 1.0 0.5", "units lj\x0bshell x", "units lj\rshell x",
        "# comment\u2028shell x", "pair_coeff 1 1 x.table a", "#@ unknown", "run \u0663",
    ],
)  # fmt: skip
def test_other_commands_are_refused_with_their_line(tmp_path: Path, line: str) -> None:
    text = quench_input(small(tmp_path, "kam"))
    number, said = first_other(text.replace("#@ cooling", f"{line}\n#@ cooling"))
    where = text.splitlines().index("#@ cooling") + 1
    assert (number, said) == (where + len(line.splitlines()) - 1, line.splitlines()[-1])


def test_a_stored_input_of_another_origin_is_refused_or_noted(tmp_path: Path) -> None:
    campaign, _ = begun(tmp_path)
    assert other_input(campaign, "quench", stored_input(campaign, "quench")) == ""
    change_input(campaign.path, "timestep 0.005", "timestep 0.004")
    said = other_input(campaign, "quench", stored_input(campaign, "quench"))
    assert "is 'timestep 0.004'; expected 'timestep 0.005'" in said
    change_input(campaign.path, "#@ cooling", "shell touch x")
    with pytest.raises(UsageError, match=r"line \d+ of the stored .* is 'shell touch x'"):
        work_of(campaign, "quench")


def test_replay_of_a_run_without_ranks_explains_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign, _ = begun(tmp_path)
    asked: list[int] = []
    monkeypatch.setattr(mpi, "replay", lambda c, stage, number, ranks: asked.append(ranks) or 0)
    with pytest.raises(UsageError, match="run 2 of quench is not finished"):
        replay(campaign, find_run(campaign, 2, None, None))
    said = []
    for status, ranks in ((layout.DONE, 3), (layout.DONE, 0), (layout.FAILED, 0)):
        fill(campaign, "run_status", 2, status)
        fill(campaign, "ranks", 2, ranks)
        replay(campaign, find_run(campaign, 2, None, None))
        said.append(capsys.readouterr().out)
    assert asked == [3, 1, 1]
    assert "stored run" not in said[0]
    assert "The stored run has `ranks` = 0" in said[1]
    assert "The stored run failed (run_status 2); [hpc] ranks_per_run is now 1." in said[2]


def test_shown_input_begins_with_the_lammps_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign, _ = begun(tmp_path)
    for ranks, start in ((0, "lmp"), (1, "lmp"), (3, "mpiexec -n 3 lmp")):
        fill(campaign, "ranks", 2, ranks)
        run = find_run(campaign, 2, None, None)
        print_input(run)
        first, _, rest = capsys.readouterr().out.partition("\n")
        assert first == f"# {start} -var seed {run.variables['seed']} -in FILE"
        assert rest == quench_input(campaign)


def test_world_without_workers_or_complete_groups_is_refused() -> None:
    with pytest.raises(UsageError, match="launcher belongs to another MPI"):
        check_world(MPI.COMM_SELF, 3, 1)
    with pytest.raises(UsageError, match="one manager and one worker"):
        check_world(MPI.COMM_SELF, None, 1)


def test_groups_share_the_ranks_without_the_manager() -> None:
    assert [group_of(rank, 3) for rank in range(7)] == [-1, 0, 0, 0, 1, 1, 1]
    assert [leader_of(group, 3) for group in range(2)] == [1, 4]


def test_replay_compares_positions_by_minimum_image() -> None:
    there, here = np.array([[1e-9, 3.0]]), np.array([[10.0 - 1e-9, 3.0]])
    assert difference(there, here, 10.0) == "50.0% of the values differ, by up to 2e-09"
    assert difference(there, here) == "50.0% of the values differ, by up to 10"
    assert difference(here, there + 4.0, 10.0) == "100.0% of the values differ, by up to 4"
    assert difference(np.full((1, 2), np.nan), here) == "stored values are missing"


def test_layout_and_ramp_agree(tmp_path: Path) -> None:
    campaign = small(tmp_path, "kam")
    points = cooling_averages(campaign).temperatures
    group = layout.cooling(campaign, points)
    assert group.arrays["potential_energy"].shape == (140, 8)
