"""The LAMMPS input of every run, as text that bare `lmp` runs too.

The driver (`hpc.carrying_out`) carries out the same text line by line. Lines that begin with `#@`
are comments for LAMMPS and instructions for the driver:

``#@ record NAME``
    keep the configuration under this name;
``#@ cooling``, ``#@ history``
    keep the energy at the steps that are averaged, during the next runs;
``#@ place particles``
    put the particles of the starting configuration in;
``#@ place snapshot NAME``
    put what was recorded under this name in, in place of the particles that are there;
``#@ inherent NAME``
    keep the configuration as the inherent structure of that snapshot;
``#@ controls``
    the end, but for control runs;
``#@ control NAME``
    keep the energy as that of the inherent structure of that snapshot, in a control run;
``#@ frames``
    keep the displacements at the frames of the propensity ensemble, during the next run.

The long runs are cut into blocks by `every`: bare LAMMPS and the driver set up anew at the same
steps, and a run goes on from a restart at the end of a block to the same bits. The driver makes a
`run` of each block, so a ramp says its `start` and `stop`, or each block would be a whole ramp.

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

#: Neighbour skin, sigma, and steps between two looks whether the neighbours are to be found anew;
#: chosen by measurement, see docs/driver.md.
SKIN, LOOK_EVERY = 0.4, 2
#: Particle steps in a block, and its bounds in steps: a second at most, on the slowest machines.
BLOCK_WORK, SHORTEST_BLOCK, LONGEST_BLOCK = 2_000_000, 20, 2000
#: What control runs record beside the snapshots: where the last piece begins, and where it ends
#: when it is slower.
LAST_PIECE, SLOW_GLASS = "last_piece", "slow_glass"


def block_steps(campaign: Campaign) -> int:
    """Steps in a block: what a run does between two looks at the outside world."""
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
        f"neigh_modify every {LOOK_EVERY} delay 0 check yes",
    ]


def _potential(campaign: Campaign) -> list[str]:
    """Eq. (1)-(2): each pair with its own parameters and its own cutoff."""
    model, cutoff = campaign.model, campaign.file.system.cutoff
    longest = cutoff * max(max(row) for row in model.sigma)
    lines = [f"pair_style lj/smooth/linear {longest!r}"]
    for a, b in combinations_with_replacement(range(len(model.species)), 2):
        sigma, epsilon = model.sigma[a][b], model.epsilon[a][b]
        lines.append(f"pair_coeff {a + 1} {b + 1} {epsilon!r} {sigma!r} {cutoff * sigma!r}")
    return lines


def _push_off(campaign: Campaign) -> list[str]:
    """From random points to a configuration that the real potential can take.

    A soft repulsion parts the particles, first by minimisation, then at temperature, since its
    minima at high density may keep pairs on top of each other. The real potential then starts
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

    # the last fix of all, or the random forces of the bath would lift particles out of the plane;
    # later on nothing pushes them along z, and every snapshot is checked for it
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
    """New velocities, Gaussian, without drift."""
    return f"velocity all create {temperature} {seed} mom yes rot no dist gaussian"


def _thermostat(campaign: Campaign, begin: float | str, end: float | str) -> str:
    """Nose-Hoover from one temperature to another, linear over the runs that follow."""
    return f"fix nvt all nvt temp {begin} {end} {campaign.file.quench.thermostat_time!r}"


def _hold(campaign: Campaign, temperature: float, time: float) -> list[str]:
    """Rest at a temperature, if there is a time to; the thermostat stays."""
    steps = steps_of(campaign, time)
    if steps == 0:
        return []
    return [
        _thermostat(campaign, temperature, temperature),
        f"run {steps} {_blocks(campaign)}",
    ]


def _inherent(campaign: Campaign, names: tuple[str, ...], thermostat: bool) -> list[str]:
    """Minimise what was recorded, if the campaign asks for it, after any thermostat."""
    if not campaign.file.quench.inherent_structures:
        return []
    return [*(["unfix nvt"] if thermostat else []), *inherent_lines(names)]


def quench_input(campaign: Campaign) -> str:
    """Input of one quench; the variable `seed` makes it the run that it is.

    Random start, soft push-off, minimisation, `nve/limit`, equilibration at the start temperature,
    cooling by Nose-Hoover, piece by piece, through T_L to T_G. What follows `#@ controls` is for
    control runs alone.
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
    """The pieces of the cooling, and what is recorded on the way; ends without a thermostat.

    Each piece is one linear ramp from its `start` to its `stop`, also where it is interrupted to
    record something. A hold of the liquid makes two pieces of one, of the same rate.
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
    """What is recorded at a step of the ramp; the glass waits for its own hold."""
    return [f"#@ record {n}" for n, place in marked.items() if place == step and n != "glass"]


def marks(campaign: Campaign) -> dict[str, int]:
    """What a quench records, by name, in its order, and at which step of the ramp.

    The further snapshots are called by their temperature.
    """
    path, (liquid, _) = ramp(campaign), campaign.state_temperatures
    found = {"liquid": path.step_at(liquid), "glass": path.steps}
    for temperature in campaign.file.quench.snapshot_temperatures:
        found[repr(temperature)] = path.step_at(temperature)
    if campaign.file.quench.controls:
        found[LAST_PIECE] = int(path.ends[-2])
    return dict(sorted(found.items(), key=lambda mark: mark[1]))


def _controls(campaign: Campaign, held: list[str]) -> list[str]:
    """What control runs do more: hold the liquid, and cool the last piece ten times slower.

    `held` is the rest at T_G, after which the thermostat is still there, unless minima came since.
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
    """One leg from step `first` on; without `start` and `stop` each block would be a ramp."""
    return [
        _thermostat(campaign, leg.begin, leg.end),
        f"run {leg.steps} start {first} stop {first + leg.steps} {_blocks(campaign)}",
    ]


def equilibration_input(campaign: Campaign) -> str:
    """Input of one equilibration; variables `seed` and `temperature`.

    The particles are those of a liquid in the store; they get new velocities at the temperature,
    as for a trajectory, and are kept at it.
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
    """Input of one isoconfigurational trajectory; variables `seed` and `temperature`.

    The particles are put in by the driver, from the start in the store, in the order of their
    numbers, at the line `#@ place particles`. Velocities are Gaussian, without drift.
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
    """New velocities on given particles, and a thermostat at the same temperature."""
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
