"""Published copies: what is in them, how others open them, and damage to any of their files."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import random
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import xarray as xr
import yaml
import zarr
from campaigns import accept_changes, in_process, start, wait_for

import glassdask as gd
from glassdask.base.errors import BadArgument, UsageError
from glassdask.campaign import load
from glassdask.exchange import publishing
from glassdask.exchange.describing import Author
from glassdask.exchange.publishing import publish, without_paths
from glassdask.store import manifest, published
from glassdask.store.locks import hold
from glassdask.store.manifest import Damaged
from glassdask.store.stage import STAGES

AUTHORS = ("Ada Lovelace 0000-0002-1825-0097", "van der Waals, Johannes")


@pytest.fixture(scope="module")
def copy(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A published copy of a complete campaign; read it, do not change it."""
    folder = tmp_path_factory.mktemp("published") / "copy"
    publish(load(tiny), folder, authors=AUTHORS)
    yield folder
    publishing._remove(folder)


@pytest.fixture
def campaign(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A campaign that a test may change; its files are compared at each look."""
    monkeypatch.setattr(manifest, "HOLDS", 0.0)
    shutil.copytree(tiny, tmp_path / "c", copy_function=shutil.copy2)
    return tmp_path / "c"


@pytest.fixture
def own(copy: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    folder = tmp_path / "own"
    shutil.copytree(copy, folder)
    _make_writable(folder)
    return folder


def _make_writable(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


# What is in a copy


def test_a_copy_has_the_same_data_bit_by_bit(tiny: Path, copy: Path) -> None:
    for path in (tiny / "store.zarr").rglob("*"):
        name = path.relative_to(tiny)
        if path.is_file() and name != Path("store.zarr/zarr.json"):
            assert (copy / name).read_bytes() == path.read_bytes(), name
    assert (copy / "campaign.toml").read_bytes() == (tiny / "campaign.toml").read_bytes()


def test_a_copy_has_only_what_others_need(copy: Path) -> None:
    top = {name.split("/")[0] for name in _names(copy)}
    assert top == {
        "README.md", "CITATION.cff", "SHA256SUMS", "ro-crate-metadata.json", "campaign.toml",
        "store.zarr", "model", "figures", "report.html",
    }  # fmt: skip
    kinds = {Path(name).suffix for name in _names(copy) if name.startswith("model/")}
    assert kinds == {".json", ".csv", ".safetensors"}


def test_all_files_and_folders_of_a_copy_are_read_only(copy: Path) -> None:
    for path in (copy, *copy.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o555 if path.is_dir() else 0o444), path


def test_sha256sum_finds_the_copy_whole_and_prints_the_root_hash(copy: Path) -> None:
    subprocess.run(["sha256sum", "-c", "--quiet", "--strict", "SHA256SUMS"], cwd=copy, check=True)
    done = subprocess.run(["sha256sum", copy / "SHA256SUMS"], capture_output=True, check=True)
    assert done.stdout.decode().split()[0] == published.root_hash(copy)


def test_the_same_campaign_has_the_same_root_hash(tiny: Path, copy: Path, tmp_path: Path) -> None:
    again = publish(load(tiny), tmp_path / "again", authors=AUTHORS)
    assert again.root == published.root_hash(copy)


def test_the_citation_names_title_authors_and_licence(copy: Path) -> None:
    found = yaml.safe_load((copy / "CITATION.cff").read_text(encoding="utf-8"))
    assert (found["cff-version"], found["type"], found["license"]) == (
        "1.2.0", "dataset", "CC-BY-4.0"
    )  # fmt: skip
    assert found["authors"] == [
        {
            "given-names": "Ada",
            "family-names": "Lovelace",
            "orcid": "https://orcid.org/0000-0002-1825-0097",
        },
        {"given-names": "Johannes", "family-names": "van der Waals"},
    ]
    assert "kam" in found["title"]
    assert xr.open_datatree(copy / "store.zarr", engine="zarr").attrs["title"] == found["title"]


def test_the_crate_describes_every_file_and_has_no_dangling_link(copy: Path) -> None:
    graph = json.loads((copy / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    assert len(entities) == len(graph)
    links = re.findall(r'\{"@id": "([^"]*)"\}', json.dumps(graph))
    assert {link for link in links if not link.startswith("https://w3id.org/")} <= set(entities)
    described = {each["@id"] for each in graph if each["@type"] == "File"}
    assert described | {"SHA256SUMS", "ro-crate-metadata.json"} == {
        name for name in _names(copy) if not name.startswith("store.zarr/")
    }
    actions = {each["@id"] for each in graph if each["@type"] == "CreateAction"}
    assert actions == {f"#{name}" for name in STAGES if name != "equilibrate"}
    assert entities["./"]["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}


def test_the_code_in_the_readme_runs(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(.*?)```", (copy / "README.md").read_text("utf-8"), re.S)
    assert code is not None
    assert len([line for line in code[1].splitlines() if line]) == 3
    monkeypatch.chdir(copy)
    names: dict = {}
    exec(code[1], names)
    assert names["runs"].sizes["particle"] == 100


# Private texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/ada/runs/a.dump", "a.dump"),
        ("read /home/ada/a.dump, then '/scratch/x/b'", "read a.dump, then 'b'"),
        ('{"a": "/home/ada/x y", "b": "file:///data/ada/c"}', '{"a": "x y", "b": "c"}'),
        (r"first\n/home/ada/a.dump", r"first\na.dump"),
        ("PATH=/opt/mpi/bin:/usr/bin/x", "PATH=bin:x"),
        ("launcher = \"/opt/mpi/bin/mpiexec -n {ranks}\"", 'launcher = "mpiexec -n {ranks}"'),
        ("a folder /home/ada/", "a folder "),
        # no paths of this machine
        ("epsilon/kB per sigma/tau/x", "epsilon/kB per sigma/tau/x"),
        ("pair_style lj/smooth/linear 2.5", "pair_style lj/smooth/linear 2.5"),
        ("https://spdx.org/licenses/MIT and docs/howto/sharing.md", None),
        ("C / C_max, 1/e, <b>x</b>, ./a/b, ../a/b", None),
    ],
)  # fmt: skip
def test_only_absolute_paths_lose_their_folders(text: str, expected: str | None) -> None:
    assert without_paths(text) == (text if expected is None else expected)


def test_a_copy_has_no_path_of_this_machine_or_a_remark_names_the_file(
    campaign: Path, tmp_path: Path
) -> None:
    secret = "/home/ada/secret-project"
    toml = campaign / "campaign.toml"
    text = toml.read_text().replace('"mpiexec -n', f'"{secret}/bin/mpiexec -n')
    assert secret in text
    toml.write_text(f"{text}\n# from {secret}/notes.txt\n")
    failure = zarr.open_group(campaign / "store.zarr/configurations", mode="r+")["failure"]
    assert isinstance(failure, zarr.Array)
    failure[2] = f"no {secret}/log.lammps"
    with (campaign / "report.html").open("a") as page:
        page.write(f"<!-- {tmp_path}/mine -->")
    accept_changes(campaign)
    (campaign / "logs" / "key.pem").write_text("secret")
    (campaign / "notes.txt").write_text("secret")
    found = publish(load(campaign), tmp_path / "copy", authors=AUTHORS)
    assert found.remarks == (f"report.html has the path {tmp_path}, which others will read",)
    assert list(published.damages(tmp_path / "copy")) == []
    for path in (tmp_path / "copy").rglob("*"):
        assert not path.is_file() or b"secret" not in path.read_bytes(), path
        assert path.name not in ("key.pem", "notes.txt")
    opened = gd.open(tmp_path / "copy")
    assert opened["configurations"]["failure"].values[2] == "no log.lammps"
    assert (opened["configurations"]["failure"].values[:2] == "").all()
    assert load(tmp_path / "copy").hash == load(campaign).hash


# Opening


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Serve a folder on this machine; yields its address, and all requests in order."""
    web = pytest.importorskip("tornado.web")
    pytest.importorskip("aiohttp")
    from tornado.httpserver import HTTPServer
    from tornado.netutil import bind_sockets

    requests: list[tuple[str, str]] = []

    class Files(web.StaticFileHandler):
        def prepare(self) -> None:
            requests.append((self.request.method, self.request.path))

    socket = bind_sockets(0, "127.0.0.1")
    started = threading.Event()
    ends: list[Callable[[], None]] = []

    async def serve() -> None:
        application = web.Application(
            [(r"/(.*)", Files, {"path": str(folder)})], log_function=lambda handler: None
        )
        server, end = HTTPServer(application), asyncio.Event()
        loop = asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(end.set))
        server.add_sockets(socket)
        started.set()
        await end.wait()
        server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(10)
    yield f"http://127.0.0.1:{socket[0].getsockname()[1]}", requests
    ends[0]()
    thread.join(10)


def _indexes(tree: xr.DataTree) -> list[str]:
    """The files of the coordinates that xarray loads when it opens a store."""
    return sorted(
        f"{node.path}/{name}/c/0"
        for node in tree.subtree
        for name in node.to_dataset(inherit=False).indexes
    )


def test_opening_at_an_address_takes_one_request_for_metadata_and_one_for_each_index(
    copy: Path,
) -> None:
    here = xr.open_datatree(copy / "store.zarr", engine="zarr")
    with served(copy.parent) as (address, requests):
        tree = gd.open(f"{address}/{copy.name}")
        assert {method for method, _ in requests} == {"GET"}
        first, *rest = [path.removeprefix(f"/{copy.name}/store.zarr") for _, path in requests]
        assert first == "/zarr.json"
        assert sorted(rest) == _indexes(here)
        # one group: its own indexes only. xarray asks for the three names of Zarr 2 as well
        requests.clear()
        xr.open_dataset(f"{address}/{copy.name}/store.zarr", engine="zarr", group="density")
        asked = [path.removeprefix(f"/{copy.name}/store.zarr/") for _, path in requests]
        metadata = {name for name in asked if "/" not in name}
        assert metadata == {"zarr.json", ".zgroup", ".zattrs", ".zmetadata"}
        assert sorted(f"/{name}" for name in set(asked) - metadata) == [
            name for name in _indexes(here) if name.startswith("/density/")
        ]
        # a folder that is asked for, such as /density/, would be a listing
        assert not any(path.endswith("/") for _, path in requests)
        for group in ("configurations", "dynamics"):
            expected = here[group].to_dataset().load()
            assert tree[group].to_dataset().load().identical(expected)


def test_a_zip_file_of_the_copy_opens_at_an_address_in_few_requests(
    copy: Path, tmp_path: Path
) -> None:
    shutil.make_archive(str(tmp_path / "copy"), "zip", copy)
    with served(tmp_path) as (address, requests):
        tree = gd.open(f"zip://store.zarr::{address}/copy.zip")
        assert len(requests) <= 10
        found, expected = (each["configurations"].to_dataset() for each in (tree, gd.open(copy)))
        assert found.load().identical(expected.load())


def test_an_address_without_a_copy_is_a_usage_error(tmp_path: Path) -> None:
    with served(tmp_path) as (address, _), pytest.raises(UsageError, match="address of a"):
        gd.open(f"{address}/nothing")


def test_gd_open_status_and_export_read_a_copy_as_its_campaign(
    tiny: Path, copy: Path, tmp_path: Path
) -> None:
    ours, theirs = gd.open(tiny).load(), gd.open(copy).load()
    theirs.attrs.clear()  # title, licence and others
    assert theirs.identical(ours)
    found = []
    for folder in (tiny, copy):
        said = in_process("status", str(folder)).stdout
        found.append([line for line in said.splitlines() if "complete" in line])
        output = tmp_path / f"{folder.name}.extxyz"
        in_process("export", str(folder), "--output", str(output), "--sample", "0")
    assert found[0] == found[1]
    assert (tmp_path / f"{tiny.name}.extxyz").read_bytes() == output.read_bytes()


def test_no_stage_writes_into_a_copy(copy: Path) -> None:
    before = published.root_hash(copy)
    for stage in ("grid", "report"):
        done = in_process(stage, str(copy), "--start-over", code=2)
        assert "is a published copy" in done.stderr
    assert published.root_hash(copy) == before
    assert list(published.damages(copy)) == []
    assert not (copy / "logs").exists()


# Damage


def _flip(folder: Path, name: str, other: str, draw: random.Random) -> None:
    content = bytearray((folder / name).read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    (folder / name).write_bytes(content)


def _truncate(folder: Path, name: str, other: str, draw: random.Random) -> None:
    os.truncate(folder / name, draw.randrange((folder / name).stat().st_size))


def _lengthen(folder: Path, name: str, other: str, draw: random.Random) -> None:
    with (folder / name).open("ab") as file:
        file.write(b"\n")


def _delete(folder: Path, name: str, other: str, draw: random.Random) -> None:
    (folder / name).unlink()


def _swap(folder: Path, name: str, other: str, draw: random.Random) -> None:
    kept = (folder / name).read_bytes()
    (folder / name).write_bytes((folder / other).read_bytes())
    (folder / other).write_bytes(kept)


def _replace(folder: Path, name: str, other: str, draw: random.Random) -> None:
    shutil.copyfile(folder / other, folder / name)


def _rename(folder: Path, name: str, other: str, draw: random.Random) -> None:
    (folder / name).rename((folder / name).with_name("renamed"))


def _add(folder: Path, name: str, other: str, draw: random.Random) -> None:
    added = draw.choice([".hidden", "7", f"{Path(name).name}.partial"])
    (folder / name).with_name(added).write_bytes(draw.randbytes(draw.randrange(10)))


def _link(folder: Path, name: str, other: str, draw: random.Random) -> None:
    """A link to the same content."""
    content = folder.parent / "elsewhere"
    shutil.copyfile(folder / name, content)
    (folder / name).unlink()
    (folder / name).symlink_to(content)


DAMAGES = (_flip, _truncate, _lengthen, _delete, _swap, _replace, _rename, _add, _link)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "count"), [(0, 90), pytest.param(1, 2000, marks=pytest.mark.long)]
)
def test_every_damage_is_found_and_named(own: Path, seed: int, count: int) -> None:
    draw = random.Random(seed)
    for group in ("correlations", "dynamics", "propensity", "results"):  # fewer files are enough
        shutil.rmtree(own / "store.zarr" / group)
    published.write_list(own)
    content = {name: (own / name).read_bytes() for name in sorted(_names(own))}
    done = 0
    while done < count:
        harm, (name, other) = DAMAGES[done % len(DAMAGES)], draw.sample(list(content), 2)
        if draw.random() < 0.05:
            name = published.LIST
        if content[name] == content[other]:
            continue
        harm(own, name, other, draw)
        found, added = list(published.damages(own)), _names(own) - set(content)
        assert found, (harm, name, other)
        if published.LIST not in (name, other):
            assert any(line.startswith((name, *added)) for line in found), (harm, name, found)
        for path in added:
            (own / path).unlink()
        for path in (name, other):
            (own / path).unlink(missing_ok=True)
            (own / path).write_bytes(content[path])
        done += 1
    assert list(published.damages(own)) == []


def test_each_kind_of_damage_is_said(own: Path) -> None:
    chunks = [f"store.zarr/configurations/position/c/{k}/0/0/0" for k in range(3)]
    _swap(own, chunks[0], chunks[1], random.Random(0))
    _flip(own, chunks[2], "", random.Random(0))
    (own / "report.html").unlink()
    (own / "store.zarr/density/more").mkdir()
    (own / "store.zarr/density/more/zarr.json").touch()
    assert list(published.damages(own)) == [
        "report.html is missing",
        "store.zarr/density/more/zarr.json was added",
        f"{chunks[0]} has the content of {chunks[1]}",
        f"{chunks[1]} has the content of {chunks[0]}",
        f"{chunks[2]} is damaged",
    ]
    done = in_process("verify", str(own), code=1)
    assert done.stdout.splitlines() == list(published.damages(own))
    assert done.stderr.startswith(f"Error: 5 files of {own} are not as published")


def test_verify_prints_the_root_hash_or_a_limited_list(own: Path, monkeypatch) -> None:
    count, root = len(published.listed(own)), published.root_hash(own)
    monkeypatch.chdir(own)
    done = in_process("verify", ".", "--root", root)
    assert done.stdout.splitlines() == [
        f"root hash: {root}", f"all {count} files are as published"
    ]  # fmt: skip
    shutil.rmtree(own / "store.zarr")
    done = in_process("verify", code=1)
    assert len(done.stdout.splitlines()) == 21
    assert re.search(r"^and \d+ more$", done.stdout.splitlines()[-1])


def test_only_the_root_hash_finds_a_new_list_of_changed_files(own: Path) -> None:
    root = published.root_hash(own)
    (own / "report.html").write_text("other results")
    published.write_list(own)
    in_process("verify", str(own))
    done = in_process("verify", str(own), "--root", root, code=1)
    assert done.stdout.splitlines() == [
        f"SHA256SUMS has the hash {published.root_hash(own)}, not {root}"
    ]


def test_a_mistyped_root_hash_is_not_a_damaged_file(own: Path) -> None:
    done = in_process("verify", str(own), "--root", "52ddd18c", code=2)
    assert "--root 52ddd18c; expected a root hash of 64 hexadecimal digits" in done.stderr
    assert not done.stdout


def test_gd_open_names_a_lost_or_added_file_of_a_copy(own: Path, monkeypatch) -> None:
    monkeypatch.setattr(manifest, "HOLDS", 0.0)
    home, chunk = (own / f"store.zarr/density/{name}" for name in ("zarr.json", "density/c/9"))
    content = home.read_bytes()
    home.unlink()
    with pytest.raises(Damaged, match=r"density/zarr.json is missing.*another copy"):
        gd.open(own)
    home.write_bytes(content)
    chunk.touch()
    with pytest.raises(Damaged, match="density/c/9 was added"):
        gd.open(own)
    chunk.unlink()
    gd.open(own)


# Refusals, and what a kill or a full disk leaves


def test_a_campaign_that_is_not_complete_is_refused(campaign: Path, tmp_path: Path) -> None:
    def refused(message: str, code: int) -> None:
        words = ("publish", str(campaign), "--output", str(tmp_path / "x"), "--author", AUTHORS[0])
        done = in_process(*words, code=code)
        assert re.search(message, done.stderr), done.stderr
        assert done.stderr.count("\n") == 1
        assert not list(tmp_path.glob("x*"))

    with hold(load(campaign), "correlate"):
        refused("correlate runs", 75)
    toml = campaign / "campaign.toml"
    text = toml.read_text()
    toml.write_text(text.replace("spacing = 0.25", "spacing = 0.3"))
    refused("grid .* was made with other inputs", 2)
    toml.write_text(text)
    shutil.rmtree(campaign / "figures")
    manifest.remove(campaign, "report")
    refused("report is not started; expected .* complete", 2)


@pytest.mark.parametrize("harm", [_flip, _truncate, _delete])
def test_a_damaged_campaign_is_refused(campaign: Path, tmp_path: Path, harm: Callable) -> None:
    name = "store.zarr/fields/gradcam/c/2/0/0"
    about = (campaign / name).stat()
    harm(campaign, name, "", random.Random(0))
    if harm is _flip:  # as a failing disk: no time changes
        os.utime(campaign / name, ns=(about.st_atime_ns, about.st_mtime_ns))
    with pytest.raises(Damaged, match=name):
        publish(load(campaign), tmp_path / "x", authors=AUTHORS)
    assert not list(tmp_path.glob("x*"))


def test_an_output_that_exists_or_lies_in_the_campaign_is_refused(
    tiny: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "inside").symlink_to(tiny)
    for output, message in (
        (tmp_path, "exists"),
        (tmp_path / "link", "exists"),
        (tiny / "copy", "inside"),
        (tmp_path / "inside" / "copy", "inside"),
        (tmp_path / "no" / "copy", "no folder"),
    ):
        with pytest.raises(UsageError, match=message):
            publish(load(tiny), output, authors=AUTHORS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside", "link"]


def test_a_full_disk_leaves_nothing(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copyfile, copied = shutil.copyfile, []

    def full(source: Path, target: Path) -> None:
        copied.append(target)
        if len(copied) == 100:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        copyfile(source, target)

    monkeypatch.setattr(shutil, "copyfile", full)
    words = ("publish", str(tiny), "--output", str(tmp_path / "x"), "--author", AUTHORS[0])
    done = in_process(*words, code=1)
    assert "No space left on device" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_killed_publish_leaves_no_copy_and_the_next_one_succeeds(
    tiny: Path, copy: Path, tmp_path: Path
) -> None:
    words = ("publish", str(tiny), "--output", str(tmp_path / "x"))
    process = start(*words, *(word for name in AUTHORS for word in ("--author", name)))
    wait_for(lambda: (tmp_path / "x.partial" / "store.zarr").is_dir(), process)
    process.kill()
    process.communicate()
    assert [path.name for path in tmp_path.iterdir()] == ["x.partial"]
    publishing._protect(tmp_path / "x.partial")  # as if it was killed just before its end
    found = publish(load(tiny), tmp_path / "x", authors=AUTHORS)
    assert found.root == published.root_hash(copy)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_the_name_appears_after_all_files_are_on_the_disk(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[str] = set()
    fsync = os.fsync

    def log(opened: int) -> None:
        assert not (tmp_path / "x").exists() or opened_path(opened) == tmp_path
        synced.add(opened_path(opened).as_posix())
        fsync(opened)

    def opened_path(opened: int) -> Path:
        return Path(f"/proc/self/fd/{opened}").readlink()

    monkeypatch.setattr(os, "fsync", log)
    publish(load(tiny), tmp_path / "x", authors=AUTHORS)
    for path in (tmp_path / "x").rglob("*"):
        assert str(tmp_path / "x.partial" / path.relative_to(tmp_path / "x")) in synced
    assert str(tmp_path) in synced


# Authors


@pytest.mark.parametrize(
    ("text", "given", "family", "orcid"),
    [
        ("Ada Lovelace", "Ada", "Lovelace", ""),
        ("Ada King Lovelace <0000-0002-1825-0097>", "Ada King", "Lovelace", "0000-0002-1825-0097"),
        ("van der Waals, Johannes", "Johannes", "van der Waals", ""),
        ("Γ, Θ https://orcid.org/0000-0002-1694-233X", "Θ", "Γ", "0000-0002-1694-233X"),
        ("glassdask", "", "glassdask", ""),
    ],
)
def test_names_of_authors(text: str, given: str, family: str, orcid: str) -> None:
    found = Author.parse(text)
    address = f"https://orcid.org/{orcid}" if orcid else ""
    assert (found.given, found.family, found.orcid) == (given, family, address)


def test_one_wrong_digit_of_an_orcid_is_found() -> None:
    right = "0000-0002-1825-0097"
    for k, digit in enumerate(right):
        for other in set("0123456789") - {digit} if digit != "-" else ():
            with pytest.raises(BadArgument, match="ORCID"):
                Author.parse(f"Ada Lovelace {right[:k]}{other}{right[k + 1 :]}")


@pytest.mark.parametrize("text", ["", "0000-0002-1825-0097", "Ada 1815", ","])
def test_an_author_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(BadArgument, match="a name"):
        Author.parse(text)
