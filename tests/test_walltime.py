"""Wall times: formats, refusals, and the time reserved for the end."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from campaigns import glassdask

from glassdask.base import signals
from glassdask.base.errors import UsageError
from glassdask.base.walltime import (
    FORMS,
    LEAST_MARGIN,
    SHORTEST,
    Alarm,
    parse,
    seconds_to_work,
)
from glassdask.batch import scheduler
from glassdask.batch.scheduler import time_left

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90 * MINUTE),
        ("1:30", MINUTE + 30),
        ("12:00:00", 12 * HOUR),
        ("2-03", 2 * DAY + 3 * HOUR),
        ("2-03:30", 2 * DAY + 3 * HOUR + 30 * MINUTE),
        ("2-03:30:05", 2 * DAY + 3 * HOUR + 30 * MINUTE + 5),
    ],
)
def test_times_are_read_as_slurm_writes_them(text: str, seconds: float) -> None:
    assert parse(text) == seconds


@pytest.mark.parametrize("text", ["12h", "", "-5", "1:2:3:4", "UNLIMITED"])
def test_invalid_times_are_refused_with_the_formats(text: str) -> None:
    with pytest.raises(UsageError, match="expected a time as Slurm writes it: MM, MM:SS"):
        seconds_to_work(text, time_left)


def test_part_of_the_wall_time_is_reserved_for_the_end() -> None:
    given = [round(SHORTEST), 30, MINUTE, 10 * MINUTE, HOUR, DAY]
    left = [seconds_to_work(f"0:{seconds}", time_left) for seconds in given]
    assert left == sorted(left)
    kept = [whole - part for whole, part in zip(given, left, strict=True)]
    assert all(LEAST_MARGIN <= one <= 60 for one in kept)
    assert left[0] > 0.5 * given[0]


@pytest.mark.processes
def test_too_short_wall_time_is_refused() -> None:
    for words in (("quench", "."), ("run", ".")):
        refused = glassdask(*words, "--walltime", "0:06", code=2)
        assert refused.stderr.startswith("Error: --walltime 0:06, which is 6 s; expected at least")
        assert len(refused.stderr.splitlines()) == 1


def test_short_time_left_from_slurm_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(time.time() + 3))
    assert 0 <= seconds_to_work(None, time_left) <= 1.5
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(time.time() + 2 * HOUR))
    assert seconds_to_work(None, time_left) == pytest.approx(2 * HOUR - 60, abs=1)


@pytest.mark.processes
def test_busy_slurm_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program, busy = tmp_path / "squeue", "squeue: error: Socket timed out on send/recv operation"
    program.write_text(
        f"#!/bin/sh\nrmdir {tmp_path}/busy && echo '{busy}' >&2 && exit 1\necho 2:00:00\n"
    )
    program.chmod(0o755)
    (tmp_path / "busy").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.delenv("SLURM_JOB_END_TIME", raising=False)
    monkeypatch.setattr(scheduler, "PAUSES", (0.0, 0.0))
    assert seconds_to_work(None, time_left) == 2 * HOUR - 60
    program.write_text(f"#!/bin/sh\necho '{busy}' >&2\nexit 1\n")
    assert seconds_to_work(None, time_left) is None
    assert "the end of this job" in capsys.readouterr().err


@pytest.mark.processes
def test_help_lists_the_formats_of_times() -> None:
    shown = " ".join(glassdask("quench", "--help").stdout.split())
    assert f"TIME is {FORMS}" in shown


def test_alarm_stops_like_ctrl_c_and_is_distinguishable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Alarm, "rang", False)
    before = signal.getsignal(signal.SIGALRM)
    try:
        Alarm.start(1e30)  # longer than any timer
        assert signal.getitimer(signal.ITIMER_REAL)[0] > DAY
        assert not Alarm.rang
        Alarm.start(0.0)
        with pytest.raises(KeyboardInterrupt):
            time.sleep(5)
        assert Alarm.rang
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    ("left", "margin", "kept"), [(3600, "", 60), (3600, "90", 90), (60, "", 30)]
)
def test_a_job_keeps_the_margin_of_its_profile_or_half_of_its_time(
    left: float, margin: str, kept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLASSDASK_MARGIN", margin)
    assert seconds_to_work(None, lambda: left) == left - kept


def test_a_signal_that_arrives_twice_at_once_stops_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of a scheduler, which some processes pass on to their children."""
    clock = [100.0]
    monkeypatch.setattr(signals.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(signals.Stop, "last", -10.0)
    stopped = []
    for moment in (100.0, 100.1, 101.9, 105.0):
        clock[0] = moment
        try:
            signals.Stop.handle(signal.SIGTERM, None)
        except KeyboardInterrupt:
            stopped.append(moment)
    assert stopped == [100.0, 105.0]
