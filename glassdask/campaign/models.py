"""The glass formers: built-in models, and what defines a custom one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Model:
    """A mixture of Lennard-Jones particles, in units of sigma_c, epsilon_c and m_c.

    Attributes
    ----------
    name : str
        Name of the model.
    dimension : int
        2 or 3.
    density : float
        Particles per unit area or volume, sigma^-dimension.
    species : tuple of str
        Names of the species, in the order of all the matrices.
    fractions : tuple of float
        Number fraction of each species; they add up to 1.
    sigma, epsilon : tuple of tuple of float
        Symmetric matrices (species, species): range in sigma, depth in epsilon.
    masses : tuple of float
        Mass of each species.
    reference_lengths : tuple of tuple of float
        Side lengths of the ideal triangles (tetrahedra) of the Tong-Tanaka order parameter.
    liquid_temperature, glass_temperature : float or None
        T_L and T_G, epsilon/kB.
    onset_temperature : float or None
        T*, epsilon/kB: where the dynamics become slow on cooling.
    note : str
        A remark in one line.
    family : str
        The model of the paper that it is a variant of, "abm" or "kam"; empty for others.
    """

    name: str
    dimension: int
    density: float
    species: tuple[str, ...]
    fractions: tuple[float, ...]
    sigma: Matrix
    epsilon: Matrix
    masses: tuple[float, ...]
    reference_lengths: Matrix
    liquid_temperature: float | None = None
    glass_temperature: float | None = None
    onset_temperature: float | None = None
    note: str = ""
    family: str = ""

    def counts(self, particles: int) -> tuple[int, ...]:
        """Number of particles of each species; they add up to `particles`.

        Fractions are rounded by the method of largest remainders.
        """
        exact = np.asarray(self.fractions) * particles
        whole = np.floor(exact + 1e-9).astype(int)
        rest = particles - int(whole.sum())
        order = np.argsort(-(exact - whole), kind="stable")
        whole[order[:rest]] += 1
        return tuple(int(n) for n in whole)

    def species_of_particles(self, particles: int) -> np.ndarray:
        """Species number of each particle, int8 (particle,); species A comes first."""
        return np.repeat(np.arange(len(self.species)), self.counts(particles)).astype(np.int8)

    def box_length(self, particles: int) -> float:
        """Side of the square (cubic) periodic box that holds `particles`, in sigma."""
        return float((particles / self.density) ** (1.0 / self.dimension))


def additive(diameters: tuple[float, ...]) -> Matrix:
    """Reference lengths of touching discs (spheres): the sums of the radii."""
    return tuple(tuple(0.5 * (a + b) for b in diameters) for a in diameters)


def _binary(aa: float, ab: float, bb: float) -> Matrix:
    return ((aa, ab), (ab, bb))


_KOB_ANDERSEN = _binary(1.0, 0.8, 0.88)

_ABM = Model(
    name="abm",
    dimension=2,
    density=1.09,
    species=("A", "B"),
    fractions=(0.5, 0.5),
    sigma=_binary(5 / 6, 1.0, 7 / 6),
    epsilon=_binary(1.0, 1.0, 1.0),
    masses=(1.0, 1.0),
    reference_lengths=additive((5 / 6, 7 / 6)),
    liquid_temperature=2.0,
    glass_temperature=0.05,
    onset_temperature=1.0,
    note="additive binary mixture of the paper, at the density that its Table I most likely means",
    family="abm",
)
_KAM = Model(
    name="kam",
    dimension=2,
    density=1.2,
    species=("A", "B"),
    fractions=(0.65, 0.35),
    sigma=_KOB_ANDERSEN,
    epsilon=_binary(1.0, 1.5, 0.5),
    masses=(1.0, 1.0),
    reference_lengths=additive((1.0, 0.88)),
    liquid_temperature=0.8,
    glass_temperature=0.05,
    onset_temperature=0.37,
    note="Kob-Andersen in 2D, 65:35, with Kob and Andersen's energies and density",
    family="kam",
)

#: The built-in models. T_L, T_G and T* are those of the paper, if stated there.
#: docs/physics/models.md explains why some models have variants.
MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        _ABM,
        replace(_ABM, name="abm-1.2", density=1.2, note="abm at the density of Table I as printed"),
        _KAM,
        replace(_KAM, name="kam-1.09", density=1.09,
                note="kam at the density of Table I as printed: cavities open on slow cooling"),
        replace(_KAM, name="kam-table1", density=1.09, fractions=(0.35, 0.65),
                epsilon=_binary(1.0, 0.5, 1.5),
                note="Table I of the paper as printed: demixes and crystallises, for comparison"),
        replace(_KAM, name="ka3d", dimension=3, density=1.2, fractions=(0.8, 0.2),
                epsilon=_binary(1.0, 1.5, 0.5), liquid_temperature=1.0, onset_temperature=0.4,
                note="Kob and Andersen 1995, in 3D", family=""),
    )
}  # fmt: skip
