"""The experiment that a campaign file describes: model, box, temperatures."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from glassdask.campaign.models import MODELS, Model, additive
from glassdask.campaign.schema import CampaignFile
from glassdask.physics.geometry.inputs import largest_distance


@dataclass(frozen=True)
class Experiment:
    """A campaign folder and the quantities that follow directly from its file.

    Attributes
    ----------
    path : Path
        The folder.
    file : CampaignFile
        The validated campaign file, with any overrides.
    overrides : tuple of str
        The `section.key=value` overrides that were applied.
    """

    path: Path
    file: CampaignFile
    overrides: tuple[str, ...] = ()

    @cached_property
    def model(self) -> Model:
        """The glass former; values of the file replace defaults of the model."""
        return resolve_model(self.file)

    @property
    def typed(self) -> str:
        """The folder as an argument of a command that can be pasted into a shell."""
        return shlex.quote(str(self.path))

    @property
    def store(self) -> Path:
        """The Zarr store."""
        return self.path / "store.zarr"

    @property
    def box_length(self) -> float:
        """Side of the periodic box, sigma."""
        return self.model.box_length(self.file.system.particles)

    @property
    def imported(self) -> bool:
        """Whether the configurations were imported, and not made by LAMMPS runs."""
        return self.file.quench.source == "import"

    @property
    def scheduled(self) -> bool:
        """Whether the runs are cooled by a schedule."""
        return self.file.quench.schedule is not None and not self.imported

    @property
    def state_temperatures(self) -> tuple[float, float]:
        """T_L and T_G, epsilon/kB; NaN if unknown, for imported configurations."""
        if self.imported:
            given = (self.file.quench.liquid_temperature, self.file.quench.glass_temperature)
            return tuple(math.nan if t is None else t for t in given)  # type: ignore[return-value]
        liquid, glass = self.model.liquid_temperature, self.model.glass_temperature
        assert liquid is not None  # checked when the file was read
        assert glass is not None
        return liquid, glass

    @property
    def cells(self) -> int:
        """Cells of the density grid along each axis."""
        return max(1, round(self.box_length / self.file.grid.spacing))

    @property
    def radial_bins(self) -> tuple[int, float]:
        """Number of bins of g(r), and the upper end of the last bin, sigma."""
        section = self.file.correlate
        end = largest_distance(np.array(self.box_length), section.radial_distance)
        bins = int(end / section.radial_bin + 1e-9)  # 0.3 / 0.1 is less than 3 in floats
        return bins, min(end, bins * section.radial_bin)

    @property
    def propensity_temperatures(self) -> tuple[float, ...]:
        """Temperatures of the isoconfigurational ensemble, epsilon/kB.

        NaN if they are relative to an unknown T*, for imported configurations.
        """
        section = self.file.propensity
        if section.temperature_unit == "epsilon":
            return tuple(section.temperatures)
        onset = self.model.onset_temperature
        if onset is None:
            return (math.nan,) * len(section.temperatures)
        return tuple(round(t * onset, 10) for t in section.temperatures)

    @property
    def has_temperatures(self) -> bool:
        """Whether the temperatures of the ensemble are known."""
        return not any(map(math.isnan, self.propensity_temperatures))


def resolve_model(file: CampaignFile) -> Model:
    """The model of [system], with the temperatures of the file; see `Experiment.model`."""
    system = file.system
    if system.model == "custom":
        assert system.species is not None  # checked when the file was read
        assert system.fractions is not None
        assert system.sigma is not None
        assert system.epsilon is not None
        assert system.density is not None
        assert system.dimension is not None
        model = Model(
            name="custom",
            dimension=system.dimension,
            density=system.density,
            species=tuple(system.species),
            fractions=tuple(system.fractions),
            sigma=_matrix(system.sigma),
            epsilon=_matrix(system.epsilon),
            masses=tuple(system.masses or [1.0] * len(system.species)),
            reference_lengths=additive(
                tuple(system.sigma[k][k] for k in range(len(system.species)))
            ),
        )
    else:
        model = MODELS[system.model]
        if system.density is not None:
            model = replace(model, density=system.density)
    if system.reference_lengths is not None:
        model = replace(model, reference_lengths=_matrix(system.reference_lengths))
    given: dict[str, Any] = {
        "liquid_temperature": file.quench.liquid_temperature,
        "glass_temperature": file.quench.glass_temperature,
        "onset_temperature": file.propensity.onset_temperature,
    }
    return replace(model, **{key: value for key, value in given.items() if value is not None})


def _matrix(rows: list[list[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in rows)
