"""The examples of the docstrings, which the page of functions shows, give what they say."""

from __future__ import annotations

import copy
import doctest
import re
from pathlib import Path

import pytest

import glassdask as gd
from glassdask.physics.indicators import INDICATORS

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "api.md"


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What the first lines of the page define, in a folder of its own."""
    found: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("examples"))
        exec(re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)[1], found)
        yield found


class AnyClock(doctest.OutputChecker):
    """Progress begins with the time of day, and ends with a duration."""

    def check_output(self, want, got, flags):
        want, got = (re.sub(r"\d\d:\d\d:\d\d|\d\.\d s", "", text) for text in (want, got))
        return super().check_output(want, got, flags)


@pytest.mark.parametrize("name", gd.FUNCTIONS)
def test_a_public_function_has_an_example_that_holds(name, names, monkeypatch):
    monkeypatch.setitem(INDICATORS, "bond_length", None)  # the example of `indicator` adds it
    here = names | {"random": copy.deepcopy(names["random"])}
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(gd, name), name, globs=here)
    assert example.examples, "no example"
    said: list[str] = []
    runner = doctest.DocTestRunner(AnyClock(), verbose=False)
    assert not runner.run(example, out=said.append).failed, "".join(said)
