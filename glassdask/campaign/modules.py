"""Indicators of users, from the Python files listed in [indicators] modules."""

from __future__ import annotations

import runpy

from glassdask.base.errors import UsageError
from glassdask.campaign.digests import file_digest
from glassdask.campaign.experiment import Experiment
from glassdask.physics.indicators import INDICATORS, Indicator

_loaded: dict[tuple[str, str], dict[str, Indicator]] = {}


def load_modules(campaign: Experiment) -> dict[str, Indicator]:
    """Run the files of [indicators] modules and register their indicators.

    Returns
    -------
    dict of str to Indicator
        Their indicators. In `INDICATORS` they replace others of the same name, such as those of
        another campaign.

    Raises
    ------
    UsageError
        When a file cannot be read, or raises an error.
    """
    found: dict[str, Indicator] = {}
    for name in campaign.file.indicators.modules:
        path = campaign.path / name
        key = (str(path.resolve()), file_digest(path))
        if key not in _loaded:
            before = dict(INDICATORS)
            try:
                runpy.run_path(str(path))
            except Exception as error:
                raise UsageError(
                    f"{path} failed: {type(error).__name__}: {error}".replace("\n", " "),
                    "a Python file without errors, with functions decorated by @gd.indicator(...)",
                ) from error
            new = {n: made for n, made in INDICATORS.items() if before.get(n) is not made}
            _loaded[key] = new
        found |= _loaded[key]
    INDICATORS.update(found)
    return found
