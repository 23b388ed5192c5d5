"""Laws of the trajectories of the ensemble: ballistic motion at short times, harmonic crystal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lammps_runs import propensity, small

from glassdask.campaign import Campaign
from glassdask.physics.bonds import broken_bonds_array, find_bonds
from glassdask.physics.displacement import squared_displacement_array
from glassdask.physics.geometry.tessellation import tessellate
from glassdask.physics.relaxation import overlap_array
from glassdask.physics.scattering import angular_average

pytestmark = pytest.mark.slow

STEP, CUTOFF, COLD, Q = 0.005, 1.9, 0.002, 7.2


def crystal(folder: Path, d: int, *overrides: str) -> tuple[Campaign, np.ndarray]:
    """A perfect crystal of one species in a cubic box."""
    if d == 2:
        i, j = np.divmod(np.arange(56), 8)
        share = np.stack([(i + j % 2 / 2) / 7, j / 8], axis=1)  # triangular, wider by 1 %
    else:
        cells = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
        basis = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
        share = ((cells + basis) / 3).reshape(-1, 3)
    campaign = small(
        folder, "custom", f"system.particles={len(share)}", f"system.dimension={d}",
        f"system.density={1.0 if d == 2 else 1.1}", 'system.species=["A"]',
        "system.fractions=[1.0]", "system.masses=[1.0]", "system.sigma=[[1.0]]",
        "system.epsilon=[[1.0]]",
        f"system.cutoff={CUTOFF}", "system.reference_lengths=[[1.0]]", *overrides,
    )  # fmt: skip
    return campaign, share * campaign.box_length


def replicas(
    campaign: Campaign, position: np.ndarray, temperature: float, count: int, log: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Displacements (replica, time, particle, axis), and CRSD."""
    runs = [propensity(campaign, position, temperature, 100 + k, log) for k in range(count)]
    return tuple(np.stack([run[name] for run in runs]) for name in ("displacement", "crsd"))


def covariance(position: np.ndarray, length: float) -> np.ndarray:
    """<u u> / T of a harmonic crystal with a fixed centre of mass, (particle, axis) twice."""

    def slope(r):
        return -48 / r**13 + 24 / r**7

    count, d = position.shape
    apart = position[None] - position[:, None]
    apart -= length * np.rint(apart / length)
    r = np.linalg.norm(apart, axis=-1) + 10 * length * np.eye(count)
    first = np.where(r < CUTOFF, slope(r) - slope(CUTOFF), 0)
    second = np.where(r < CUTOFF, 624 / r**14 - 168 / r**8, 0)
    along = apart[..., None] * apart[..., None, :] / r[..., None, None] ** 2
    across = np.eye(d) - along
    pair = second[..., None, None] * along + (first / r)[..., None, None] * across
    hessian = -pair
    hessian[np.arange(count), np.arange(count)] = pair.sum(axis=1)
    matrix = hessian.transpose(0, 2, 1, 3).reshape(count * d, count * d)
    values = np.linalg.eigvalsh(matrix)
    assert (values[:d] < 1e-9).all()
    assert values[d] > 1  # stable, except for translations
    return np.linalg.pinv(matrix, rcond=1e-9, hermitian=True).reshape(count, d, count, d)


def plateaus(folder: Path, d: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Squared displacements and CRSD long after the start."""
    times = np.arange(20, 60, 0.335).round(3)
    campaign, position = crystal(folder, d, f"propensity.times={times.tolist()}")
    count = 16 if d == 2 else 8
    moved, caged = replicas(campaign, position, temperature, count, folder / "log")
    return moved.astype(float), caged.astype(float)


@pytest.mark.parametrize("d", [2, 3])
def test_free_flight_at_first(tmp_path: Path, d: int) -> None:
    """MSD = d T t^2 (N - 1) / N: Gaussian velocities with the mean removed."""
    temperature, draws = 1.3, 30
    campaign, position = crystal(tmp_path, d, f"propensity.times=[{STEP}, {2 * STEP}]")
    moved, _ = replicas(campaign, position, temperature, draws, tmp_path / "log")
    count = len(position)
    for k in (0, 1):
        squares = squared_displacement_array(moved[:, k].astype(float)).mean(axis=1)
        expected = d * temperature * ((k + 1) * STEP) ** 2 * (count - 1) / count
        error = squares.std(ddof=1) / np.sqrt(draws)
        assert error < 0.03 * expected
        # forces vanish in the perfect crystal, so corrections are of order t^4
        assert squares.mean() == pytest.approx(expected, abs=4 * error + 0.02 * expected)
    np.testing.assert_allclose(moved.mean(axis=2), 0, atol=1e-8)
    one = moved[:, 0].ravel() / moved[:, 0].std()
    assert (one**4).mean() == pytest.approx(3, abs=4 * np.sqrt(24 / one.size))
    assert np.corrcoef(moved[:, 0].reshape(draws, -1)).max(where=~np.eye(draws, dtype=bool),
                                                           initial=-1) < 0.6  # fmt: skip


@pytest.mark.parametrize("d", [2, 3])
def test_a_cold_crystal_is_harmonic(tmp_path: Path, d: int) -> None:
    """Plateaus of MSD and CRSD equal the sums over the normal modes."""
    campaign, position = crystal(tmp_path, d)
    length, of_pairs = campaign.box_length, covariance(position, campaign.box_length)
    moved, caged = plateaus(tmp_path, d, COLD)
    count = len(position)
    plain = COLD * np.einsum("iaia->", of_pairs) / count
    here, there = tessellate(position, length).neighbours
    cage = np.eye(count)
    np.add.at(cage, (here, there), 1)
    relative = np.eye(count) - cage / cage.sum(axis=1, keepdims=True)
    smaller = np.einsum("ij,jakb,ik->iab", relative, of_pairs, relative, optimize=True)
    for found, expected in (
        (squared_displacement_array(moved), plain),
        (caged, COLD * np.einsum("iaa->", smaller) / count),
    ):
        each = found.mean(axis=(1, 2))
        error = each.std(ddof=1) / np.sqrt(len(each))
        assert error < 0.06 * expected
        assert each.mean() == pytest.approx(expected, abs=4 * error + 0.02 * expected)
    # Gaussian, along all directions alike: exp(-q^2 <u^2> / 2 d)
    squares = squared_displacement_array(moved)
    scattering = angular_average(squares, Q, d).mean(axis=-1, dtype=float).mean()
    assert -2 * d / Q**2 * np.log(scattering) == pytest.approx(squares.mean(), rel=0.03)
    assert (overlap_array(squares, 0.3) == 1).all()
    bonds = find_bonds(position, length, np.zeros(count, int), [[1.0]])
    assert len(bonds.first) == count * (3 if d == 2 else 6)
    assert (broken_bonds_array(moved, bonds) == 0).all()


def test_its_displacements_grow_with_the_temperature(tmp_path: Path) -> None:
    cold, warm = (
        squared_displacement_array(plateaus(tmp_path, 2, temperature)[0]).mean(axis=(1, 2))
        for temperature in (COLD, 4 * COLD)
    )
    error = np.hypot(*(x.std(ddof=1) / x.mean() for x in (cold, warm))) / np.sqrt(len(cold))
    assert warm.mean() / cold.mean() == pytest.approx(4, rel=4 * error + 0.05)
