"""The command line: help, folders, and fields changed by --set."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from campaigns import TINY, in_process, new
from typer.core import TyperCommand

from glassdask.campaign import load, new_campaign
from glassdask.campaign.overrides import scaled
from glassdask.exchange.commands import ManyWords


@pytest.mark.parametrize("words", [(), ("-h",), ("--help",)])
def test_help_shows_each_command_in_one_whole_line(words: tuple[str, ...]) -> None:
    lines = in_process(*words).stdout.splitlines()
    commands = lines[lines.index("Commands:") + 1 :]
    assert len(commands) > 15
    assert not [line for line in commands if line.endswith("...") or len(line) > 80]


def test_the_version_is_shown() -> None:
    assert re.fullmatch(r"glassdask \d+\.\d+\.\d+\S*\n", in_process("--version").stdout)


@pytest.mark.processes
def test_the_package_is_the_command_line_too() -> None:
    words = [sys.executable, "-m", "glassdask", "--version"]
    assert subprocess.check_output(words, text=True) == in_process("--version").stdout


@pytest.mark.processes
def test_shells_complete_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"_GLASSDASK_COMPLETE": "complete_bash", "COMP_WORDS": "glassdask sta"}
    for name, value in (variables | {"COMP_CWORD": "1"}).items():
        monkeypatch.setenv(name, value)
    program = Path(sys.executable).parent / "glassdask"
    assert subprocess.run([program], capture_output=True, text=True).stdout.split() == ["status"]


@pytest.mark.processes  # status asks the queue
@pytest.mark.parametrize("command", ["status", "verify"])
def test_inside_a_campaign_folder_no_folder_is_named(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(new(tmp_path / "c", "kam", TINY))
    in_process(command)
    monkeypatch.chdir(tmp_path)
    assert f"no campaign.toml in {tmp_path}" in in_process(command, code=2).stderr


def test_unknown_words_are_one_line_with_the_nearest_command() -> None:
    assert "Did you mean 'status'? Type" in in_process("staus", code=2).stderr
    assert in_process("status", "--nonsense", code=2).stderr.count("\n") == 1


@pytest.mark.parametrize("runs", [5, 12, 139, 141, 5000])
def test_the_split_scales_with_the_number_of_runs(runs: int, tmp_path: Path) -> None:
    more = ("propensity.configurations=1",)
    campaign = new_campaign(tmp_path / "c", "kam", "quick", (f"quench.runs={runs}", *more))
    split, preset = campaign.file.quench.split, new_campaign(tmp_path / "p", "kam", "quick").file
    assert split.train + split.validation + split.test == runs
    for name, count in preset.quench.split.model_dump().items():
        share = runs * count / preset.quench.runs
        assert max(1, share - 1) <= getattr(split, name) <= share + 3
    again = load(campaign.path, [f"quench.runs={2 * runs}"]).file.quench.split
    assert again.train + again.validation + again.test == 2 * runs


def test_a_split_without_runs_stays_empty() -> None:
    assert scaled({"train": 0, "validation": 0, "test": 4}, 9) == {
        "train": 0, "validation": 0, "test": 9
    }  # fmt: skip


def test_values_inside_a_table_can_be_set(tmp_path: Path) -> None:
    fields = ("quench.split.train=90", "quench.split.test=36")
    split = new_campaign(tmp_path / "c", "kam", "quick", fields).file.quench.split
    assert split.model_dump() == {"train": 90, "validation": 14, "test": 36}
    told = in_process("new", str(tmp_path / "d"), "--set", "quench.split.train=8", code=2).stderr
    assert re.search(r"split = \{ train = \d+, validation = \d+, test = \d+ \}", told)
    assert "quench.split.trian" in in_process(
        "new", str(tmp_path / "d"), "--set", "quench.split.trian=8", code=2
    ).stderr  # fmt: skip


@pytest.mark.parametrize("word", ["3-1", "x", "-1", "1-", "1,2", "0-99999999"])
def test_a_wrong_range_of_samples_is_refused(word: str, tmp_path: Path) -> None:
    folder = str(new(tmp_path / "c", "kam", TINY))
    output = ["--output", str(tmp_path / "x.npz")]
    assert in_process("export", folder, *output, f"--sample={word}", code=2).stderr.count("\n") == 1


def test_an_empty_word_is_no_folder() -> None:
    for words in (("new", ""), ("status", ""), ("import", "", "x.dump")):
        assert "empty word for DIR" in in_process(*words, code=2).stderr


@pytest.mark.processes
@pytest.mark.parametrize("command", ["status", "info", "--help"])
def test_closed_output_goes_nowhere(command: str, tmp_path: Path) -> None:
    folder = [str(new(tmp_path / "c", "kam", TINY))] if command == "status" else []
    words = [sys.executable, "-m", "glassdask", command, *folder]
    script = 'exec "$@" >&-'
    done = subprocess.run(["/bin/sh", "-c", script, "sh", *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_option_takes_its_words_with_and_without_equals() -> None:
    parsed = []

    class Context:
        def __getattr__(self, name: str) -> object:
            return None

    for words in (["--liquid=a", "b"], ["--liquid", "a", "b"], ["--time", "-5", "3"]):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TyperCommand, "parse_args", lambda self, ctx, args: parsed.append(args))
            ManyWords(name="x", callback=None).parse_args(Context(), words)
    assert parsed[0] == parsed[1] == ["--liquid", "a", "--liquid", "b"]
    assert parsed[2] == ["--time", "-5", "--time", "3"]
