"""Campaigns of imported configurations: which stages work, and what is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xarray as xr
from campaigns import glassdask, in_process

import glassdask as gd
from glassdask.base.errors import UsageError
from glassdask.batch.chain import todo_stages
from glassdask.campaign import load, new_campaign
from glassdask.exchange.files import import_files, read_frames
from glassdask.exchange.formats import FORMATS
from glassdask.exchange.formats.frame import Particles
from glassdask.exchange.importing import import_configurations
from glassdask.exchange.publishing import publish
from glassdask.exchange.stacking import stack
from glassdask.store import groups, published, records
from glassdask.store.records import State
from glassdask.store.stage import STAGES

pytestmark = pytest.mark.processes

#: Box of 100 particles of the model kam.
SIDE = (100 / 1.2) ** 0.5
SMALL = ("train.kernel_size=3",)
#: Fewer random draws, and one figure.
FAST = ("dask.workers=1", "correlate.chance_draws=20", "report.figures=['maps']")

CUSTOM = (
    "system.sigma=[[1.0,0.8],[0.8,0.88]]", "system.epsilon=[[1.0,1.5],[1.5,0.5]]", *FAST,
)  # fmt: skip


def lattice(samples=4, seed=0, count=100, side=SIDE, dimension=2):
    """Jittered square or cubic lattices, (sample, particle, axis)."""
    random = np.random.default_rng(seed)
    cells = int(np.ceil(count ** (1 / dimension)))
    places = np.stack(np.meshgrid(*[np.arange(cells)] * dimension), -1).reshape(-1, dimension)
    jitter = 0.6 * random.random((samples, count, dimension))
    return (places[:count] + jitter) * side / cells


def mixture(samples=4, seed=0, **more) -> xr.Dataset:
    species = np.random.default_rng(7).permutation(np.repeat([0, 1], [65, 35]))
    return gd.from_arrays(lattice(samples, seed), species, SIDE, **more)


def both_states(samples=4) -> xr.Dataset:
    return xr.concat(
        [mixture(samples, 1), mixture(samples, 2)], xr.Variable("state", ["liquid", "glass"])
    )


def dump(path, ds: xr.Dataset, ids) -> None:
    """Every sample as a frame."""
    FORMATS["dump"].load().write(path, (
        Particles(position, ds["box_length"].values, ds["species"].values, ("A", "B"), ids[k], {},
                  {"sample": k})
        for k, position in enumerate(ds["position"].values)
    ))  # fmt: skip


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """Glasses with displacements, after all stages that work with one state."""
    from glassdask.stages.pipeline import Pipeline

    random = np.random.default_rng(5)
    moved = np.cumsum(random.normal(0, 0.05, (4, 3, 5, 100, 2)), axis=2)
    moved[3] = np.nan
    ds = mixture()
    with_moves = gd.from_arrays(
        ds["position"], ds["species"], SIDE, displacement=np.nan_to_num(moved),
        time=[0, 1, 2, 4, 8], temperature=0.4,
    )  # fmt: skip
    with_moves["displacement"][3] = np.nan
    folder = tmp_path_factory.mktemp("imported") / "glass"
    campaign = gd.import_configurations(
        folder,
        with_moves,
        model="kam",
        overrides=[*FAST, "quench.glass_temperature=0.1"],
    )
    with Pipeline(campaign) as pipeline:
        done = pipeline.run_all()
    return folder, with_moves, done


def test_import_writes_the_group_of_a_quench(imported):
    folder, ds, _ = imported
    found = gd.open(folder)["configurations"].to_dataset()
    order = np.argsort(ds["species"].values, kind="stable")
    glass = found.sel(state="glass")
    np.testing.assert_array_equal(glass["position"], ds["position"].values[:, order])
    np.testing.assert_array_equal(found["species"], np.repeat([0, 1], [65, 35]))
    np.testing.assert_array_equal(found["particle_id"], order + 1)
    assert found["position"].sel(state="liquid").isnull().all()
    assert (found["run_status"] == 1).all()
    assert found["temperature"].values.tolist()[1] == 0.1
    assert np.isnan(found["temperature"].values[0])
    for name in found.variables:
        assert {"units", "long_name", "provenance"} <= set(found[name].attrs), name
    energy = gd.potential_energy(found.sel(state="glass")).mean("particle")
    np.testing.assert_allclose(found["potential_energy"].sel(state="glass"), energy)


def test_stages_without_a_network_run(imported):
    folder, ds, done = imported
    assert done == ["grid", "indicators", "explain", "correlate", "report"]
    tree = gd.open(folder)
    crsd = gd.cage_relative_squared_displacement(
        ds["displacement"][:3, :, 1:], ds.isel(sample=[0, 1, 2])
    )
    order = np.argsort(ds["species"].values, kind="stable")
    found = tree["propensity"]["crsd"].isel(temperature=0)
    np.testing.assert_allclose(found, crsd.isel(particle=order).transpose(*crsd.dims), rtol=1e-5)
    assert tree["propensity"]["configuration"].values.tolist() == [0, 1, 2]
    table = tree["dynamics"]["pearson"].sel(indicator="voronoi_volume")
    assert np.isfinite(table).all()
    table = tree["correlations"]
    assert np.isfinite(table["radial_distribution"].sel(state="glass")).all()
    assert (table["baseline_correct"] == -1).all()
    assert all("the train split has no" in str(why) for why in table["baseline_failure"].values)
    page = (folder / "report.html").read_text()
    assert "linear model on" not in page
    assert "imported samples of kam" in page
    assert "nan" not in page.partition("<h2")[0].lower()


def test_stages_that_need_runs_or_both_states_are_refused(imported):
    folder = str(imported[0])
    for words, text in (
        (("train", folder), "train needs liquids and glasses; only the glass was"),
        (("quench", folder, "--start-over"), "glassdask import .* --start-over"),
        (("quench", folder, "--retry"), "from files, not from runs"),
        (("propensity", folder, "--retry"), "displacements of .* were imported"),
        (("replay", folder, "--sample", "0"), "quench of .* was imported"),
        (("equilibrate", folder, "--set", "propensity.start=equilibrium"),
         "equilibrate starts from liquids; only the glass was imported; expected liquids"),
        (("equilibrate", folder), 'start = "glass" in .*; expected "equilibrium"'),
        (("indicators", folder, "--set", "quench.inherent_structures=true"), "inherent_structures"),
        (("export", folder, "--output", "x.gsd", "--state", "liquid"), "--state liquid; expected"),
        (("indicators", folder, "--set", "quench.glass_temperature=0.3"), "glassdask import"),
    ):  # fmt: skip
        stderr = in_process(*words, "--set", "dask.workers=1", code=2).stderr
        assert stderr.count("\n") == 1
        assert re.search(text, stderr), stderr
    status = in_process("status", folder, "--set", "quench.glass_temperature=0.1").stdout
    assert "imported: glass" in status
    assert "imported: displacements" in status


def test_imported_glasses_can_be_published_without_the_stages_that_run_leaves_out(
    imported, tmp_path
):
    folder, _, done = imported
    assert "train" not in done
    copy = tmp_path / "copy"
    publish(load(folder), copy, authors=["Ada Lovelace"])
    assert not [*published.damages(copy)]
    text = (copy / "README.md").read_text() + (copy / "CITATION.cff").read_text()
    assert "deep network" not in text
    assert "`model/`" not in text
    for group in ("configurations", "propensity", "dynamics"):
        pair = (gd.open(path)[group].to_dataset().load() for path in (folder, copy))
        xr.testing.assert_equal(*pair)


def test_exported_columns_equal_the_store(imported, tmp_path):
    import gsd.hoomd

    folder = imported[0]
    campaign = load(folder)
    found = gd.export(campaign, tmp_path / "x.gsd", samples=[2, 3], times=[1.9, 8])
    assert found.frames == 2
    tree = gd.open(folder)
    with gsd.hoomd.open(tmp_path / "x.gsd", "r") as file:
        first, last = file[0], file[1]
    assert first.configuration.step == 2
    for name in ("voronoi_volume", "tong_tanaka", "potential_energy"):
        for group, suffix in (("indicators", ""), ("fields", "_field")):
            wanted = tree[group][name].sel(sample=2, state="glass")
            np.testing.assert_array_equal(first.log[f"particles/{name}{suffix}"], wanted)
    crsd = tree["propensity"]["crsd"].sel(configuration=2, time=2).isel(temperature=0)
    np.testing.assert_allclose(
        first.log["particles/propensity_T0p4_t2"], crsd.mean("replica"), rtol=1e-6
    )
    assert np.isnan(last.log["particles/propensity_T0p4_t2"]).all()
    assert not [name for name in found.columns if name.startswith("gradcam")]
    assert first.log["glassdask/campaign"] == campaign.hash
    with pytest.raises(UsageError, match="exists; expected a new file"):
        gd.export(folder, tmp_path / "x.gsd")
    gd.export(folder, tmp_path / "x.gsd", group="raw", overwrite=True)
    with pytest.raises(UsageError, match=r"--sample 4; expected .* 0 to 3"):
        gd.export(folder, tmp_path / "y.gsd", samples=[4])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.gsd"]


def test_a_failed_export_leaves_no_file(imported, tmp_path, monkeypatch):
    from glassdask.exchange import exporting

    real, count = exporting._particles, []

    def fails_later(*arguments):
        count.append(0)
        if len(count) == 3:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(exporting, "_particles", fails_later)
    for name in ("x.extxyz", "x.gsd", "x.dump"):
        count.clear()
        with pytest.raises(OSError, match="No space"):
            gd.export(imported[0], tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["extxyz", "gsd", "dump"])
def test_export_and_import_keep_the_bits(imported, tmp_path, kind):
    """Through files, the command line and another campaign: the same bits."""
    folder = imported[0]
    file = tmp_path / f"out.{kind}"
    again = tmp_path / "again"
    if kind == "extxyz":
        glassdask("export", str(folder), "--output", str(file))
        text = glassdask("import", str(again), str(file), "--model", "kam").stdout
        assert "4 samples imported" in text
        assert "nothing to do" in glassdask("import", str(again), str(file)).stdout
    else:
        gd.export(folder, file)
        import_files(again, {"glass": [file]}, model="kam", say=lambda _: None)
        assert import_files(again, {"glass": [file]}, say=lambda _: None) is None
    first = groups.open_group(folder / "store.zarr", "configurations").load()
    second = groups.open_group(again / "store.zarr", "configurations").load()
    for name in ("position", "species", "box_length", "particle_id", "potential_energy"):
        xr.testing.assert_equal(first[name].drop_vars("temperature", errors="ignore").variable,
                                second[name].variable)  # fmt: skip
    assert second["source_frame"].sel(state="glass").values.tolist() == [0, 1, 2, 3]
    assert len(set(second["source_sha256"].sel(state="glass").values)) == 1


def test_samples_with_both_states_are_split_for_training(tmp_path):
    campaign = import_configurations(tmp_path / "c", both_states(10), model="kam")
    split = campaign.file.quench.split
    assert (split.train, split.validation, split.test) == (7, 1, 2)
    assert records.states(campaign) == ("liquid", "glass")
    assert records.state(campaign, "quench") is State.COMPLETE
    assert STAGES["explain"].upstream(campaign) == ("grid", "train")
    assert np.isnan(groups.open_group(campaign.store, "cooling")["potential_energy"]).all()


def test_fields_of_a_custom_model_follow_from_the_arrays(tmp_path):
    ds = gd.from_arrays(
        lattice(2, count=216, side=6.0, dimension=3), ["x", "y", "z"] * 72, 6.0,
        sigma=np.ones((3, 3)), epsilon=np.ones((3, 3)), cutoff=2.0,
    )  # fmt: skip
    folder = tmp_path / "c"
    campaign = gd.import_configurations(folder, ds, model="custom", overrides=SMALL)
    model = load(folder).model
    assert (model.species, model.counts(216)) == (("x", "y", "z"), (72, 72, 72))
    assert campaign.box_length == pytest.approx(6.0, rel=1e-14)
    found = groups.open_group(campaign.store, "configurations")
    np.testing.assert_array_equal(found["box_length"], [6.0] * 3)
    assert found["split"].values.tolist() == ["test", "test"]


def test_a_custom_model_has_no_species_without_particles(tmp_path):
    """Types 1 and 3, on the command line."""
    points = lattice(1, count=64, side=6.0, dimension=3)[0]
    rows = [f"{1 if k < 40 else 3} {x} {y} {z}" for k, (x, y, z) in enumerate(points.tolist())]
    (tmp_path / "x.dump").write_text(
        "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n64\nITEM: BOX BOUNDS pp pp pp\n"
        + "0 6\n" * 3 + "ITEM: ATOMS type x y z\n" + "\n".join(rows) + "\n"
    )  # fmt: skip
    text = glassdask(
        "import", str(tmp_path / "c"), str(tmp_path / "x.dump"), "--model", "custom",
        "--set", "system.sigma=[[1.0, 0.8], [0.8, 0.88]]",
        "--set", "system.epsilon=[[1.0, 1.5], [1.5, 0.5]]",
    ).stdout  # fmt: skip
    assert "1 in the files is A, 3 in the files is B" in text
    assert "species: 2 left out, since no particle has it" in text
    model = load(tmp_path / "c").model
    assert (model.species, model.counts(64)) == (("A", "B"), (40, 24))


def three_species() -> xr.Dataset:
    """A potential of three species, particles of two."""
    species = np.repeat([0, 2], [65, 35])
    ones = np.ones((3, 3))
    return gd.from_arrays(lattice(), species, SIDE, sigma=ones, epsilon=ones)


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (mixture, {}, "no campaign.toml in .*, and no model"),
        (mixture, {"model": "custom"}, r"custom model without sigma.*system.sigma="),
        (three_species, {"model": "custom"}, "no particle of species B; expected at least one"),
        (mixture, {"model": "abm"}, "65 A, 35 B; expected 50 A, 50 B, as model abm has it"),
        (mixture, {"model": "ka3d"}, "configurations in 2D, and model ka3d in 3D"),
        (lambda: mixture().assign_coords(box_length=("axis", [SIDE, SIDE + 1])), {"model": "kam"},
         "expected equal sides"),
        (mixture, {"model": "kam", "overrides": ["quench.runs=5"]}, "4 in the configurations"),
        (mixture, {"model": "kam", "overrides": ["system.particles=90"]}, "= 90 in --set, 100 in"),
        (mixture, {"model": "kam", "overrides": ["system.density=1.0"]}, "a box of side 9.1287"),
        (lambda: mixture().map(lambda x: x * 0), {"model": "kam"}, "at the same place"),
        (lambda: mixture(displacement=np.zeros((4, 2, 1, 100, 2)), time=[1.0]), {"model": "kam"},
         "displacements without a temperature"),
        (lambda: mixture(displacement=np.zeros((4, 2, 1, 100, 2)), time=[0.0], temperature=1),
         {"model": "kam"}, "displacements at time 0 only"),
    ],
)  # fmt: skip
def test_refused_configurations_leave_no_file(tmp_path, make, options, words):
    with pytest.raises(UsageError, match=words):
        import_configurations(tmp_path / "c", make(), **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda ds: ds.drop_vars("species"), "no species"),
        (lambda ds: ds.rename(position="place"), "no position"),
        (lambda ds: ds.assign(position=ds.position + SIDE), r"outside \[0, L\)"),
        (lambda ds: ds.assign(position=ds.position * np.nan), "no configuration"),
        (lambda ds: ds.assign(position=ds.position.where(ds.sample != 1)), "glass of sample 1"),
        (lambda ds: ds.rename(sample="run"), "dimensions run; expected only sample and state"),
    ],
)
def test_datasets_without_configurations_are_refused(tmp_path, change, words):
    with pytest.raises(ValueError, match=words):
        import_configurations(tmp_path / "c", change(mixture()), model="kam")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_an_ensemble_needs_a_temperature(tmp_path):
    """An imported custom model has no T*, and no number stands for it."""
    folder = str(tmp_path / "c")
    campaign = import_configurations(folder, both_states(4), model="custom", overrides=CUSTOM)
    assert np.isnan(campaign.propensity_temperatures).all()
    equilibrium = ("--set", "propensity.start=equilibrium")
    for words in (
        ("plan", folder), ("propensity", folder), ("equilibrate", folder, *equilibrium),
        ("plan", folder, *equilibrium), ("propensity", folder, *equilibrium),
    ):  # fmt: skip
        stderr = in_process(*words, code=2).stderr
        assert "no temperature of the ensemble" in stderr
        assert '`temperatures = [0.4]` and `temperature_unit = "epsilon"`' in stderr
        assert stderr.count("\n") == 1
    with_temperature = load(
        folder, ("propensity.temperatures=[0.4]", "propensity.temperature_unit=epsilon")
    )
    assert with_temperature.propensity_temperatures == (0.4,)
    assert STAGES["propensity"].left_out(campaign)
    assert "propensity" not in todo_stages(campaign)
    assert not STAGES["propensity"].left_out(with_temperature)


@pytest.mark.slow
@pytest.mark.long
def test_correlate_alone_does_what_run_does(tmp_path):
    """With glasses only: no network, no ensemble."""
    from glassdask.stages.pipeline import Pipeline

    trees = []
    for name, stages in (("run", ()), ("alone", ("indicators", "correlate"))):
        ds = mixture(3)
        campaign = import_configurations(tmp_path / name, ds, model="custom", overrides=CUSTOM)
        with Pipeline(campaign) as pipeline:
            if not stages:
                assert "propensity" not in pipeline.run_all()
            for stage in stages:
                assert pipeline.run(stage)
        trees.append(gd.open(campaign.path))
    for group in ("fields", "correlations"):
        found = [tree[group].to_dataset() for tree in trees]
        xr.testing.assert_equal(*found)


@pytest.mark.parametrize("density", [1.2, 1.09, 0.7, 1 / 3])
def test_the_density_has_no_digits_of_rounding(tmp_path, density):
    side = (100 / density) ** 0.5
    ds = gd.from_arrays(lattice(1, side=side), np.repeat([0, 1], [65, 35]), side)
    campaign = import_configurations(tmp_path / "c", ds, model="custom", overrides=CUSTOM[:2])
    assert campaign.file.system.density == pytest.approx(density, rel=1e-15)
    if density != 1 / 3:
        assert f"\ndensity = {density} " in (tmp_path / "c" / "campaign.toml").read_text()
    found = groups.open_group(campaign.store, "configurations")["box_length"]
    assert found.values.tolist() == [side, side]
    assert campaign.box_length == pytest.approx(side, rel=1e-15)


def test_an_existing_campaign_file_must_agree(tmp_path):
    folder = tmp_path / "c"
    new_campaign(folder, "kam", "quick", ("system.particles=100",))
    with pytest.raises(UsageError, match=r'source = "lammps".*Write `source = "import"`'):
        import_configurations(folder, mixture())
    text = (folder / "campaign.toml").read_text().replace('source = "lammps"', 'source = "import"')
    (folder / "campaign.toml").write_text(text)
    with pytest.raises(UsageError, match=r"runs = 140 in .*, 4 in.*`\[quench\] runs = 4`"):
        import_configurations(folder, mixture())
    with pytest.raises(UsageError, match="--model abm, and model 'kam'"):
        import_configurations(folder, mixture(), model="abm")
    for command in ("run", "quench", "indicators"):
        stderr = in_process(command, str(folder), code=2).stderr
        assert "glassdask import" in stderr
    assert not (folder / "store.zarr").exists()
    split = "quench.split={train=2,validation=1,test=1}"
    import_configurations(folder, mixture(), overrides=["quench.runs=4", split])
    assert (folder / "campaign.toml").read_text() == text


def test_results_are_overwritten_only_with_start_over(tmp_path):
    folder = tmp_path / "c"
    campaign = import_configurations(folder, mixture(seed=1), model="kam")
    token = records.read(campaign, "quench")["token"]
    with pytest.raises(UsageError, match=r"has configurations already.*--start-over"):
        import_configurations(folder, mixture(seed=2))
    assert records.read(campaign, "quench")["token"] == token
    import_configurations(folder, mixture(seed=2), start_over=True)
    assert records.read(campaign, "quench")["token"] != token
    # an import that was killed can be repeated
    records.update(campaign, "quench", {"complete": False})
    import_configurations(folder, mixture(seed=3))
    found = groups.open_group(campaign.store, "configurations")["position"]
    order = np.argsort(mixture()["species"].values, kind="stable")
    np.testing.assert_array_equal(
        found.sel(state="glass"), mixture(seed=3)["position"].values[:, order]
    )


def test_one_state_chosen_by_sel_stays_that_state(tmp_path):
    ds = both_states(3)
    for k, one in enumerate((ds.sel(state="liquid"), ds.isel(state=0), ds.isel(state=[0]))):
        campaign = import_configurations(tmp_path / f"c{k}", one, model="kam")
        found = groups.open_group(campaign.store, "configurations")["position"]
        assert found.sel(state="glass").isnull().all()
        order = np.argsort(ds["species"].values, kind="stable")
        wanted = ds["position"].sel(state="liquid").isel(particle=order)
        np.testing.assert_array_equal(
            found.sel(state="liquid"), wanted.transpose("sample", "particle", "axis")
        )
        with pytest.raises(ValueError, match="state='glass', and a dataset of liquid"):
            import_configurations(tmp_path / "no", one, state="glass", model="kam")
    with pytest.raises(ValueError, match=r"dataset of liquid and glass.*ds.sel\(state='glass'\)"):
        import_configurations(tmp_path / "no", ds, state="glass", model="kam")
    for names in ("hot", ["hot", "glass"], ["glass", "glass"]):
        one = ds.isel(state=0).assign_coords(state="hot") if names == "hot" else ds
        one = one if names == "hot" else one.assign_coords(state=names)
        with pytest.raises(ValueError, match="coordinate state with liquid or glass, each once"):
            import_configurations(tmp_path / "no", one, model="kam")
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("model", ["abm", "custom"])
def test_the_same_files_with_other_species_are_not_the_same_import(tmp_path, model):
    random = np.random.default_rng(3)
    ds = gd.from_arrays(lattice(3, side=10), random.permutation(np.repeat([0, 1], 50)), 10.0)
    dump(tmp_path / "x.dump", ds, [np.arange(1, 101)] * 3)
    files, folder = {"glass": [tmp_path / "x.dump"]}, tmp_path / "c"
    options = CUSTOM[:2] if model == "custom" else ("system.density=1.0",)

    def again(order, **more):
        return import_files(
            folder, files, model, options, species=order, say=lambda _: None, **more
        )

    assert again(("1", "2")) is not None
    assert again(("1", "2")) is None
    with pytest.raises(
        UsageError, match=r"other options: particle_id, position would.*--start-over"
    ):
        again(("2", "1"))
    first = groups.open_group(folder / "store.zarr", "configurations")["particle_id"].values
    assert again(("2", "1"), start_over=True) is not None
    other = groups.open_group(folder / "store.zarr", "configurations")["particle_id"].values
    assert sorted(first[:50]) == sorted(other[50:])
    assert again(("2", "1")) is None


def test_other_fractions_of_a_custom_model_need_another_campaign_file(tmp_path):
    dump(tmp_path / "x.dump", mixture(3), [np.arange(1, 101)] * 3)
    files = {"glass": [tmp_path / "x.dump"]}
    import_files(tmp_path / "c", files, "custom", CUSTOM[:2], say=lambda _: None)
    for start_over in (False, True):
        with pytest.raises(UsageError, match=r"35 A, 65 B; .*fractions .*name another folder"):
            import_files(tmp_path / "c", files, start_over=start_over, species=("2", "1"))


def test_a_custom_model_says_which_name_is_which_row(tmp_path):
    ds, path, said = mixture(3), tmp_path / "x.extxyz", []
    for kind, names in (("extxyz", ("small", "large")), ("dump", ("A", "B"))):
        FORMATS[kind].load().write(path, [
            Particles(position, ds["box_length"].values, ds["species"].values, names,
                      np.arange(1, 101), {}, {"sample": k})
            for k, position in enumerate(ds["position"].values)
        ])  # fmt: skip
        files = {"glass": [path]}
        for model in ("custom", None):  # a new campaign, and the same again
            import_files(tmp_path / kind, files, model, CUSTOM[:2], say=said.append)
            one, other = names
            assert f"species: {one} is row 1, {other} is row 2 of" in said.pop()
            assert load(tmp_path / kind).model.species == names


def test_a_box_that_is_too_small_asks_for_what_can_be_done(tmp_path):
    ds = gd.from_arrays(lattice(3, count=20, side=4), np.repeat([0, 1], [13, 7]), 4.0)
    with pytest.raises(UsageError, match=r"half the box.*Import .* or more, or .*cutoff") as error:
        import_configurations(tmp_path / "c", ds, model="custom", overrides=CUSTOM[:2])
    assert "Set [system] particles" not in str(error.value)


def test_an_option_takes_many_files(tmp_path):
    """As a shell expands `--glass glass*.dump --liquid liquid*.dump`."""
    ds = mixture(4)
    names: dict[str, list[str]] = {"glass": [], "liquid": []}
    for k in range(2):
        for state in names:
            path = tmp_path / f"{state}{k}.dump"
            dump(path, ds.isel(sample=[k + 2 * (state == "glass")]), [np.arange(1, 101)])
            names[state].append(str(path))
    folder = tmp_path / "c"
    words = ["--glass", *names["glass"], "--liquid", *names["liquid"], "--model", "kam"]
    assert "2 samples imported" in glassdask("import", str(folder), *words).stdout
    found = groups.open_group(folder / "store.zarr", "configurations")
    assert found["source_file"].sel(state="liquid").values.tolist() == names["liquid"]
    assert "no file" in in_process("import", str(folder), code=2).stderr
    (tmp_path / "file").touch()
    words = ["import", str(tmp_path / "file" / "c"), names["glass"][0], "--model", "kam"]
    assert "could not write" in in_process(*words, code=1).stderr


def test_every_takes_the_nth_frames_of_each_file(imported, tmp_path):
    gd.export(imported[0], tmp_path / "x.gsd")
    gd.export(imported[0], tmp_path / "y.gsd", samples=[1, 0, 3, 2])
    options = {"model": "kam", "every": 3, "say": lambda _: None}
    files = [tmp_path / "x.gsd", tmp_path / "y.gsd"]
    campaign = import_files(tmp_path / "c", {"glass": files}, **options)
    found = groups.open_group(campaign.store, "configurations")
    assert found["source_frame"].sel(state="glass").values.tolist() == [0, 3, 0, 3]
    with pytest.raises(UsageError, match="--every 0"):
        import_files(tmp_path / "d", {"glass": [tmp_path / "x.gsd"]}, "kam", every=0)


def test_a_configuration_twice_is_refused_and_named(imported, tmp_path):
    gd.export(imported[0], tmp_path / "x.gsd")
    gd.export(imported[0], tmp_path / "y.dump", samples=[2])
    x, y = tmp_path / "x.gsd", tmp_path / "y.dump"
    for given, words in (
        ({"glass": [x, y]}, f"{y}, frame 0 .* is the same configuration as {x}, frame 2"),
        ({"glass": [y, y]}, f"{y}, frame 0 .* the same configuration as {y}, frame 0"),
        ({"glass": [x], "liquid": [x]}, f"{x}, frame 0 .liquid. is .* as {x}, frame 0 .glass."),
    ):
        with pytest.raises(UsageError, match=words):
            import_files(tmp_path / "c", given, "kam", say=lambda _: None)
    ds = both_states(3).transpose("sample", "state", ...)
    ds["position"][2, 1] = (ds["position"][0, 1] + 1e-9) % SIDE
    with pytest.raises(UsageError, match=r"the glass of sample 2 is the same .* of sample 0"):
        import_configurations(tmp_path / "c", ds, model="kam")
    # in another order of the particles of a species, and in single precision
    ds["position"][2, 1] = ds["position"][1, 0].values.astype(np.float32)
    others = np.where(ds["species"] == 1)[0]
    ds["position"][2, 1, others] = ds["position"][2, 1, others[::-1]].values
    with pytest.raises(
        UsageError, match=r"the glass of sample 2 is the same .* liquid of sample 1"
    ):
        import_configurations(tmp_path / "c", ds, model="kam")
    # two particles of different species exchanged: another configuration
    a, b = (np.where(ds["species"] == k)[0][0] for k in (0, 1))
    ds["position"][2, 1, [a, b]] = ds["position"][2, 1, [b, a]].values
    assert not (tmp_path / "c").exists()
    import_configurations(tmp_path / "c", ds, model="kam")


@pytest.mark.parametrize("distance", [0.0, 1e-15, 1e-8, 1e-3])
def test_particles_at_the_same_place_are_refused(tmp_path, distance):
    ds = mixture(2)
    ds["position"][1, 7] = ds["position"][1, 40] + [distance, 0.0]
    with pytest.raises(UsageError, match=r"glass of sample 1: particles .* at the same place"):
        import_configurations(tmp_path / "c", ds, model="kam")


@pytest.mark.parametrize("side", [1e300, 1e-300, 1e9, 1e-9])
def test_an_absurd_box_is_refused_in_one_line(tmp_path, side):
    ds = gd.from_arrays(lattice(1, side=side), np.repeat([0, 1], [65, 35]), side)
    with pytest.raises(UsageError):
        import_configurations(tmp_path / "c", ds, model="custom", overrides=CUSTOM)
    assert not (tmp_path / "c").exists()


def test_a_refused_file_leaves_no_folder(tmp_path):
    path = tmp_path / "x.dump"
    path.write_text("ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\n")
    folder = tmp_path / "c"
    with pytest.raises(UsageError, match="frame 0: the file ends"):
        import_files(folder, {"glass": [path]}, model="kam")
    assert not folder.exists()


def test_import_keeps_the_ids_of_each_sample(tmp_path):
    """Swap Monte Carlo: particle 1 is of another species in the next sample."""
    random, ds = np.random.default_rng(0), mixture(2)
    path = tmp_path / "swap.dump"
    dump(path, ds, [random.permutation(100) + 1 for _ in range(2)])
    import_files(tmp_path / "c", {"glass": [path]}, model="kam", say=lambda _: None)
    gd.export(tmp_path / "c", tmp_path / "out.extxyz")
    first = stack({"glass": list(read_frames(path))}, known=("A", "B"), say=lambda _: None)
    frames = list(read_frames(tmp_path / "out.extxyz"))
    second = stack({"glass": frames}, known=("A", "B"), say=lambda _: None)
    assert first["particle_id"].dims == ("sample", "state", "particle")
    for name in ("position", "species", "particle_id"):
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.parametrize(
    "wrong",
    [
        {"samples": 3}, {"samples": [1.5]}, {"samples": [True]}, {"samples": "3"}, {"samples": []},
        {"times": [float("nan")]}, {"times": [-1.0]}, {"times": 3.0},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_arguments_of_export_are_named(wrong, tmp_path):
    (name,) = wrong
    with pytest.raises(UsageError, match=f"{name} = "):
        gd.export(
            gd.import_configurations(tmp_path / "c", mixture(), model="kam"),
            tmp_path / "x.extxyz",
            **wrong,
        )
    for campaign, output in ((3, "x.gsd"), (tmp_path, 3)):
        with pytest.raises(UsageError, match="of type int"):
            gd.export(campaign, output)
