"""NumPy archives of isoconfigurational ensembles: each published layout comes in as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from campaigns import in_process

import glassdask as gd
from glassdask.base.errors import UsageError
from glassdask.exchange.files import read_frames

RANDOM = np.random.default_rng(2)
REPLICAS, PARTICLES = 4, 200


def ensemble(dimension: int = 3, species: int = 2) -> dict[str, np.ndarray]:
    """A start on a disturbed lattice, species in mixed order, and unwrapped replicas."""
    side = {2: 15, 3: 6}[dimension]
    length = (PARTICLES / 1.2) ** (1 / dimension)
    lattice = np.indices([side] * dimension).reshape(dimension, -1).T[:PARTICLES]
    start = (lattice + 0.3 * RANDOM.random(lattice.shape)) * length / side
    share = {3: 0.2, 2: 0.35}[dimension]  # of B, as in the models
    kinds = RANDOM.permutation(np.arange(PARTICLES) >= round(PARTICLES * (1 - share))).astype(int)
    if species == 3:
        kinds = np.arange(PARTICLES) % 3
    moved = start + RANDOM.normal(size=(REPLICAS, *start.shape)) * 0.2
    return {"types": kinds, "initial_positions": start, "positions": moved}


def length_of(arrays: dict[str, np.ndarray]) -> float:
    return (PARTICLES / 1.2) ** (1 / arrays["initial_positions"].shape[1])


def saved(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    np.savez(path, **arrays)
    return path


def expected_displacement(arrays: dict[str, np.ndarray]) -> np.ndarray:
    order = np.argsort(arrays["types"], kind="stable")
    return (arrays["positions"] - arrays["initial_positions"])[:, order]


OPTIONS = ("--temperature", "0.44", "--time", "100")


@pytest.mark.parametrize(
    ("dimension", "model"), [(3, ("--model", "ka3d")), (2, ("--model", "kam"))]
)
def test_layout_of_botan_becomes_a_campaign(
    tmp_path: Path, dimension: int, model: tuple[str, ...]
) -> None:
    every = [ensemble(dimension) for _ in range(2)]
    files = [saved(tmp_path / f"{k}.npz", arrays) for k, arrays in enumerate(every)]
    side = str(length_of(every[0]))
    done = in_process(
        "import", str(tmp_path / "c"), *map(str, files), *model, *OPTIONS, "--box-length", side,
        "--set", "grid.spacing=0.5",
    )  # fmt: skip
    assert "2 samples imported" in done.stdout
    tree = gd.open(tmp_path / "c")
    moved = tree["propensity"].displacement
    assert moved.sizes["replica"] == REPLICAS
    for k, arrays in enumerate(every):
        found = moved.isel(configuration=k, temperature=0, time=0)
        found = found.transpose("replica", "particle", "axis").values
        np.testing.assert_allclose(found, expected_displacement(arrays), atol=1e-6)
        order = np.argsort(arrays["types"], kind="stable")
        start = tree["configurations"].position.sel(state="glass").isel(sample=k)
        np.testing.assert_allclose(start, arrays["initial_positions"][order], atol=1e-12)
    assert tree["propensity"].time.values.tolist() == [100]
    assert tree["propensity"].temperature.values.tolist() == [0.44]


def test_layout_with_a_box_and_names_of_deepmind_gives_the_same_frame(tmp_path: Path) -> None:
    arrays = ensemble()
    side = length_of(arrays)
    first = next(iter(read_frames(saved(tmp_path / "a.npz", arrays), box_length=side)))
    other = {
        "types": arrays["types"], "positions": arrays["initial_positions"],
        "trajectory_target_positions": arrays["positions"], "metadata": np.array([1, 2]),
    }  # fmt: skip
    for box in (side, [side] * 3, np.diag([side] * 3)):
        path = saved(tmp_path / "b.npz", other | {"box": np.array(box)})
        second = next(iter(read_frames(path)))
        np.testing.assert_array_equal(second.displacement, first.displacement)
        np.testing.assert_array_equal(second.position, first.position)
        np.testing.assert_allclose(second.cell, first.cell)


def test_wrapped_replicas_have_the_displacements_of_unwrapped_ones(tmp_path: Path) -> None:
    arrays = ensemble()
    side = length_of(arrays)
    path = saved(tmp_path / "a.npz", arrays | {"positions": arrays["positions"] % side})
    found = next(iter(read_frames(path, box_length=side)))
    assert (abs(arrays["positions"] % side - arrays["initial_positions"]) > side / 2).any()
    moved = arrays["positions"] - arrays["initial_positions"]
    np.testing.assert_allclose(found.displacement[:, 0], moved, atol=1e-12)


@pytest.mark.parametrize("corner", [0.0, 0.5])
def test_wrapped_positions_may_be_rounded_and_begin_anywhere(tmp_path: Path, corner: float) -> None:
    arrays = ensemble()
    side = length_of(arrays)
    moved = arrays["positions"] - arrays["initial_positions"]
    for name in ("initial_positions", "positions"):
        arrays[name] = (arrays[name] % side - corner * side).astype(np.float32)
    arrays["positions"][0, 0] = arrays["positions"].max() + 1e-6
    found = next(iter(read_frames(saved(tmp_path / "a.npz", arrays), box_length=round(side, 4))))
    assert found.wrapped
    np.testing.assert_allclose(found.displacement[1:, 0], moved[1:], atol=2e-4)


def test_displacements_longer_than_half_the_box_stay_if_unwrapped(tmp_path: Path) -> None:
    arrays = ensemble()
    side = length_of(arrays)
    arrays["positions"] = arrays["positions"] + 3 * side
    found = next(iter(read_frames(saved(tmp_path / "a.npz", arrays), box_length=side)))
    np.testing.assert_allclose(
        found.displacement[:, 0], arrays["positions"] - arrays["initial_positions"]
    )


def test_several_times_and_three_species(tmp_path: Path) -> None:
    arrays = ensemble(2, species=3)
    later = arrays["initial_positions"] + 2 * (arrays["positions"] - arrays["initial_positions"])
    arrays["positions"] = np.stack([arrays["positions"], later], axis=1)
    three = [[1.0] * 3] * 3
    in_process(
        "import", str(tmp_path / "c"), str(saved(tmp_path / "a.npz", arrays)), "--model", "custom",
        "--temperature", "0.3", "--time", "1", "10", "--box-length", str(length_of(arrays)),
        "--set", f"system.sigma={three}", "--set", f"system.epsilon={three}",
        "--set", "grid.spacing=0.5",
    )  # fmt: skip
    moved = gd.open(tmp_path / "c")["propensity"].displacement
    np.testing.assert_allclose(2 * moved.isel(time=0), moved.isel(time=1), atol=1e-6)
    assert np.unique(moved.species).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"types": None}, "types"),
        ({"positions": None}, "initial_positions"),
        ({"types": np.zeros(199, int)}, "types of shape"),
        ({"positions": np.zeros((4, 199, 3))}, "positions of shape"),
        ({"initial_positions": np.full((200, 3), np.nan)}, "initial_positions"),
        ({"positions": np.full((4, 200, 3), np.inf)}, "positions"),
        ({"box": np.array([[4.0, 1, 0], [0, 4, 0], [0, 0, 4]])}, "box of shape"),
        ({"types": np.array([{}] * 200, dtype=object)}, "pickle"),
    ],
)
def test_damaged_archives_name_what_is_wrong(tmp_path: Path, change: dict, named: str) -> None:
    arrays = {k: v for k, v in (ensemble() | change).items() if v is not None}
    path = saved(tmp_path / "a.npz", arrays)
    with pytest.raises(UsageError, match=named):
        list(read_frames(path, box_length=None if "box" in change else 3.7))


def test_a_cut_archive_and_missing_options_are_one_line(tmp_path: Path) -> None:
    arrays = ensemble()
    path = saved(tmp_path / "a.npz", arrays)
    side = ("--box-length", str(length_of(arrays)))
    for options, named in (
        (OPTIONS, "--box-length"),
        ((*side, "--time", "1"), "--temperature"),
        ((*side, *OPTIONS, "2"), "1 times"),
        ((*side, *OPTIONS, "--liquid", str(path)), "glasses with replicas"),
        ((*side, "--state", "liquid", *OPTIONS), "glasses with replicas"),
    ):
        done = in_process(
            "import", str(tmp_path / "c"), str(path), "--model", "ka3d", *options, code=2
        )
        assert named in done.stderr
        assert done.stderr.count("\n") == 1
        assert not (tmp_path / "c").exists()
    path.write_bytes(path.read_bytes()[:-100])
    done = in_process("import", str(tmp_path / "c"), str(path), "--model", "ka3d", *side, code=2)
    assert str(path) in done.stderr
