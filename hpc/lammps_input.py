"""The LAMMPS input of every run, as text that plain `lmp` can run, too.

The driver (`hpc.carrying_out`) executes the same text line by line. Lines that begin with `#@` are
comments for LAMMPS and instructions for the driver:

``#@ record NAME``
    store the configuration as the snapshot NAME;
``#@ cooling``, ``#@ history``
    store the energy at the averaged steps of the next runs;
``#@ place particles``
    create the particles of the starting configuration;
``#@ place snapshot NAME``
    replace the particles by those of the snapshot NAME;
``#@ inherent NAME``
    store the configuration as the inherent structure of the snapshot NAME;
``#@ controls``
    the end of the input, except for control runs;
``#@ control NAME``
    store the energy of the inherent structure of the snapshot NAME, in a control run;
``#@ frames``
    store the displacements at the frames of the propensity ensemble, during the next run.

`every` divides long runs into blocks. LAMMPS and the driver do a full setup at the same steps, so
that a run continues from a restart at the end of a block with the same bits. The driver makes a
`run` command of each block. A ramp therefore has `start` and `stop`, else each block would be a
complete ramp.

Everything that differs between the runs of a stage is a LAMMPS variable (``-var seed 17``).
"""

from __future__ import annotations

from itertools import combinations_with_replacement, pairwise

from glassdask.campaign import Campaign
from glassdask.campaign.averages import cooling_averages, history
from glassdask.campaign.cooling import (
    CONTROLS,
    Leg,
    control_run,
    described,
    ramp,
    steps_of,
)
from glassdask.campaign.ensemble import frame_steps
from hpc.minimising import CONTROL, inherent_lines

#: Neighbour skin, sigma, and steps between two checks of the neighbour list; measured, see
#: docs/design/driver.md.
SKIN, CHECK_EVERY = 0.4, 2
#: Particles times steps in a block, and bounds of its steps: at most a second on slow machines.
BLOCK_WORK, SHORTEST_BLOCK, LONGEST_BLOCK = 2_000_000, 20, 2000
#: Further snapshots of control runs: at the start of the last piece, and after the slower one.
LAST_PIECE, SLOW_GLASS = "last_piece", "slow_glass"


def block_steps(campaign: Campaign) -> int:
    """Number of steps in a block; a run can only be stopped or saved between two blocks."""
    steps = BLOCK_WORK // campaign.file.system.particles
    return max(SHORTEST_BLOCK, min(LONGEST_BLOCK, steps))


def _blocks(campaign: Campaign) -> str:
    return f"every {block_steps(campaign)} NULL"


def _box(campaign: Campaign) -> list[str]:
    model = campaign.model
    length = repr(campaign.box_length)
    depth = f"0 {length}" if model.dimension == 3 else "-0.5 0.5"
    return [
        "package omp 1",
        "suffix omp",
        "units lj",
        "atom_style atomic",
        f"dimension {model.dimension}",
        "boundary p p p",
        f"region box block 0 {length} 0 {length} {depth}",
        f"create_box {len(model.species)} box",
        *(f"mass {kind} {mass!r}" for kind, mass in enumerate(model.masses, start=1)),
        f"neighbor {SKIN} bin",
        f"neigh_modify every {CHECK_EVERY} delay 0 check yes",
    ]


def _potential(campaign: Campaign) -> list[str]:
    """Eq. (1)-(2) of the paper, with the parameters and cutoff of each pair of species."""
    model, cutoff = campaign.model, campaign.file.system.cutoff
    longest = cutoff * max(max(row) for row in model.sigma)
    lines = [f"pair_style lj/smooth/linear {longest!r}"]
    for a, b in combinations_with_replacement(range(len(model.species)), 2):
        sigma, epsilon = model.sigma[a][b], model.epsilon[a][b]
        lines.append(f"pair_coeff {a + 1} {b + 1} {epsilon!r} {sigma!r} {cutoff * sigma!r}")
    return lines


def _push_off(campaign: Campaign) -> list[str]:
    """Separate particles at random points, so that the real potential can be switched on.

    A soft repulsion separates the particles: first by minimisation, then at finite temperature,
    since its minima at high density may have overlapping pairs. The real potential then starts
    with bounded steps and strong friction.
    """
    model, quench = campaign.model, campaign.file.quench
    longest = max(max(row) for row in model.sigma)
    hot = quench.start_temperature

    def soft(height: float) -> list[str]:
        return [
            f"pair_coeff {a + 1} {b + 1} {height} {model.sigma[a][b]!r}"
            for a, b in combinations_with_replacement(range(len(model.species)), 2)
        ]

    # the last fix, else the random forces of the bath move particles out of the plane; later no
    # force acts along z, and every snapshot is checked
    flat = ["fix flat all enforce2d"] if model.dimension == 2 else []

    def limited(step: float, friction_time: float, steps: int, seed: int) -> list[str]:
        return [
            f"fix limit all nve/limit {step}",
            f"fix bath all langevin {hot!r} {hot!r} {friction_time} $(v_seed+{seed}:%.0f)",
            *flat,
            f"run {steps}",
            *(["unfix flat"] if flat else []),
            "unfix bath",
            "unfix limit",
        ]

    return [
        f"timestep {quench.time_step!r}",
        f"pair_style soft {longest!r}",
        *soft(60.0),
        "minimize 1e-6 1e-6 400 4000",
        *soft(400.0),
        _velocities(hot, "$(v_seed+10:%.0f)"),
        *limited(0.05, 0.1, 400, 11),
        *_potential(campaign),
        *limited(0.02, 0.1, 400, 12),
        *limited(0.05, 0.5, 400, 13),
    ]


def _velocities(temperature: float | str, seed: str) -> str:
    """New Gaussian velocities with zero total momentum."""
    return f"velocity all create {temperature} {seed} mom yes rot no dist gaussian"


def _thermostat(campaign: Campaign, begin: float | str, end: float | str) -> str:
    """Nose-Hoover thermostat; its temperature is linear in time over the next runs."""
    return f"fix nvt all nvt temp {begin} {end} {campaign.file.quench.thermostat_time!r}"


def _hold(campaign: Campaign, temperature: float, time: float) -> list[str]:
    """Hold at a temperature, if `time` is not 0; the thermostat remains."""
    steps = steps_of(campaign, time)
    if steps == 0:
        return []
    return [
        _thermostat(campaign, temperature, temperature),
        f"run {steps} {_blocks(campaign)}",
    ]


def _inherent(campaign: Campaign, names: tuple[str, ...], thermostat: bool) -> list[str]:
    """Minimise the recorded snapshots if the campaign asks for it; remove a thermostat first."""
    if not campaign.file.quench.inherent_structures:
        return []
    return [*(["unfix nvt"] if thermostat else []), *inherent_lines(names)]


def quench_input(campaign: Campaign) -> str:
    """Input of one quench, with the variable `seed`.

    Random start, soft push-off, minimisation, `nve/limit`, equilibration at the start temperature,
    cooling with a Nose-Hoover thermostat, piece by piece, through T_L to T_G. Only control runs
    execute the lines after `#@ controls`.
    """
    quench, model = campaign.file.quench, campaign.model
    start, (_, glass) = quench.start_temperature, campaign.state_temperatures
    equilibration = max(1, steps_of(campaign, quench.equilibration_time))
    counts = model.counts(campaign.file.system.particles)
    held = _hold(campaign, glass, quench.hold_time)
    names = tuple(name for name in marks(campaign) if name != LAST_PIECE)
    lines = [
        f"# one quench of {model.name}: lmp -var seed 1 -in quench.in",
        *([f"# cooling: {described(campaign)}"] if quench.schedule else []),
        *_box(campaign),
        *(
            f"create_atoms {kind} random {count} $(v_seed+{kind}:%.0f) NULL"
            for kind, count in enumerate(counts, start=1)
        ),
        f"thermo {cooling_averages(campaign).samples[0]}",
        "thermo_modify lost error norm yes",
        *_push_off(campaign),
        _velocities(start, "$(v_seed:%.0f)"),
        _thermostat(campaign, start, start),
        f"run {equilibration} {_blocks(campaign)}",
        "unfix nvt",
        "reset_timestep 0",
        *_cooling(campaign),
        *held,
        "#@ record glass",
        *_inherent(campaign, names, bool(held)),
        *(_controls(campaign, held) if quench.controls else []),
    ]
    return "\n".join(lines) + "\n"


def _cooling(campaign: Campaign) -> list[str]:
    """The pieces of the cooling and the recorded snapshots; ends without a thermostat.

    Each piece is one linear ramp from its `start` to its `stop`, also if it is interrupted to
    record a snapshot. A hold at T_L divides a piece into two of the same rate.
    """
    path, quench = ramp(campaign), campaign.file.quench
    liquid, marked = campaign.state_temperatures[0], marks(campaign)
    held = _hold(campaign, liquid, quench.liquid_hold_time)
    here, shift = path.step_at(liquid), 0
    lines: list[str] = []
    for first, last in pairwise(sorted({*path.ends.tolist(), *([here] if held else [])})):
        begin, end = (
            liquid if held and step == here else float(path.temperature_at(step))
            for step in (first, last)
        )
        lines.append(_thermostat(campaign, begin, end))
        lines += ["#@ cooling"] if first == 0 else []
        within = {s for s in marked.values() if first < s <= last or s == first == 0}
        done = first
        for step in sorted(within | {last}):
            lines.append(
                f"run {step - done} start {first + shift} stop {last + shift} {_blocks(campaign)}"
            )
            done = step
            if not (held and step == here):
                lines += _records(marked, step)
        lines.append("unfix nvt")
        if held and last == here:
            lines += [*held, *_records(marked, here), "unfix nvt"]
            shift = steps_of(campaign, quench.liquid_hold_time)
    return lines


def _records(marked: dict[str, int], step: int) -> list[str]:
    """Instructions to record at a step of the ramp; the glass is recorded after its hold."""
    return [f"#@ record {n}" for n, place in marked.items() if place == step and n != "glass"]


def marks(campaign: Campaign) -> dict[str, int]:
    """Names of the recorded snapshots, in order, and their steps on the ramp.

    The name of a further snapshot is its temperature.
    """
    path, (liquid, _) = ramp(campaign), campaign.state_temperatures
    found = {"liquid": path.step_at(liquid), "glass": path.steps}
    for temperature in campaign.file.quench.snapshot_temperatures:
        found[repr(temperature)] = path.step_at(temperature)
    if campaign.file.quench.controls:
        found[LAST_PIECE] = int(path.ends[-2])
    return dict(sorted(found.items(), key=lambda mark: mark[1]))


def _controls(campaign: Campaign, held: list[str]) -> list[str]:
    """The additional part of control runs: a hold at T_L, and a ten times slower last piece.

    `held` is the hold at T_G; the thermostat remains after it, unless minimisations followed.
    """
    liquid, slower, _ = control_run(campaign)
    minimised = campaign.file.quench.inherent_structures
    return [
        CONTROLS,
        *(["unfix nvt"] if held and not minimised else []),
        "reset_timestep 0",
        "#@ place snapshot liquid",
        _velocities(liquid.begin, "$(v_seed+20:%.0f)"),
        *_leg(campaign, liquid, 0),
        "unfix nvt",
        f"#@ place snapshot {LAST_PIECE}",
        _velocities(slower.begin, "$(v_seed+21:%.0f)"),
        *_leg(campaign, slower, liquid.steps),
        "unfix nvt",
        *held,
        f"#@ record {SLOW_GLASS}",
        *(["unfix nvt"] if held else []),
        *inherent_lines(("glass", SLOW_GLASS), CONTROL),
    ]


def _leg(campaign: Campaign, leg: Leg, first: int) -> list[str]:
    """The commands of one leg, from step `first` on."""
    return [
        _thermostat(campaign, leg.begin, leg.end),
        f"run {leg.steps} start {first} stop {first + leg.steps} {_blocks(campaign)}",
    ]


def equilibration_input(campaign: Campaign) -> str:
    """Input of one equilibration, with the variables `seed` and `temperature`.

    The particles are those of a liquid in the store. They get new velocities at the temperature
    and are held at it.
    """
    lines = [
        f"# one equilibration of {campaign.model.name}",
        *_from_given(campaign),
        "#@ history",
        f"run {history(campaign).steps} {_blocks(campaign)}",
        "#@ record equilibrated",
        *_inherent(campaign, ("equilibrated",), True),
    ]
    return "\n".join(lines) + "\n"


def propensity_input(campaign: Campaign) -> str:
    """Input of one isoconfigurational trajectory, with the variables `seed` and `temperature`.

    At the line `#@ place particles` the driver creates the particles of the start, in the order of
    their numbers. Velocities are Gaussian with zero total momentum.
    """
    last = int(frame_steps(campaign)[-1])
    lines = [
        f"# one isoconfigurational trajectory of {campaign.model.name}",
        *_from_given(campaign),
        "#@ frames",
        f"run {last} {_blocks(campaign)}",
    ]
    return "\n".join(lines) + "\n"


def _from_given(campaign: Campaign) -> list[str]:
    """New velocities for given particles, and a thermostat at the same temperature."""
    quench = campaign.file.quench
    return [
        *_box(campaign),
        "#@ place particles",
        "thermo 1000",
        "thermo_modify lost error norm yes",
        *_potential(campaign),
        f"timestep {quench.time_step!r}",
        _velocities("$(v_temperature)", "$(v_seed:%.0f)"),
        _thermostat(campaign, "$(v_temperature)", "$(v_temperature)"),
    ]
