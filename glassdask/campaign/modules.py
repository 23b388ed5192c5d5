"""Indicators of users, from the Python files listed in [indicators] modules.

To load such a file is to run somebody's code. So only stages that compute indicators load them; all
other commands need no more than the names in the campaign file and the units in the store.
"""

from __future__ import annotations

import difflib
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from glassdask.base.errors import GlassdaskError, StageFailed, UsageError
from glassdask.campaign.experiment import Experiment
from glassdask.physics.indicators import INDICATORS, OWN, Indicator

#: Largest size of a file, bytes.
LARGEST = 1_000_000

_loaded: dict[tuple[str, bytes], dict[str, Indicator]] = {}


def read_module(folder: Path, name: str) -> bytes:
    """The content of a file that [indicators] modules lists.

    Parameters
    ----------
    folder : Path
        The campaign folder.
    name : str

    Raises
    ------
    UsageError
        When it is not a regular file in the folder of less than 1 MB, or cannot be read.
    """
    path, wrong = folder / name, ""
    try:
        true = path.resolve(strict=True)
        if not true.is_relative_to(folder.resolve()):
            wrong = f"is outside of the campaign folder, {true}"
        elif not true.is_file():  # a FIFO or a device would never end
            wrong = "is not a regular file"
        elif true.stat().st_size >= LARGEST:
            wrong = f"has {true.stat().st_size:,} bytes"
        else:
            return true.read_bytes()
    except (OSError, RuntimeError, ValueError) as error:  # the latter two: loops of links, NUL
        wrong = f"cannot be read ({getattr(error, 'strerror', None) or error})"
    raise UsageError(
        f"{path} {wrong}",
        "a regular file of less than 1 MB; [indicators] modules are relative to the campaign "
        "folder, and within it",
    )


def load_modules(campaign: Experiment) -> None:
    """Run the files of [indicators] modules and register their indicators in `INDICATORS`.

    There they replace others of the same name, such as those of another campaign.

    Raises
    ------
    UsageError
        When a file cannot be read or raises an error, or when [indicators] names has one that is
        not in them.
    """
    found: dict[str, Indicator] = {}
    for name in campaign.file.indicators.modules:
        path, source = campaign.path / name, read_module(campaign.path, name)
        key = (str(path.resolve()), source)
        if key not in _loaded:
            _loaded[key] = _run(path, source)
        found |= _loaded[key]
    INDICATORS.update(found)
    check_names(campaign, campaign.file.indicators.names, found)


def _run(path: Path, source: bytes) -> dict[str, Indicator]:
    """The indicators of a file; later errors in their functions name it, too."""
    module, before = ModuleType(str(path)), dict(INDICATORS)
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look for the module of their class
    with _errors_named(path, UsageError):
        exec(compile(source, str(path), "exec", dont_inherit=True), vars(module))
    new = [made for name, made in INDICATORS.items() if before.get(name) is not made]
    return {m.name: m._replace(function=partial(_call, path, m.function)) for m in new}


def _call(path: Path, function: Callable[[Any], Any], configuration: Any) -> Any:
    with _errors_named(path, StageFailed):
        return function(configuration)


@contextmanager
def _errors_named(path: Path, kind: type[GlassdaskError]) -> Iterator[None]:
    """Raise errors of a file, SystemExit included, as `kind` with their line in the file."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
        where = f" (line {lines[-1]})" if lines else ""  # a SyntaxError says it itself
        raise kind(
            f"{path} failed: {type(error).__name__}: {error}{where}".replace("\n", " "),
            "a Python file without errors, with functions decorated by @gd.indicator(...)",
        ) from error


def check_names(
    campaign: Experiment, names: Iterable[str], more: Mapping[str, Indicator] | None = None
) -> None:
    """Check that indicators exist and are defined in the dimensions of the model.

    Parameters
    ----------
    campaign : Experiment
    names : iterable of str
    more : mapping, optional
        Indicators besides the built-in ones.

    Raises
    ------
    UsageError
        For the first that is not.
    """
    known = {name: INDICATORS[name] for name in OWN} | dict(more or {})
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise UsageError(
                f"[indicators] names has {name!r}",
                f"{near[0]!r}" if near else f"some of {', '.join(known)}",
                "For an indicator of your own, list its file under `modules`.",
            )
        if campaign.model.dimension not in known[name].unit:
            there = " or ".join(map(str, known[name].unit))
            raise UsageError(
                f"[indicators] names has {name!r}, and the model has {campaign.model.dimension} "
                "dimensions",
                f"an indicator for {campaign.model.dimension} dimensions; this one is for {there}",
            )
