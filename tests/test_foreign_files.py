"""Text files of other programs: nothing is lost or misread in silence, legal files are read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glassdask.base.errors import UsageError
from glassdask.exchange.files import read_frames
from glassdask.exchange.formats.frame import Frame
from glassdask.exchange.stacking import stack

ROWS = {1: (1.5, 1.0, 0.5), 2: (3.0, 2.5, 3.5)}
#: Positions relative to the lower corner, sorted by id.
WANTED = np.array(list(ROWS.values()))


def dump(columns="id type x y z", rows=("1 1 1.5 1.0 0.5", "2 2 3.0 2.5 3.5"), flags=" pp pp pp",
         bounds=("0 4",) * 3) -> str:  # fmt: skip
    lines = ["ITEM: TIMESTEP", "0", "ITEM: NUMBER OF ATOMS", str(len(rows))]
    lines += [f"ITEM: BOX BOUNDS{flags}", *bounds, f"ITEM: ATOMS {columns}", *rows]
    return "\n".join(lines) + "\n"


def xyz(keys="", properties="species:S:1:pos:R:3", rows=("A 1.5 1.0 0.5", "B 3.0 2.5 3.5")) -> str:
    lattice = 'Lattice="4 0 0 0 4 0 0 0 4"'
    comment = f"{lattice} Properties={properties}{keys}"
    return "\n".join([str(len(rows)), comment, *rows]) + "\n"


BOX = "0 4 xlo xhi\n0 4 ylo yhi\n0 4 zlo zhi"


def data(atoms=" # atomic", rows=("1 1 1.5 1.0 0.5", "2 2 3.0 2.5 3.5"), box=BOX,
         before="Masses\n\n1 1.0\n2 1.0\n\n", after="") -> str:  # fmt: skip
    lines = "\n".join(rows)
    return f"a title\n\n2 atoms\n2 atom types\n\n{box}\n\n{before}Atoms{atoms}\n\n{lines}\n{after}"


TEXTS = {"x.dump": dump(), "x.xyz": xyz(), "x.data": data()}


def frames(folder: Path, text: str | bytes, name="x.dump", kind: str | None = None) -> list[Frame]:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_frames(path, kind))


def check(found: list[Frame], count=1) -> None:
    assert len(found) == count
    for frame in found:
        np.testing.assert_allclose(frame.position - frame.origin, WANTED, atol=1e-15)
        np.testing.assert_allclose(frame.length, 4)
        assert frame.labels.tolist() in (["1", "2"], ["A", "B"])


@pytest.mark.parametrize("name", ["x.dump", "x.xyz"])
@pytest.mark.parametrize("blank", ["\n", " \n", "\t\n\n", "\r\n"])
def test_blank_lines_between_frames_lose_none(tmp_path, name, blank):
    for text in (blank + TEXTS[name], blank.join([TEXTS[name]] * 3), TEXTS[name] * 3 + blank):
        check(frames(tmp_path, text, name), text.count("A 1.5") or text.count("TIMESTEP"))


@pytest.mark.parametrize("name", TEXTS)
def test_every_cut_of_a_file_is_refused_or_loses_no_digit(tmp_path, name):
    text = TEXTS[name]
    for cut in range(1, len(text)):
        with pytest.raises(UsageError):
            check(
                frames(tmp_path, text[:cut], name, Path(name).suffix[1:].replace("xyz", "extxyz"))
            )
    with pytest.raises(UsageError, match=r"last number may be cut off; .*echo >> "):
        frames(tmp_path, text[:-1], name)
    check(frames(tmp_path, text + "  ", name))


def test_a_cut_in_a_later_section_is_noticed(tmp_path):
    text = data(after="\nVelocities\n\n1 0 0 0\n2 0 0 0\n")
    check(frames(tmp_path, text, "x.data"))
    with pytest.raises(UsageError, match="cut off"):
        frames(tmp_path, text[:-3], "x.data")


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(
    ("ending", "pack"), [(".gz", gzip), (".bz2", bz2), (".xz", lzma), ("", gzip), ("", bz2)]
)
def test_compressed_files_are_known_by_their_first_bytes(tmp_path, name, ending, pack):
    packed = pack.compress(TEXTS[name].encode() * (1 if "data" in name else 2))
    check(frames(tmp_path, packed, name + ending), 1 if "data" in name else 2)
    check(frames(tmp_path, TEXTS[name], name + ".gz"))
    for cut in (1, 9, len(packed) // 2):
        with pytest.raises(UsageError, match=r"damaged or cut off|first lines"):
            frames(tmp_path, packed[:-cut], name + ending)
    spoilt = bytearray(packed)
    spoilt[len(packed) // 2] ^= 255
    with pytest.raises(UsageError):
        frames(tmp_path, bytes(spoilt), name + ending)


@pytest.mark.parametrize(
    ("begin", "command"),
    [(b"\x28\xb5\x2f\xfd", "unzstd"), (b"PK\x03\x04", "unzip"), (b"\x04\x22\x4d\x18", "unlz4")],
)
def test_other_compressed_files_name_what_unpacks_them(tmp_path, begin, command):
    with pytest.raises(UsageError, match=f"compressed.*Type `{command} .*x.dump"):
        frames(tmp_path, begin + b"\0" * 50)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_an_archive_of_files_is_refused(tmp_path, mode):
    (tmp_path / "a.dump").write_text(dump())
    with tarfile.open(tmp_path / "x.tar", mode) as archive:
        archive.add(tmp_path / "a.dump")
    for kind in (None, "dump"):
        with pytest.raises(UsageError, match=r"an archive; .*Type `tar -xf .*x\.tar"):
            list(read_frames(tmp_path / "x.tar", kind))


def test_a_compressed_gsd_is_refused(tmp_path):
    with pytest.raises(UsageError, match="is compressed"):
        frames(tmp_path, gzip.compress(b"\xdf\x65" * 20), "x.gsd.gz")


@pytest.mark.parametrize("name", TEXTS)
def test_byte_order_marks_and_line_ends_of_windows_are_accepted(tmp_path, name):
    text = TEXTS[name].replace("\n", "\r\n")
    check(frames(tmp_path, text.encode("utf-8-sig"), name))
    check(frames(tmp_path, text.encode("utf-16"), name))
    check(frames(tmp_path, text.encode("utf-8-sig"), "x.txt"))
    if "data" not in name:
        check(frames(tmp_path, text.encode("utf-8-sig") * 2, name), 2)


@pytest.mark.parametrize("count", ["99999999999", "-1", "2.5", "9" * 5000, "0", "two", "1e9"])
def test_a_wrong_number_of_particles_is_refused_at_once(tmp_path, count):
    for name, text in TEXTS.items():
        spoilt = text.replace("\n2\n", f"\n{count}\n").replace("2 atoms", f"{count} atoms")
        spoilt = f"{count}{spoilt[1:]}" if name == "x.xyz" else spoilt
        types = text.replace("2 atom types", f"{count} atom types")
        if not count.isdecimal() or int(count[:20]) == 0:
            with pytest.raises(UsageError):
                frames(tmp_path, types if name == "x.data" else spoilt, name)
        elif len(count) < 16:
            check(frames(tmp_path, types, name))
        with pytest.raises(UsageError):
            frames(tmp_path, spoilt, name)


@pytest.mark.parametrize(
    ("text", "name", "column"),
    [
        (dump("id type x y x y z", ("1 1 1.5 1 9 9 0.5", "2 2 3 2.5 9 9 3.5")), "x.dump", "x"),
        (dump("id id type x y z", ("1 1 1 1.5 1 0.5",) * 2), "x.dump", "id"),
        (xyz("", "species:S:1:pos:R:3:pos:R:3", ("A 1 1 1 2 2 2",) * 2), "x.xyz", "pos0"),
        (xyz("", "species:S:1:pos:R:3:species:S:1", ("A 1 1 1 B",) * 2), "x.xyz", "species"),
    ],
)
def test_a_column_twice_is_refused(tmp_path, text, name, column):
    with pytest.raises(UsageError, match=f"column {column} twice"):
        frames(tmp_path, text, name)


@pytest.mark.parametrize("key", ["pbc", "PBC", "Lattice", "Properties"])
def test_a_used_key_twice_is_refused(tmp_path, key):
    with pytest.raises(UsageError, match=f"(?i){key}= twice"):
        frames(tmp_path, xyz(f' pbc="T T T" {key}="F F F"'), "x.xyz")


@pytest.mark.parametrize("far", [1e17, -1e17, 1e8, 1e300])
@pytest.mark.parametrize("moved", ["a particle", "the box"])
def test_positions_too_far_away_are_refused(tmp_path, far, moved):
    text = dump(rows=(f"1 1 {far!r} 1.0 0.5", "2 2 3.0 2.5 3.5"))
    if moved == "the box":
        text = dump(bounds=(f"{far!r} {far + 64!r}",) * 3)
    with pytest.raises(UsageError, match=r"frame 0: (positions up to|no box|position holds)"):
        stack({"glass": frames(tmp_path, text)}, say=lambda _: None)


@pytest.mark.parametrize(
    "keys",
    [
        " dimension=2.0", ' dimension="3 3 1"', " dimension=2", ' species_names="Kob Andersen"',
        " Origin=0", ' Origin="here"', ' virial="1 2 3"', ' stress="1 2 3 4 5 6"', " energy=none",
        ' forces="_JSON [[1, 2], [3, 4]]"', " virial={1 2} flag", ' note="a pbc= in Lattice=b"',
        " id=7 natoms=4000000000 big=" + "9" * 60, ' "a key"=3', " pos=1 species=q",
    ],
)  # fmt: skip
def test_keys_of_other_programs_are_ignored(tmp_path, keys):
    check(frames(tmp_path, xyz(keys), "x.xyz"))
    types = xyz(keys, "type:I:1:pos:R:3", ("1 1.5 1 0.5", "2 3 2.5 3.5"))
    check(frames(tmp_path, types, "x.xyz"))


@pytest.mark.parametrize("names", ["Lattice", "lattice", "LATTICE"])
def test_an_origin_moves_the_box(tmp_path, names):
    text = xyz(' Origin="-2 -2 -2"', rows=("A -0.5 -1 -1.5", "B 1 0.5 1.5"))
    check(frames(tmp_path, text.replace("Lattice", names), "x.xyz"))


@pytest.mark.parametrize(
    "change",
    [
        ('"4 0 0 0 4 0 0 0 4"', '"4,0,0,0,4,0,0,0,4"'), ('"4 0 0 0 4 0 0 0 4"', '"4 4 4"'),
        ('"4 0 0 0 4 0 0 0 4"', "{4 0 0 0 4 0 0 0 4}"), ("Properties=", 'pbc="1 1 1" Properties='),
        ('"4 0 0 0 4 0 0 0 4"', "[[4,0,0],[0,4,0],[0,0,4]]"),
        ('"4 0 0 0 4 0 0 0 4"', "[ [4, 0, 0], [0, 4, 0],\t[0, 0, 4] ]"),
        ('"4 0 0 0 4 0 0 0 4"', "[[4 0 0] [0 4 0] [0 0 4]]"),
        ('"4 0 0 0 4 0 0 0 4"', "[4, 0, 0, 0, 4, 0, 0, 0, 4] other=[[1,2],[3,4]]"),
        ("Properties=", "pbc=[T,T,T] Properties="), ("Properties=", "properties="),
        ("Properties=", "pbc=T Properties="), ('Properties=species:S:1:pos:R:3', ""),
        ("species:S:1:pos:R:3", '"species:S:1:pos:R:3"'), ("Lattice=", "step=3 Lattice = "),
    ],
)  # fmt: skip
def test_the_used_keys_may_be_written_differently(tmp_path, change):
    assert change[0] in xyz()
    check(frames(tmp_path, xyz().replace(*change), "x.xyz"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("Properties=", "pbc=maybe Properties="), "pbc="),
        (("Properties=", 'pbc="T T" Properties='), "pbc="),
        (("pos:R:3", "pos:R:x"), "Properties="),
        (("pos:R:3", "pos:R"), "Properties="),
        (("pos:R:3", "vel:R:3"), "pos:R:3"),
        (("4 0 0 0 4", "4 0 0 4"), "Lattice="),
        (("1.5", "1_5"), "'1_5' in row 1 of column pos0"),
        (("1.5", "1,5"), "'1,5' in row 1 of column pos0"),
        (("3.0", "1.5D+00"), r"'1.5D\+00' in row 2 of column pos0; expected numbers, such as"),
        (('"4 0 0 0', '"nan 0 0 0'), "a box with sides that are not finite"),
        (('"4 0 0 0 4 0 0 0 4"', "[[0,4,0],[0,0,4],[4,0,0]]"), "rows or columns"),
        (("species:S:1", "mass:R:1"), "species|column"),
    ],
)
def test_wrong_keys_and_numbers_are_refused(tmp_path, change, words):
    with pytest.raises(UsageError, match=words):
        frames(tmp_path, xyz().replace(*change), "x.xyz")


def test_large_ids_are_kept(tmp_path):
    big = 2**62
    rows = (f"A 1.5 1 0.5 {big}", f"B 3 2.5 3.5 {big + 1}")
    text = xyz("", "species:S:1:pos:R:3:id:I:1", rows)
    (frame,) = frames(tmp_path, text, "x.xyz")
    assert frame.ids.tolist() == [big, big + 1]
    for wrong in (str(2**64), "1.5", "x"):
        for row, number in enumerate((big, big + 1), 1):
            with pytest.raises(UsageError, match=f"frame 0: '{wrong}' in row {row} of column id;"):
                frames(tmp_path, text.replace(str(number), wrong), "x.xyz")
    with pytest.raises(UsageError, match=f"id {big} twice"):
        frames(tmp_path, text.replace(str(big + 1), str(big)), "x.xyz")


@pytest.mark.parametrize(
    "text",
    [
        dump(flags=""),
        dump(flags=" xlo xhi"),
        dump(flags="", bounds=("0 4 xlo xhi",) * 3),
        dump(rows=("1.0 1.0 1.5 1 0.5", "2.0 2.0 3 2.5 3.5")),
        dump(rows=("2 B 3 2.5 3.5", "1 A 1.5 1 0.5")),
        dump("id element x y z", ("1 A 1.5 1 0.5", "2 B 3 2.5 3.5")),
        dump("id typelabel x y z", ("1 A 1.5 1 0.5", "2 B 3 2.5 3.5")),
        dump("id type element x y z", ("1 1 C 1.5 1 0.5", "2 2 C 3 2.5 3.5")),
        dump("id type element x y z", ("1 2 A 1.5 1 0.5", "2 1 B 3 2.5 3.5")),
        dump("id type xs ys zs", ("1 1 0.375 0.25 0.125", "2 2 0.75 0.625 0.875")),
        "\n" + dump().replace("ITEM: NUMBER", "ITEM: UNITS\nlj\n\nITEM: TIME\n0.5\nITEM: NUMBER"),
        dump(flags=" abc origin pp pp pp", bounds=("4 0 0 0", "0 4 0 0", "0 0 4 0")),
        dump(flags=" abc origin pp pp pp", bounds=("4 0 0 -2", "0 4 0 -2", "0 0 4 -2"),
             rows=("1 1 -0.5 -1 -1.5", "2 2 1 0.5 1.5")),
        dump("id type xs ys zs", ("1 1 0.25 0.375 0.125", "2 2 0.625 0.75 0.875"),
             flags=" abc origin pp pp pp", bounds=("0 4 0 -2", "4 0 0 -2", "0 0 4 -2")),
    ],
)  # fmt: skip
def test_unusual_dumps_are_read(tmp_path, text):
    check(frames(tmp_path, text))


def test_foreign_elements_are_in_the_order_of_the_types(tmp_path):
    rows = ("1 2 Ni 1.5 1 0.5", "2 1 P 3 2.5 3.5")
    found = frames(tmp_path, dump("id type element x y z", rows))
    said: list[str] = []
    ds = stack({"glass": found}, known=("A", "B"), say=said.append)
    assert ds["particle_id"].values.tolist() == [2, 1]
    assert said == ["species: P in the files is A, Ni in the files is B"]


def test_types_beside_names_are_the_species_of_the_model(tmp_path):
    text = dump() + dump(rows=("1 A 1.5 1 0.5", "2 B 3 2.5 3.5"))
    found = frames(tmp_path, text)
    ds = stack({"glass": found}, known=("A", "B"), say=lambda _: None)
    assert ds["species"].values.tolist() == [0, 1]
    np.testing.assert_array_equal(ds["position"][0], ds["position"][1])


def test_boundaries_that_a_dump_does_not_state_are_said(tmp_path):
    said: list[str] = []
    stack({"glass": frames(tmp_path, dump(flags=""))}, say=said.append)
    assert any("do not state their boundaries" in line for line in said)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (dump(columns=""), r"without names of the columns.*sed -i"),
        (dump(flags=" pp ff"), "boundaries pp ff"),
        (dump(bounds=("0", "4", "4")), "box bounds"),
        (dump(bounds=("0 4", "0 4", "a b")), "box bounds"),
        (dump(bounds=("0 a 4",) * 3), "box bounds"),
        (dump().partition("ITEM: ATOMS")[0] + dump(), "ITEM: TIMESTEP twice in a frame"),
        (dump().partition("2 2 3")[0] + dump(), "rows that do not fit"),
        (dump()[:-2] + dump(), "rows that do not fit"),
        (dump().partition("ITEM: BOX")[0] + "ITEM: ATOMS id\n1\n", "no BOX BOUNDS"),
        ("ITEM: TIMESTEP\n0\nITEM: ATOMS id\n1\n", "NUMBER OF ATOMS"),
        (dump(rows=("1 1 1.5 1 0.5", "2 2 3 x 3.5")), "'x' in row 2 of column y"),
        (dump(bounds=("0 1e999", "0 4", "0 4")), "sides that are not finite"),
        (dump(rows=("1 1 1.5 1 0.5", "2 2 3 2.5")), "rows that do not fit the columns: 4 entries"),
        ("id,x\n", "ITEM: ..., as in a dump"),
    ],
)
def test_unreadable_dumps_say_what_is_missing(tmp_path, text, words):
    with pytest.raises(UsageError, match=words) as error:
        frames(tmp_path, text)
    assert "--format" not in str(error.value)


LABELS = "Atom Type Labels\n\n1 A\n2 B\n\nMasses\n\nA 1.0\nB 1.0\n\n"
FULL = ("1 1 1 0.0 1.5 1 0.5", "2 1 2 0.0 3 2.5 3.5")
GENERAL = "4 0 0 avec\n0 4 0 bvec\n0 0 4 cvec\n0 0 0 abc origin"


@pytest.mark.parametrize(
    "text",
    [
        data(""),
        data(" # id type x y z"),
        data(rows=("1 1 1.5 1 0.5 # first", "2 2 3 2.5 3.5 # last")),
        data("", ("1 1 1.5 1 0.5 0 -1 2", "2 2 3 2.5 3.5 0 0 0")),
        data("", ("1 1 0.0 1.5 1 0.5", "2 2 0.0 3 2.5 3.5")),
        data("", ("1 7 1 1.5 1 0.5", "2 8 2 3 2.5 3.5")),
        data("", FULL),
        data(" # full", FULL),
        data(" # molecular", ("1 1 1 1.5 1 0.5", "2 1 2 3 2.5 3.5")),
        data(" # sphere", ("1 1 1.0 1.0 1.5 1 0.5", "2 2 0.88 1.0 3 2.5 3.5")),
        data(" # atomic", ("1 A 1.5 1 0.5", "2 B 3 2.5 3.5"), before=LABELS),
        data(" # atomic", ("1 1 1.5 1 0.5", "2 2 3 2.5 3.5"), before=LABELS),
        data("", ("1 A 1.5 1 0.5", "2 B 3 2.5 3.5"), before=LABELS),
        data("", ("1 A 1.5 1 0.5", "2 2 3 2.5 3.5"), before=LABELS),
        data(box=GENERAL),
        data(box=GENERAL.replace("0 0 0 abc", "-2 -2 -2 abc"),
             rows=("1 1 -0.5 -1 -1.5", "2 2 1 0.5 1.5")),
        data(box=BOX + "\n0 0 0 xy xz yz\n0.0 0 4e-8 xy xz yz"),
        data("", ("1 A 1.5 1 0.5", "2 2 3 2.5 3.5"), before=LABELS.replace("1 A\n2 B", "2 B\n1 A")),
        data(before="Pair Coeffs # lj/cut\n\n1 1 1\n2 1 1\n\nAtomsFoo\n\n1 2\n\n"),
        data(before="", after="\nVelocities\n\n1 0 0 0\n2 0 0 0\n\nBonds\n\n1 1 1 2\n"),
    ],
)  # fmt: skip
def test_data_files_are_read_as_lammps_reads_them(tmp_path, text):
    check(frames(tmp_path, text, "x.data"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (data("", ("1 1 1 1.5 1 0.5", "2 1 2 3 2.5 3.5")),
         r"may be charge or molecular; .*`Atoms # molecular`"),
        (data("", ("1 1 1.5 1", "2 2 3 2.5")), "an atom style"),
        (data(" # spin", ("1 1 1.5 1 0.5 0 0 1 2", "2 2 1 1 1 0 0 1 2")), "atom style spin"),
        (data(" # atomic", ("1 1 0.0 1.5 1 0.5", "2 2 0.0 1 1 1")), "under `Atoms # atomic`"),
        (data(rows=("1 1 1.5 1.0 0.5",)), "other than 2 rows"),
        (data(rows=("1 1 1.5 1.0 0.5",), after="\nBonds\n\n1 1 0 0\n"), "other than 2 rows"),
        (data(rows=("1 1 1 1 1",) * 3), "other than 2 rows"),
        (data(rows=("1 3 1.5 1.0 0.5", "2 2 1 1 1")), "row 1 .*a type from 1 to 2"),
        (data("", ("1 1 1.5 1.0 0.5", "2 3 1 1 1")),
         "row 2 under `Atoms`, `2 3 1 1 1`; expected a type from 1 to 2, by the line"),
        (data(" # full", (FULL[0], "2 1 0 0.0 3 2.5 3.5")), "row 2 .*a type from 1 to 2"),
        (data("", ("1 1 1.5 1.0 0.5", "2 2 1 1")), "row 2 .* `2 2 1 1`; expected columns"),
        (data() + data(), "a second line `N atoms`; expected one configuration"),
        (data(after="\n" + data()[data().index("Masses") :]), "a second section `Atoms`"),
        (data(box="2 atoms\n" + BOX), "a second line `N atoms`"),
        (data(box=BOX + "\n0 5 ylo yhi"), "a second line `ylo yhi`"),
        (data(before=LABELS.replace("2 B", "1 B")), "type 1 twice under `Atom Type Labels`"),
        (data(before=LABELS.replace("2 B", "2 A")), "label A twice under `Atom Type Labels`"),
        (data(before=LABELS.replace("2 B", "3 B")), "`3 B` under .*a type, 1 to 2, and its label"),
        (data(before=LABELS.replace("2 B", "B")), "`B` under .*a type, 1 to 2, and its label"),
        (data(before=LABELS.replace("2 B", "2 1")), "which begins with no digit"),
        (data(box="0 4 xlo xhi\n0 4 zlo zhi"), "no line `ylo yhi`"),
        (data(box="0 4 xlo xhi\n0 4 ylo yhi"), "no line zlo zhi"),
        (data().partition("\n")[2].lstrip(),
         r"no line `N atoms` .* LAMMPS skips as the title; .* a title .*sed -i"),
        ("2 atoms\n", "first line is a title"),
    ],
)  # fmt: skip
def test_unclear_data_files_name_the_cure(tmp_path, text, words):
    with pytest.raises(UsageError, match=words) as error:
        frames(tmp_path, text, "x.data")
    assert "--format" not in str(error.value)


def test_boxes_that_differ_by_single_precision_are_the_same(tmp_path):
    side = 4 * (1 + 6e-8)
    other = dump(bounds=(f"0 {side!r}",) * 3)
    found = frames(tmp_path, dump() + other)
    assert stack({"glass": found}, say=lambda _: None)["box_length"].values.tolist() == [4, 4, 4]
    tilted = dump(flags=" xy xz yz pp pp pp", bounds=("0 4 4e-8", "0 4 0", "0 4 -4e-8"))
    check(frames(tmp_path, tilted))
    far = dump(bounds=("0 4.0001",) * 3)
    with pytest.raises(UsageError, match=r"a box of 4\.0001"):
        stack({"glass": frames(tmp_path, dump() + far)}, say=lambda _: None)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(sorted(TEXTS)),
    places=st.lists(st.floats(0, 1), min_size=1, max_size=3),
    put=st.sampled_from([
        "", "nan", "1e400", "-1", "x", "\0", "1_0", "\n", " ", "²", "é", "=", '"', "9" * 17,
        "ITEM: ", "Atoms", "2", "A",
    ]),
    length=st.integers(0, 8),
)  # fmt: skip
def test_a_spoilt_file_is_read_or_refused_in_one_line(tmp_path, name, places, put, length):
    text = TEXTS[name]
    for place in places:
        start = int(place * len(text))
        text = text[:start] + put + text[start + length :]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = ""
        try:
            stack({"glass": frames(tmp_path, text, name)}, known=("A", "B"), say=lambda _: None)
        except UsageError as error:
            said = str(error)
    assert "\n" not in said
    assert "cannot be read as" not in said


@pytest.mark.parametrize(
    ("flags", "periodic"),
    [
        ('"T T F"', (True, True, False)),
        ("TTF", (True, True, False)),
        ('"[T, F, T]"', (True, False, True)),
        ('"true true false"', (True, True, False)),
        ('"1 0 1"', (True, False, True)),
        ("T", (True, True, True)),
    ],
)
def test_each_flag_of_pbc_counts(flags: str, periodic: tuple[bool, ...], tmp_path: Path) -> None:
    path = tmp_path / "x.extxyz"
    path.write_text(xyz(keys=f" pbc={flags}"))
    (frame,) = read_frames(path)
    assert frame.periodic == periodic


@pytest.mark.parametrize("flags", ["TT", '"T T X"', '"truthy F F"', "TFTF"])
def test_other_flags_of_pbc_are_refused(flags: str, tmp_path: Path) -> None:
    path = tmp_path / "x.extxyz"
    path.write_text(xyz(keys=f" pbc={flags}"))
    with pytest.raises(UsageError, match="pbc"):
        list(read_frames(path))


def test_a_missing_line_of_the_header_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.data"
    path.write_text(data().replace("2 atom types\n", ""))
    with pytest.raises(UsageError, match="no line `N atom types`"):
        list(read_frames(path))


def test_labels_of_types_are_read_by_their_numbers(tmp_path):
    before = LABELS.replace("1 A\n2 B", "2 A\n1 B")
    for rows in (("1 B 1.5 1 0.5", "2 A 3 2.5 3.5"), ("1 1 1.5 1 0.5", "2 2 3 2.5 3.5")):
        (frame,) = frames(tmp_path, data("", rows, before=before), "x.data")
        assert frame.labels.tolist() == ["B", "A"]
        assert frame.names == ("B", "A")


@pytest.mark.parametrize("name", TEXTS)
def test_nul_bytes_are_refused_wherever_they_are(tmp_path, name):
    """NumPy drops those at the end of an entry, with the digits in their place."""
    text = TEXTS[name] * (1 if "data" in name else 9)
    for place in (0, 7, text.index("1.5") + 2, len(text) - 2):
        spoilt = text[:place] + "\0" + text[place + 1 :]
        with pytest.raises(UsageError, match="a NUL byte in line"):
            frames(tmp_path, spoilt, name)


@pytest.mark.parametrize("name", ["x.dump", "x.dcd", "x.npy", "x.nc", "x.xyz", "x"])
@pytest.mark.parametrize("kind", [None, "dump", "extxyz", "data"])
@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"\x54\0\0\0CORD", r"a binary file, not text .*binary2txt"),
        (b"\xf6\xff\xff\xff\xff\xff\xff\xffDUMPCUSTOM\1\0\0\0", "a binary file, not text"),
        (b"\x93NUMPY\1\0v\0{}", r"gd\.from_arrays.*gd\.import_configurations"),
        (b"\x89HDF\r\n\x1a\n\0\0", r"HDF5.*gd\.from_arrays"),
        (b"CDF\2\0\0", r"netCDF.*gd\.from_arrays"),
    ],
)
def test_binary_files_are_named_as_such(tmp_path, name, kind, head, words):
    with pytest.raises(UsageError, match=words) as error:
        frames(tmp_path, head + bytes(500) + b"x", name, kind)
    assert "echo" not in str(error.value)
    assert "--format" not in str(error.value)


def test_archives_of_numpy_are_for_python(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    np.save(tmp_path / "a.npy", np.zeros(3))
    for name, kind in (("a.npz", "dump"), ("a.npz", "gsd"), ("a.npy", "gsd"), ("a.npy", None)):
        with pytest.raises(UsageError, match=r"gd\.from_arrays") as error:
            list(read_frames(tmp_path / name, kind))
        assert "unzip" not in str(error.value)


@pytest.mark.parametrize(
    "long",
    ["w" * 400_000, "w " * 200_000, "a={ " * 100_000, "a=[[1] " * 60_000, "a=[[1],[2], " * 40_000,
     'a="b" ' * 60_000, "' " * 200_000, "a='" * 130_000, "a" + " " * 400_000, "a=" + " " * 400_000,
     "=" * 400_000, '"" ' * 130_000, 'a="' + '\\"' * 200_000, "a=[" * 130_000, "a=" * 200_000],
)  # fmt: skip
def test_long_comment_lines_are_read_in_linear_time(tmp_path, long):
    from time import process_time

    from glassdask.exchange.formats.extxyz import _keys

    start = process_time()
    _keys(f'Lattice="4 0 0 0 4 0 0 0 4" {long}')
    assert process_time() - start < 2
