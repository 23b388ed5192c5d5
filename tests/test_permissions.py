"""Folders, installations and home folders that a user cannot write."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from campaigns import GLASSDASK, new

pytestmark = pytest.mark.processes

#: Root obeys permissions without these capabilities.
AS_ANYBODY = [
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search,-fowner",
    "--inh-caps=-dac_override,-dac_read_search,-fowner",
]
AS_ANYBODY = AS_ANYBODY if os.getuid() == 0 else []
KERNEL = """
from glassdask.physics.compiled import compiled

@compiled()
def twice(x):
    return 2 * x

print(twice(21))
"""


@pytest.mark.parametrize("words", [["quench", "c"], ["new", "c/sub"], ["import", "c/i", "x.npz"]])
def test_a_folder_without_the_right_to_write_is_one_line(tmp_path: Path, words: list[str]) -> None:
    folder = new(tmp_path / "c", "kam", ())
    (tmp_path / "x.npz").write_bytes(b"")
    folder.chmod(0o555)
    said = subprocess.run(
        [*AS_ANYBODY, GLASSDASK, *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert said.returncode in (1, 2)
    assert said.stderr.count("\n") == 1
    assert [each.name for each in folder.iterdir()] == ["campaign.toml"]


def test_kernels_are_compiled_where_nothing_beside_the_code_can_be_written(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "mine.py").write_text(KERNEL)
    code.chmod(0o555)
    for temporary, kept in ((tmp_path / "tmp", 1), (tmp_path / "none", 0)):
        if kept:
            temporary.mkdir()
        environment = {
            "HOME": "/proc/nowhere",
            "TMPDIR": str(temporary),
            "PATH": os.environ["PATH"],
        }
        said = subprocess.run(
            [*AS_ANYBODY, sys.executable, "mine.py"],
            cwd=code, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert said.stdout == "42\n", said.stderr
        assert len(list(temporary.glob("glassdask-numba-*/*/*.nbi"))) == kept


def test_compiled_code_of_another_user_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glassdask.physics import compiled

    monkeypatch.setattr(compiled.tempfile, "gettempdir", lambda: str(tmp_path))
    place = tmp_path / f"glassdask-numba-{os.getuid()}"
    assert compiled._temporary() == str(place)
    place.chmod(0o777)
    assert compiled._temporary() is None
    place.rmdir()
    place.symlink_to(tmp_path)
    assert compiled._temporary() is None
