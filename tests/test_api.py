"""Public names: one table for the package, the accessor and the type stub."""

from __future__ import annotations

import ast
import inspect
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import glassdask as gd
import glassdask.accessor

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def ds(make_dataset):
    return make_dataset(2, 50)


def test_the_stub_agrees_with_the_table_of_names():
    written = runpy.run_path(str(ROOT / "docs" / "write_stub.py"))
    assert (ROOT / "glassdask" / "__init__.pyi").read_text(encoding="utf-8") == written["stub"]()


def test_every_name_has_a_function_with_a_docstring():
    assert set(gd.__all__) <= set(dir(gd))
    for name in gd.FUNCTIONS:
        assert getattr(gd, name).__name__ == name
        assert inspect.getdoc(getattr(gd, name))
    with pytest.raises(AttributeError, match="no attribute 'voronoi'"):
        _ = gd.voronoi


def test_accessor_methods_are_the_functions_with_argument_ds(ds):
    """All functions of the physics with an argument `ds`; other arguments keep their order."""
    physics = [name for name, module in gd.FUNCTIONS.items() if module.startswith("physics")]
    of_dataset = [n for n in physics if "ds" in inspect.signature(getattr(gd, n)).parameters]
    assert set(of_dataset) == set(gd.METHODS) == set(dir(ds.glass))
    for name in gd.METHODS:
        whole = inspect.signature(getattr(gd, name)).parameters
        method = getattr(ds.glass, name)
        others = [one for key, one in whole.items() if key != "ds"]
        assert list(inspect.signature(method).parameters.values()) == others
        assert method.__doc__ == getattr(gd, name).__doc__
    with pytest.raises(AttributeError, match="no 'voronoi'"):
        _ = ds.glass.voronoi


def test_accessor_methods_equal_the_functions(ds):
    xr.testing.assert_identical(ds.glass.grid_density(cells=3), gd.grid_density(ds, cells=3))
    x = gd.potential_energy(ds.assign_attrs(cutoff=1.0))
    smooth = gd.coarse_grain(x, ds, 1.3)
    xr.testing.assert_identical(ds.glass.coarse_grain(x, 1.3), smooth)
    xr.testing.assert_identical(ds.glass.coarse_grain(x=x, coarse_graining_length=1.3), smooth)
    moved = xr.zeros_like(ds.position) + np.random.default_rng(0).normal(size=ds.position.shape)
    xr.testing.assert_identical(ds.glass.broken_bonds(moved, 1.2), gd.broken_bonds(moved, ds, 1.2))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("over_samples", "mean_with_interval"),
        ("over_ceiling", "noise_corrected_correlation"),
        ("peak", "peak_in_time"),
    ],
)
def test_former_names_give_the_present_function(old, new):
    with pytest.warns(DeprecationWarning, match=f"{old} is now called glassdask.{new}"):
        assert getattr(gd, old) is getattr(gd, new)


def test_former_arguments_equal_the_present_ones(ds):
    with pytest.warns(DeprecationWarning, match="counted_species"):
        found = gd.coordination(ds, of="B")
    xr.testing.assert_identical(found, gd.coordination(ds, counted_species="B"))
    with pytest.warns(DeprecationWarning, match="counted_species"):
        xr.testing.assert_identical(ds.glass.coordination(of="B"), found)


@pytest.mark.processes
def test_import_loads_no_slow_library():
    code = (
        "import sys, glassdask as gd\n"
        "print([m for m in ('xarray', 'numpy') if m in sys.modules])\n"
        "gd.tong_tanaka, gd.coarse_grain, gd.linear_classifier\n"
        "import xarray\n"
        "print([m for m in ('torch', 'dask', 'freud', 'sklearn') if m in sys.modules])\n"
        "print(hasattr(xarray.Dataset, 'glass'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.decode().split("\n")[:3] == ["[]", "[]", "True"]


def test_physics_imports_no_higher_folder():
    for file in (ROOT / "glassdask" / "physics").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                room = (name or "").split(".")[1:2]
                own = not (name or "").startswith("glassdask") or room in (["physics"], ["base"])
                assert own, f"{file.name} imports {name}"
