"""Tables of the campaign file for the LAMMPS runs: glass former, quenches, ensembles."""

from __future__ import annotations

from typing import Literal

from glassdask.campaign.fields import (
    Count,
    Launcher,
    NonNegative,
    NonNegativeCount,
    Positive,
    Section,
    Text,
    about,
)

#: Most runs of a stage. Their seeds, splits and status stay in memory, and one process keeps them.
MOST_RUNS = 500_000
#: Most recorded times of a trajectory.
MOST_FRAMES = 100_000


class System(Section):
    """[system]: the glass former."""

    model: Literal["abm", "abm-1.2", "kam", "kam-1.09", "kam-table1", "ka3d", "custom"] = about(
        "abm, kam, ka3d or custom; variants: abm-1.2, kam-1.09, kam-table1 "
        "(docs/physics/models.md)",
        default="kam",
    )
    particles: int = about("number of particles", default=2000, ge=1, le=10_000_000)
    density: Positive | None = about("sigma^-d; default: that of the model", default=None)
    dimension: Literal[2, 3] | None = about("custom: 2 or 3", default=None)
    species: list[Text] | None = about(
        'custom: names, such as ["A", "B"]', default=None, max_length=10
    )
    fractions: list[Positive] | None = about("custom: number fractions, sum 1", default=None)
    sigma: list[list[Positive]] | None = about("custom: matrix of ranges, sigma", default=None)
    epsilon: list[list[NonNegative]] | None = about(
        "custom: matrix of depths, epsilon", default=None
    )
    masses: list[Positive] | None = about("custom: masses; default: 1 each", default=None)
    reference_lengths: list[list[Positive]] | None = about(
        "Tong-Tanaka reference lengths, sigma; default: sums of the radii",
        default=None,
    )
    cutoff: float = about("in sigma_ij (not stated in the paper)", default=2.5, gt=1.13, le=10)


class Split(Section):
    """Number of runs in each split. Both snapshots of a run are in the same split."""

    train: NonNegativeCount
    validation: NonNegativeCount
    test: NonNegativeCount


class Quench(Section):
    """[quench]: random start, equilibration, linear cooling."""

    source: Literal["lammps", "import"] = about(
        "lammps: simulated; import: read by `glassdask import`", default="lammps"
    )
    runs: int = about(
        "independent quenches; each gives a liquid and a glass", default=5000, ge=1, le=MOST_RUNS
    )
    split: Split = about("runs in each split", default=Split(train=4000, validation=400, test=600))
    start_temperature: Positive = about(
        "of the equilibration and the start of the cooling, epsilon/kB", default=4.0
    )
    liquid_temperature: Positive | None = about(
        "T_L, epsilon/kB; default: that of the model", default=None
    )
    glass_temperature: Positive | None = about(
        "T_G, epsilon/kB; default: that of the model", default=None
    )
    cooling_rate: Positive = about(
        "from the start temperature to T_G, epsilon/kB per unit time; not used with a schedule",
        default=8.33e-5,
    )
    schedule: list[list[Positive]] | None = about(
        "in place of cooling_rate, pieces [temperature, cooling rate below it] down to T_G, such "
        "as [[4.0, 0.02], [1.0, 8.33e-5]]; docs/howto/cooling.md (the paper: one rate)",
        default=None,
        min_length=1,
        max_length=1000,
    )
    equilibration_time: Positive = about(
        "time at the start temperature (not stated in the paper)", default=100.0
    )
    liquid_hold_time: NonNegative = about(
        "time at T_L before the liquid is recorded (0 in the paper)", default=0.0
    )
    hold_time: NonNegative = about(
        "time at T_G before the glass is recorded; 0 in the paper, needed after fast ramps",
        default=0.0,
    )
    time_step: Positive = about(
        "at most 0.0075, where the energy drifts by 3e-3; with 0.01, starts of the ABM at T = 4 "
        "fail (not stated in the paper)",
        default=0.005,
        le=0.0075,
    )
    thermostat_time: Positive = about(
        "damping time of the Nose-Hoover thermostat (not stated in the paper)", default=0.5
    )
    cooling_points: int = about(
        "number of evenly spaced temperatures of e(T)", default=100, ge=1, le=100_000
    )
    snapshot_temperatures: list[Positive] = about(
        "temperatures of further snapshots besides T_L and T_G, decreasing",
        default=[],
        max_length=1000,
    )
    controls: NonNegativeCount = about(
        "number of control runs, from run 0 on: after their glass, they hold the liquid at T_L and "
        "repeat the last piece ten times slower, to check the cooling (not in the paper)",
        default=0,
    )
    control_time: Positive = about(
        "time for which control runs hold the liquid at T_L; choose ten relaxation times or more "
        "(not in the paper)",
        default=300.0,
    )
    inherent_structures: bool = about(
        "record the energy minimum below each snapshot, too (not in the paper)",
        default=False,
    )


class Propensity(Section):
    """[propensity]: the isoconfigurational ensemble."""

    start: Literal["glass", "equilibrium"] = about(
        "glass: from the snapshot at T_G (as in the paper); equilibrium: from the snapshot at T_L, "
        "equilibrated at each temperature of the ensemble",
        default="glass",
    )
    equilibration_time: Positive | None = about(
        "with equilibrium, unit time; default: the length of a trajectory (not in the paper)",
        default=None,
    )
    configurations: Count = about("number of runs to start from", default=1)
    samples: list[NonNegativeCount] | None = about(
        "numbers of these runs; default: the first finished test runs", default=None, min_length=1
    )
    replicas: int = about("velocity draws for each start, N_s", default=30, ge=2)
    temperatures: list[Positive] = about(
        "in temperature_unit",
        default=[1.0, 1.1, 1.2, 1.3, 1.4, 1.5],
        min_length=1,
        max_length=1000,
    )
    temperature_unit: Literal["T*", "epsilon"] = about(
        "T*: relative to the onset temperature; epsilon: in epsilon/kB", default="T*"
    )
    onset_temperature: Positive | None = about(
        "T*, epsilon/kB; default: that of the model", default=None
    )
    duration: Positive = about("length of each trajectory, unit time", default=1.5e6)
    first_time: Positive = about("first recorded time, unit time", default=0.5)
    frames: int = about(
        "number of log-spaced times up to the duration", default=60, ge=1, le=MOST_FRAMES
    )
    linear_frames: int = about(
        "number of further, evenly spaced times up to the duration (not in the paper)",
        default=0,
        ge=0,
        le=MOST_FRAMES,
    )
    times: list[Positive] | None = about(
        "list of all recorded times, increasing; replaces the four fields above",
        default=None,
        min_length=1,
    )


class Hpc(Section):
    """[hpc]: how LAMMPS is started; only ranks_per_run changes results, by rounding."""

    launcher: Launcher = about(
        "command that starts the MPI ranks; {ranks} is replaced", default="mpiexec -n {ranks}"
    )
    workers: int = about("ranks that run LAMMPS; 0: one per core", default=0, ge=0, le=1_000_000)
    ranks_per_run: Count = about(
        "ranks that share one run, for large systems; changes results by rounding",
        default=1,
    )
    first_run: NonNegativeCount = about(
        "run to begin with; those before it come last. So several machines can share a campaign",
        default=0,
    )
    restart_interval: Positive = about(
        "seconds between restarts; a killed run loses at most this time", default=600.0
    )
    hang_time: Positive = about(
        "seconds without progress after which a run counts as failed", default=1800.0
    )
    start_time: Positive = about(
        "seconds in which the MPI ranks, or the processes on several devices, must start",
        default=300.0,
    )
