"""Damage to any file of a campaign: an error that names it, or the right numbers."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import xarray as xr
from campaigns import in_process

import glassdask as gd
from glassdask.base.errors import GlassdaskError
from glassdask.store import manifest


def _flip(path: Path, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def _truncate(path: Path, draw: random.Random) -> None:
    os.truncate(path, draw.randrange(path.stat().st_size))


def _empty(path: Path, draw: random.Random) -> None:
    os.truncate(path, 0)


def _zero(path: Path, draw: random.Random) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _delete(path: Path, draw: random.Random) -> None:
    path.unlink()


DAMAGES = (_flip, _truncate, _empty, _zero, _delete)


@contextmanager
def damaged(campaign: Path, draw: random.Random) -> Iterator[str]:
    """Damage one file of a campaign, or swap two; yields what was done, and mends it after."""
    files = sorted(
        path
        for name in ("store.zarr", "model", "figures", "manifests", "report.html")
        for path in [campaign / name, *(campaign / name).rglob("*")]
        if path.is_file() and path.stat().st_size
    )
    one, other = draw.sample(files, 2)
    kept = {path: (path.read_bytes(), path.stat()) for path in (one, other)}
    harm = draw.choice((*DAMAGES, None))
    if harm is None:
        one.rename(campaign / "swapped")
        other.rename(one)
        (campaign / "swapped").rename(other)
        told = f"swapped {one} and {other}"
    else:
        harm(one, draw)
        told = f"{harm.__name__} {one}"
        if one.exists() and draw.random() < 0.5:  # as a failing disk: no time changes
            os.utime(one, ns=(kept[one][1].st_atime_ns, kept[one][1].st_mtime_ns))
    try:
        yield told
    finally:
        for path, (content, about) in kept.items():
            path.write_bytes(content)
            os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


@pytest.fixture
def whole(tiny: Path, tmp_path: Path, monkeypatch) -> Path:
    """A copy of a complete campaign; each check looks at the files again."""
    monkeypatch.setattr(manifest, "HOLDS", 0.0)
    # a damaged report is made anew, which takes long and is another law
    monkeypatch.setattr("glassdask.stages.report.Report.outdated", lambda self, campaign: False)
    shutil.copytree(tiny, tmp_path / "c")
    return tmp_path / "c"


def contents(campaign: Path) -> dict[str, xr.Dataset]:
    """All variables of the store, in memory."""
    with gd.open(campaign) as tree:
        return {name: tree[name].to_dataset().load() for name in tree.groups}


def _same(found: dict[str, xr.Dataset], expected: dict[str, xr.Dataset]) -> bool:
    return found.keys() == expected.keys() and all(
        found[name].identical(expected[name]) for name in expected
    )


def _check_export(campaign: Path, expected: bytes, told: str) -> None:
    output = campaign.parent / "now.extxyz"
    words = ("export", str(campaign), "--output", str(output), "--overwrite")
    done = in_process(*words, code=None)
    assert done.returncode in (0, 1, 2), told
    if done.returncode == 0:
        assert output.read_bytes() == expected, told
    else:
        _check_error(done.stderr, told)


def _check_open(campaign: Path, expected: dict[str, xr.Dataset], told: str) -> None:
    try:
        found = contents(campaign)
    except GlassdaskError:
        return
    except (RuntimeError, ValueError) as error:  # of Zarr, for a chunk with its old size and time
        said = str(error)
    else:
        said = "" if _same(found, expected) else "other numbers"
    assert not said or "Zstd" in said or "checksum" in said, (told, said)


def _check_command(command: str, campaign: Path, told: str) -> None:
    done = in_process(command, str(campaign), code=None)
    if done.returncode == 0:
        assert command == "status" or not done.stderr, told
    else:
        _check_error(done.stderr, told)


def _check_error(said: str, told: str) -> None:
    """One line, which says what to type."""
    errors = [line for line in said.splitlines() if line]
    assert len(errors) == 1, (told, said)
    assert errors[0].startswith("Error: "), (told, said)
    assert "`" in errors[0], (told, said)


@pytest.mark.parametrize(("seed", "count"), [(0, 5), pytest.param(1, 300, marks=pytest.mark.long)])
def test_any_single_damage_is_an_error_or_leaves_the_numbers(
    whole: Path, seed: int, count: int
) -> None:
    draw, expected = random.Random(seed), contents(whole)
    exported = whole.parent / "expected.extxyz"
    in_process("export", str(whole), "--output", str(exported))
    for _ in range(count):
        with damaged(whole, draw) as told:
            _check_export(whole, exported.read_bytes(), told)
            _check_open(whole, expected, told)
            for command in ("status", "verify", "run"):
                _check_command(command, whole, told)
    assert _same(contents(whole), expected)
    in_process("verify", str(whole))
