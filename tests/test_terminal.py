"""Control characters of others do not reach the terminal."""

from __future__ import annotations

import io
import re
import shlex
import sys
from pathlib import Path

import pytest
from campaigns import in_process, new
from test_hpc import begun

import glassdask
import glassdask as gd
from glassdask.base.errors import StageFailed, UsageError
from glassdask.base.logs import warn
from glassdask.base.progress import Progress
from glassdask.base.terminal import plain, print_anything
from glassdask.batch.queue import run
from glassdask.exchange.commands import _check_packs, import_command
from glassdask.stages.replaying import find_run, print_input
from glassdask.store.owners import owners
from hpc.worker import record_failure

#: Colours, the title of the window, one-byte CSI, backspace, a line written over.
EVIL = "\x1b[31m \x1b]0;title\x07 \x9b2J \x08 \r"


def is_safe(text: str) -> bool:
    return not any(c in text for c in "\x1b\x07\x9b\x08\r")


def test_errors_and_warnings_are_plain(capsys: pytest.CaptureFixture[str]) -> None:
    assert plain("τ = 5 σ\n\tü") == "τ = 5 σ\n\tü"
    assert str(StageFailed(EVIL, EVIL, EVIL)).count(r"\x1b[31m") == 3
    assert is_safe(str(StageFailed(EVIL, EVIL, EVIL)))
    warn(EVIL)
    assert is_safe(capsys.readouterr().err)


@pytest.mark.processes
def test_answers_of_a_scheduler_are_plain() -> None:
    assert is_safe(run("printf", r"\033[31mRUNNING\007"))


@pytest.mark.processes  # status asks the queue
def test_status_and_shown_input_are_plain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign, folder = begun(tmp_path)
    record_failure(folder, 5, EVIL, owners(campaign, "quench")(5))
    words = [word for each in campaign.overrides for word in ("--set", each)]
    shown = in_process("status", str(campaign.path), *words).stdout
    assert r"failed: \x1b[31m" in shown
    assert is_safe(shown)
    path = campaign.store / "configurations" / "zarr.json"
    path.write_text(path.read_text().replace("units lj", r"# \u001b[31m"))
    print_input(find_run(campaign, 2, None, None))
    assert is_safe(capsys.readouterr().out)


@pytest.mark.processes
def test_names_in_a_campaign_file_are_plain(tmp_path: Path) -> None:
    folder = new(tmp_path / "c", "kam", ())
    said = in_process("status", str(folder), "--set", r'system.model="\u001b[31m"', code=2)
    assert is_safe(said.stderr)
    assert r"\x1b[31m" in said.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "koi8-r", "utf-8"])
def test_any_terminal_can_show_any_text(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    print_anything()
    print("C(Γ, Υ) = −0.5 ± 0.1 σ², 体 \udcff", flush=True)
    shown = terminal.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    if encoding == "utf-8":
        assert shown == "C(Γ, Υ) = −0.5 ± 0.1 σ², 体 \\udcff\n"
    else:
        assert "C(Gamma, Upsilon) = -0.5" in shown
        assert r"\u4f53 \udcff" in shown


def test_progress_within_a_unit_gives_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("glassdask.base.progress.time.monotonic", lambda: clock[0])
    with Progress("train", "epochs", 4) as progress:
        clock[0] = 60.0
        progress.update(0, "network 1 of 2", part=0.25)
        assert progress.seconds_left() == pytest.approx(900)
        clock[0] = 240.0
        progress.update(1)
        assert progress.seconds_left() == pytest.approx(720)
        clock[0] = 959.9
        progress.update(3, part=0.9999)
        assert "less than 1 s left" in progress.time_left()
    shown = capsys.readouterr().out
    assert "0/4 epochs, 15 min 0 s left, network 1 of 2, 25% of the next" in shown


def test_commands_in_messages_quote_paths() -> None:
    """A path in backticks is quoted, so that it can be typed; `campaign.typed` is quoted, too."""
    bare = re.compile(r"`[^`\n]*\{(?:self\.)?(?:campaign\.)?(folder|path|output|store|file)\}")
    for file in (Path(glassdask.__file__).parent).rglob("*.py"):
        found = bare.search(file.read_text(encoding="utf-8"))
        assert found is None, f"{file.name}: {found[0]}"


@pytest.mark.parametrize("name", ["my glass", "it's", 'a"b', "$HOME", "a;b", "-x", "~"])
def test_what_is_to_be_typed_names_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    calls = (
        lambda: gd.open(folder),
        lambda: gd.export(folder, tmp_path / "x.gsd"),
        lambda: import_command(folder, overrides=None),
        lambda: _check_packs(folder, [], ["--every"]),
    )
    for call in calls:
        with pytest.raises(UsageError) as error:
            call()
        (typed,) = re.findall(r"`(glassdask .*?)`", str(error.value))
        assert str(folder) in shlex.split(typed)
