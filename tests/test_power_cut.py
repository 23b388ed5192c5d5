"""A power cut: a disk image is copied while a campaign runs on it, then mounted and continued."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from campaigns import GLASSDASK, LEARNING, glassdask

SAME = Path(__file__).parent.parent / "benchmarks" / "same_results.py"


@contextmanager
def mounted(image: Path, place: Path) -> Iterator[Path]:
    """Mount a disk image."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", image, place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An empty ext4 disk of 300 MB."""
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.truncate(300_000_000)
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("no mkfs.ext4 on this machine")
    subprocess.run(["mkfs.ext4", "-q", path], check=True)
    try:
        with mounted(path, tmp_path / "trial"):
            pass
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no permission to mount a disk image")
    return path


def cut(image: Path, name: str) -> Path:
    """What a power cut would leave at this moment: the image without what is only in memory."""
    copy = image.with_name(name)
    subprocess.run(["cp", "--sparse=always", image, copy], check=True)
    return copy


@pytest.mark.long
def test_complete_stages_survive_a_power_cut_and_the_rest_continues(
    tiny: Path, image: Path, tmp_path: Path
) -> None:
    cuts = []
    with mounted(image, tmp_path / "disk-of-the-run") as disk:
        words = [word for override in LEARNING for word in ("--set", override)]
        glassdask("new", str(disk / "c"), *words)
        subprocess.run(["sync", "-f", disk], check=True)
        with subprocess.Popen([GLASSDASK, "run", str(disk / "c")], stdout=subprocess.PIPE) as run:
            while run.poll() is None:
                time.sleep(4)
                cuts.append(cut(image, f"cut-{len(cuts)}"))
        assert run.returncode == 0
        cuts.append(cut(image, "at-the-end"))
    for number, copy in enumerate(cuts):
        with mounted(copy, tmp_path / "after") as disk:
            glassdask("verify", str(disk / "c"))
            if number % 5 == 2:
                glassdask("run", str(disk / "c"))
                command = [sys.executable, SAME, tiny, disk / "c"]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stdout
        copy.unlink()
