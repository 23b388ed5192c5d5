"""Attributes that Zarr and netCDF 3 store, and that give back what was put in."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdask.base.attributes import decoded, savable, texts
from glassdask.base.errors import UsageError
from glassdask.physics.arguments import matrix_of

NUMBERS = st.floats(allow_nan=False) | st.integers(-(2**31), 2**31 - 1)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=9)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.from_regex("my_[a-z]{1,9}", fullmatch=True),
        st.none() | st.booleans() | NUMBERS | TEXTS | st.lists(TEXTS) | st.lists(NUMBERS)
        | st.lists(st.lists(NUMBERS)) | st.lists(st.booleans())
        | st.dictionaries(TEXTS, st.booleans()),
    )
)  # fmt: skip
def test_any_attributes_can_be_saved(given_ones):
    once = savable(given_ones)
    assert savable(once) == once
    assert json.loads(json.dumps(once)) == once
    whole = xr.open_dataset(bytes(xr.Dataset(attrs=once).to_netcdf(engine="scipy")))
    assert set(whole.attrs) == set(once)


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS))
def test_lists_of_texts_come_back(given_ones):
    assert texts(savable({"x": given_ones})["x"]) == given_ones
    assert texts(given_ones) == texts(np.array(given_ones, dtype=object)) == given_ones


def test_other_texts_and_dictionaries_come_back():
    assert decoded(savable({"x": {"a": True}})["x"]) == {"a": True}
    for text in ("[not a list", "{", "", "plain"):
        assert decoded(text) == text


@pytest.mark.parametrize("count", [1, 2, 3])
def test_matrices_come_back_from_rows_and_from_nested_lists(count):
    matrix = np.arange(count**2, dtype=float).reshape(count, count)
    stored = savable({"sigma": matrix.tolist()})
    for form in (stored["sigma"], matrix.tolist(), matrix, np.array(stored["sigma"])):
        np.testing.assert_array_equal(matrix_of({"sigma": form}, "sigma"), matrix)
    assert matrix_of({}, "sigma") is None


@pytest.mark.parametrize("bad", [[1, 2], [[1, 2]], "sigma", [[1, 2], [3]], [], [[[1]]]])
def test_other_matrices_are_refused(bad):
    with pytest.raises(UsageError, match="expected a"):
        matrix_of({"sigma": bad}, "sigma")
