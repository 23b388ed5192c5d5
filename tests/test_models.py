"""The built-in models: their values, and their comparison with the paper."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glassdask.campaign import (
    MODELS,
    PRESETS,
    load,
    new_campaign,
)
from glassdask.report import paper

#: Each variant of a model, and the attributes in which it differs from it.
VARIANTS = {
    "abm-1.2": ("abm", {"density"}),
    "kam-1.09": ("kam", {"density"}),
    "kam-table1": ("kam", {"density", "fractions", "epsilon"}),
}
FAMILIES = {"abm": ["abm", "abm-1.2"], "kam": ["kam", "kam-1.09", "kam-table1"]}


@pytest.mark.parametrize("model", MODELS.values(), ids=str)
def test_every_model_is_consistent(model) -> None:
    assert model is MODELS[model.name]
    assert sum(model.fractions) == pytest.approx(1)
    for matrix in (model.sigma, model.epsilon, model.reference_lengths):
        matrix = np.array(matrix)
        assert matrix.shape == (2, 2)
        np.testing.assert_array_equal(matrix, matrix.T)
    for particles in (7, 500, 2000):
        assert sum(model.counts(particles)) == particles
        length = model.box_length(particles)
        assert particles / length**model.dimension == pytest.approx(model.density)
    assert model.glass_temperature < model.onset_temperature < model.liquid_temperature
    assert model.note


@pytest.mark.parametrize(
    ("name", "counts", "density", "length"),
    [
        ("abm", (1000, 1000), 1.09, 42.8353),
        ("abm-1.2", (1000, 1000), 1.2, 40.8248),
        ("kam", (1300, 700), 1.2, 40.8248),
        ("kam-1.09", (1300, 700), 1.09, 42.8353),
        ("kam-table1", (700, 1300), 1.09, 42.8353),
    ],
)
def test_two_thousand_particles(name, counts, density, length) -> None:
    model = MODELS[name]
    assert model.counts(2000) == counts
    assert model.density == density
    assert model.box_length(2000) == pytest.approx(length, abs=1e-4)


def test_energies_of_kob_and_andersen_and_as_printed() -> None:
    for name in ("kam", "kam-1.09", "ka3d"):
        assert MODELS[name].epsilon == ((1.0, 1.5), (1.5, 0.5))
    assert MODELS["kam-table1"].epsilon == ((1.0, 0.5), (0.5, 1.5))


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_differs_only_as_its_name_says(name) -> None:
    parent, changed = VARIANTS[name]
    ours, theirs = vars(MODELS[name]), vars(MODELS[parent])
    assert {key for key in ours if ours[key] != theirs[key]} == changed | {"name", "note"}


def test_variant_equals_the_model_with_explicit_values(tmp_path: Path) -> None:
    for name, density in (("kam-1.09", 1.09), ("abm-1.2", 1.2)):
        variant = new_campaign(tmp_path / name, name, "paper")
        parent = new_campaign(tmp_path / f"parent of {name}", VARIANTS[name][0], "paper")
        assert load(parent.path).hash != variant.hash
        assert load(parent.path, [f"system.density={density}"]).hash == variant.hash


def test_variant_is_compared_with_its_family_in_the_paper() -> None:
    found = {family: [] for family in paper.NUMBERS}
    for model in MODELS.values():
        if model.family:
            found[model.family].append(model.name)
            assert paper.numbers(model) is paper.NUMBERS[model.family]
        else:
            assert paper.numbers(model) == paper.Numbers()
    assert found == FAMILIES


@pytest.mark.parametrize("name", [name for family in FAMILIES.values() for name in family])
def test_the_doubt_is_one_sentence_with_what_the_paper_prints(name) -> None:
    model = MODELS[name]
    text = paper.remark_on_table_one(model)
    assert "; " not in text  # which separates notes
    assert f"density {model.density:g}" in text
    assert "1.09" in text
    assert "1.2" in text
    printed = (
        "the paper prints"
        if name in FAMILIES
        else "as printed by the paper, which most likely means"
    )
    assert printed in text
    assert ("35:65" in text) == (model.family == "kam")
    assert "docs/physics/models.md" in text


def test_the_doubt_follows_the_density_of_the_campaign() -> None:
    text = paper.remark_on_table_one(replace(MODELS["abm"], density=1.15))
    assert "density 1.15 (the paper prints 1.2)" in text


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("model", MODELS)
def test_images_have_one_channel(tmp_path: Path, model: str, preset: str) -> None:
    assert not new_campaign(tmp_path / "c", model, preset).file.grid.species_channels


def test_quick_uses_equal_multiples_of_the_onset_for_both_models(
    tmp_path: Path,
) -> None:
    quick = {name: new_campaign(tmp_path / name, name, "quick") for name in MODELS}
    temperatures = {name: made.file.propensity.temperatures for name, made in quick.items()}
    assert temperatures.pop("abm-1.2") == [
        1.5,
        4.0,
    ]  # particles hardly move within the paper's range
    assert all(one == [1.0, 1.5] for one in temperatures.values())
