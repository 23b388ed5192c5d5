"""OVITO reads exported files: all frames, radii, 2D as 2D."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_exchange_formats import WRITTEN, back, particles, write

import_file = pytest.importorskip("ovito.io").import_file

#: Of A and B, sigma.
DIAMETERS = (1.0, 0.88)


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("kind", WRITTEN)
def test_ovito_shows_what_was_exported(tmp_path, kind, dimension):
    side = [4.0] * dimension
    frames = [
        replace(
            particles(dimension, seed=k, length=side, theta_like=np.arange(7.0) + k),
            diameters=DIAMETERS,
            species=np.repeat([0, 1], [4, 3]),
        )
        for k in range(3)
    ]
    path = write(tmp_path / f"x.{kind}", kind, frames)
    pipeline = import_file(path)
    assert pipeline.source.num_frames == 3
    for k, frame in enumerate(frames):
        shown = pipeline.compute(k)
        cell, found = shown.cell, shown.particles
        assert cell.is2D == (dimension == 2)
        assert all(cell.pbc[:dimension])
        sides = np.diag(cell[:3, :3])[:dimension]
        np.testing.assert_allclose(sides, side, rtol=1e-6)
        low = np.array(cell[:dimension, 3])
        place = found.positions[:, :dimension] - low
        np.testing.assert_allclose(place, frame.position, atol=0 if kind != "gsd" else 1e-6)
        first = 0 if kind == "gsd" else 1
        np.testing.assert_array_equal(found.particle_types - first, frame.species)
        radii = 0.5 * np.array(DIAMETERS)[frame.species]
        np.testing.assert_allclose(found["Radius"], radii, rtol=1e-6)
        np.testing.assert_array_equal(found["theta_like"], frame.columns["theta_like"])
    if kind == "gsd":
        types = found.particle_types.types
        assert [(t.name, pytest.approx(t.radius)) for t in types] == [("A", 0.5), ("B", 0.44)]
    returned = back(path)
    for k, frame in enumerate(frames):
        np.testing.assert_array_equal(returned["position"].values[k, 0], frame.position)


def test_the_command_writes_the_diameters_of_the_model(tmp_path):
    import glassdask as gd

    random = np.random.default_rng(0)
    corners = np.stack(np.meshgrid(*[np.arange(10)] * 2), -1).reshape(-1, 2)
    ds = gd.from_arrays((corners + 0.3 * random.random((100, 2)))[None], [0] * 65 + [1] * 35, 10.0)
    campaign = gd.import_configurations(tmp_path / "c", ds, model="kam")
    for kind in WRITTEN:
        gd.export(campaign, tmp_path / f"x.{kind}")
        shown = import_file(tmp_path / f"x.{kind}").compute(0)
        found = np.sort(np.unique(np.round(shown.particles["Radius"], 6)))
        np.testing.assert_allclose(found, [0.44, 0.5])
        assert shown.cell.is2D
