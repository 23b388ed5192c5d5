"""Tables of the campaign file for what LAMMPS runs: glass former, quenches, ensembles."""

from __future__ import annotations

from typing import Literal

from glassdask.campaign.fields import (
    Count,
    NonNegative,
    NonNegativeCount,
    Positive,
    Section,
    about,
)


class System(Section):
    """[system]: the glass former."""

    model: Literal["abm", "abm-1.2", "kam", "kam-1.09", "kam-table1", "ka3d", "custom"] = about(
        "abm, kam, ka3d or custom; variants: abm-1.2, kam-1.09, kam-table1 (docs/models.md)",
        default="kam",
    )
    particles: Count = about("number of particles", default=2000)
    density: Positive | None = about("sigma^-d; the model's own if left out", default=None)
    dimension: Literal[2, 3] | None = about("custom: 2 or 3", default=None)
    species: list[str] | None = about('custom: names, such as ["A", "B"]', default=None)
    fractions: list[Positive] | None = about("custom: number fractions, sum 1", default=None)
    sigma: list[list[Positive]] | None = about("custom: matrix of ranges, sigma", default=None)
    epsilon: list[list[NonNegative]] | None = about(
        "custom: matrix of depths, epsilon", default=None
    )
    masses: list[Positive] | None = about("custom: masses; 1 each if left out", default=None)
    reference_lengths: list[list[Positive]] | None = about(
        "Tong-Tanaka reference lengths, sigma; additive, from the diameters, if left out",
        default=None,
    )
    cutoff: float = about("in sigma_ij (not stated in the paper)", default=2.5, gt=1.13, le=10)


class Split(Section):
    """How the runs are divided; by run, since both snapshots of a run are twins."""

    train: NonNegativeCount
    validation: NonNegativeCount
    test: NonNegativeCount


class Quench(Section):
    """[quench]: random start, equilibration, linear cooling."""

    source: Literal["lammps", "import"] = about(
        "lammps: run here; import: configurations that `glassdask import` brings", default="lammps"
    )
    runs: Count = about("independent quenches; each gives a liquid and a glass", default=5000)
    split: Split = about("runs in each split", default=Split(train=4000, validation=400, test=600))
    start_temperature: Positive = about("equilibration and start of the ramp", default=4.0)
    liquid_temperature: Positive | None = about(
        "T_L, epsilon/kB; the model's own if left out", default=None
    )
    glass_temperature: Positive | None = about(
        "T_G, epsilon/kB; the model's own if left out", default=None
    )
    cooling_rate: Positive = about(
        "epsilon/kB per unit time, from the start to T_G; not used with a schedule",
        default=8.33e-5,
    )
    schedule: list[list[Positive]] | None = about(
        "pieces [from temperature, cooling rate], the last one down to T_G, in place of one rate, "
        "such as [[4.0, 0.02], [1.0, 8.33e-5]]; docs/cooling.md (the paper: one rate)",
        default=None,
        min_length=1,
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
    time_step: float = about(
        "at most 0.0075, where the energy drifts by 3e-3; 0.01 kills starts of the ABM at T = 4 "
        "(not stated in the paper)",
        default=0.005,
        gt=0,
        le=0.0075,
    )
    thermostat_time: Positive = about(
        "damping time of Nose-Hoover (not stated in the paper)", default=0.5
    )
    cooling_points: Count = about(
        "temperatures, evenly spaced, at which e(T) is recorded", default=100
    )
    snapshot_temperatures: list[Positive] = about(
        "temperatures at which a snapshot is recorded too, decreasing; T_L and T_G always are",
        default=[],
    )
    controls: NonNegativeCount = about(
        "number of runs, from run 0 on, that go on after their glass to check the cooling: the "
        "liquid held at T_L, the last piece ten times slower (not in the paper)",
        default=0,
    )
    control_time: Positive = about(
        "how long a control run holds the liquid at T_L: ten relaxation times or more, a shorter "
        "hold sees no lag (not in the paper)",
        default=300.0,
    )
    inherent_structures: bool = about(
        "minimise the energy from each snapshot, too, and keep where that ends: the snapshot "
        "without its vibrations (not in the paper)",
        default=False,
    )


class Propensity(Section):
    """[propensity]: the isoconfigurational ensemble."""

    start: Literal["glass", "equilibrium"] = about(
        "glass: the snapshot at T_G (the paper's); equilibrium: the one at T_L, equilibrated at "
        "each temperature of the ensemble",
        default="glass",
    )
    equilibration_time: Positive | None = about(
        "equilibrium: how long, unit time; as long as a trajectory if left out (not in the paper)",
        default=None,
    )
    configurations: Count = about("runs to start from", default=1)
    samples: list[NonNegativeCount] | None = about(
        "their numbers, as many; the first whole test runs if left out", default=None, min_length=1
    )
    replicas: int = about("velocity draws for each, N_s", default=30, ge=2)
    temperatures: list[Positive] = about(
        "in the unit below", default=[1.0, 1.1, 1.2, 1.3, 1.4, 1.5], min_length=1
    )
    temperature_unit: Literal["T*", "epsilon"] = about(
        "T*: of the onset temperature; epsilon: absolute", default="T*"
    )
    onset_temperature: Positive | None = about(
        "T*, epsilon/kB; the model's own if left out", default=None
    )
    duration: Positive = about("length of each trajectory, unit time", default=1.5e6)
    first_time: Positive = about("first recorded time, unit time", default=0.5)
    frames: Count = about("recorded times, log-spaced up to the duration", default=60)
    linear_frames: NonNegativeCount = about(
        "further ones, evenly spaced up to the duration (not in the paper)", default=0
    )
    times: list[Positive] | None = about(
        "all recorded times, increasing, in place of the four fields above",
        default=None,
        min_length=1,
    )


class Hpc(Section):
    """[hpc]: how LAMMPS is started; only ranks_per_run changes results."""

    launcher: str = about(
        "starts the MPI ranks; {ranks} is filled in", default="mpiexec -n {ranks}"
    )
    workers: int = about("ranks that run LAMMPS; 0: one a core", default=0, ge=0)
    ranks_per_run: Count = about(
        "ranks that share one run, for large systems; another number rounds differently",
        default=1,
    )
    restart_interval: Positive = about(
        "seconds; no more than this is lost of a run when its job is killed", default=600.0
    )
    hang_time: Positive = about(
        "seconds without progress after which a run is given up as failed", default=1800.0
    )
