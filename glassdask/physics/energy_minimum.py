"""Minimise the potential energy of a configuration, without LAMMPS."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassdask.base.errors import BadArgument
from glassdask.physics.compiled import compiled
from glassdask.physics.energy import at_cutoff, interaction, phi_and_sixth
from glassdask.physics.geometry.inputs import in_box
from glassdask.physics.geometry.pairs import pairs_within

#: Pairs are looked for up to the cutoff and this distance, sigma; again after half of it.
_SKIN = 0.4
#: Minimisations one after the other. Each begins at the end of the last, and takes the energy
#: there as its zero, since rounding of the total energy limits the force that can be reached.
_MOST_STARTS = 10
_MOST_EVALUATIONS = 100_000


def minimise_energy_array(
    position: np.ndarray,
    box_length: float | np.ndarray,
    species: np.ndarray,
    sigma: np.ndarray,
    epsilon: np.ndarray,
    cutoff: float,
    largest_force: float,
) -> np.ndarray:
    """The minimum downhill from a configuration, wrapped to [0, L), (particle, axis), sigma.

    By L-BFGS (SciPy), until no component of a force is larger than `largest_force`, epsilon/sigma.

    Raises
    ------
    ValueError
        As `potential_energy`, and when this force cannot be reached.
    """
    from scipy.optimize import minimize

    position, length = in_box(position, box_length)
    *potential, reach = interaction(species, len(position), sigma, epsilon, cutoff)
    landscape = _Landscape(position, length, (*potential, cutoff), reach)
    place, reached = position.ravel(), np.inf
    for _ in range(_MOST_STARTS):
        landscape.zero = 0.0
        landscape.zero = landscape(place)[0]
        found = minimize(
            landscape,
            place,
            jac=True,
            method="L-BFGS-B",
            options={
                "maxcor": 20,
                "gtol": largest_force,
                "ftol": 0.0,
                "maxiter": _MOST_EVALUATIONS,
                "maxfun": _MOST_EVALUATIONS,
            },
        )
        before, reached = reached, float(np.abs(found.jac).max(initial=0.0))
        place = found.x
        if reached <= largest_force or reached >= before:
            break
    if not reached <= largest_force:
        raise BadArgument(
            f"the minimisation reached a force of {reached:.1e} epsilon/sigma",
            f"{largest_force:g}, as asked for",
            f"Type `largest_force={2 * reached:.0e}`.",
        )
    end = place.reshape(position.shape) % length
    return np.where(end < length, end, 0.0)  # a small negative number modulo L rounds to L


class _Landscape:
    """Energy above `zero`, and its gradient, at flat unwrapped positions."""

    def __init__(
        self,
        position: np.ndarray,
        length: np.ndarray,
        potential: tuple[Any, ...],
        reach: float,
    ) -> None:
        self.length = length
        self.potential = potential  # species, sigma, epsilon and cutoff
        self.reach = reach
        # a cutoff of half the box leaves no room for a skin
        self.skin = max(0.0, min(_SKIN, float(length.min()) / 2 - self.reach))
        self.zero = 0.0
        self._find_pairs(position)

    def _find_pairs(self, position: np.ndarray) -> None:
        inside = position % self.length
        inside[inside >= self.length] = 0.0
        blocks = [
            (pairs.particle[half], pairs.partner[half])
            for pairs in pairs_within(inside, self.length, self.reach + self.skin)
            for half in (pairs.particle < pairs.partner,)
        ]
        self.pairs = tuple(np.concatenate(each) for each in zip(*blocks, strict=True))
        self.found_at = position

    def __call__(self, place: np.ndarray) -> tuple[float, np.ndarray]:
        position = place.reshape(self.found_at.shape)
        farthest = ((position - self.found_at) ** 2).sum(axis=1).max(initial=0.0)
        if 2 * np.sqrt(farthest) > self.skin:
            self._find_pairs(position.copy())
        gradient = np.zeros_like(position)
        energy = _add_pairs(
            gradient, position, self.length, *self.pairs, *self.potential, self.zero
        )
        return energy, gradient.ravel()


@compiled()
def _add_pairs(gradient, position, length, first, second, kinds, sigma, epsilon, cutoff, zero):  # type: ignore[no-untyped-def]
    """Energy minus `zero`, by Neumaier's sum; adds the gradient of each pair."""
    d = position.shape[1]
    value, slope = at_cutoff(cutoff)
    separation = np.empty(d)
    total, rest = -zero, 0.0
    for pair in range(len(first)):
        i, j = first[pair], second[pair]
        size = sigma[kinds[i], kinds[j]]
        square = 0.0
        for axis in range(d):
            along = position[i, axis] - position[j, axis]
            along -= length[axis] * np.round(along / length[axis])
            separation[axis] = along
            square += along * along
        r = np.sqrt(square) / size
        if r < cutoff:
            depth = epsilon[kinds[i], kinds[j]]
            phi, sixth = phi_and_sixth(r, cutoff, value, slope)
            energy = depth * phi
            both = total + energy
            rest += (total - both) + energy if abs(total) > abs(energy) else (energy - both) + total
            total = both
            change = depth * (24 * (sixth - 2 * sixth * sixth) / r - slope) / (r * size * size)
            for axis in range(d):
                gradient[i, axis] += change * separation[axis]
                gradient[j, axis] -= change * separation[axis]
    return total + rest
