"""The commands `glassdask import`, `glassdask export` and `glassdask publish`."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

from glassdask.base.errors import UsageError, in_one_line
from glassdask.base.options import HERE, Folder, Overrides, PresentFolder
from glassdask.base.terminal import plain
from glassdask.exchange.formats import listed

#: Options that take all words up to the next option, such as the files of a pattern.
_MANY = ("--glass", "--liquid", "--sample", "--time")


class ManyWords(TyperCommand):
    """A command with options that take any number of words."""

    def parse_args(self, ctx, args):  # type: ignore[no-untyped-def]
        """Repeat the option before each of its words, as the parser requires."""
        spread: list[str] = []
        option = ""
        for word in args:
            name, _, first = word.partition("=")  # also --liquid=a.dump b.dump
            if word.startswith("-") and not (option and re.fullmatch(r"-\d\S*", word)):
                option = name if name in _MANY else ""
                spread += [option, first] if option and first else [] if option else [word]
            else:
                spread += [option, word] if option else [word]
        return super().parse_args(ctx, spread)


def import_command(
    folder: Folder,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILES", help="Files of one state (--state), or packs (.zarr.zip)."),
    ] = None,
    state: Annotated[str, typer.Option(help="State of FILES: glass or liquid.")] = "glass",
    glass: Annotated[
        list[Path] | None, typer.Option(metavar="FILES ...", help="Files with glasses.")
    ] = None,
    liquid: Annotated[
        list[Path] | None, typer.Option(metavar="FILES ...", help="Files with liquids.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Model of a new campaign: abm, kam, ka3d or custom; variants: abm-1.2, "
            "kam-1.09, kam-table1."
        ),
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--format", help=f"{listed()}; default: by name and content.")
    ] = None,
    dimension: Annotated[int | None, typer.Option(help="2 or 3; default: as the model.")] = None,
    species: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Names or types in the files for the model's species."),
    ] = None,
    every: Annotated[
        int, typer.Option(metavar="N", help="Every N-th frame of each file, from the first.")
    ] = 1,
    box_length: Annotated[
        float | None,
        typer.Option(metavar="L", help="NumPy archives without a box: its side, sigma."),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(metavar="T", help="NumPy archives: temperature of the replicas, epsilon/kB."),
    ] = None,
    time: Annotated[
        list[float] | None,
        typer.Option(
            metavar="T ...", help="NumPy archives: times of the replicas, sigma sqrt(m/epsilon)."
        ),
    ] = None,
    overrides: Overrides = None,
    start_over: Annotated[
        bool, typer.Option("--start-over", help="Replace existing configurations.")
    ] = False,
) -> None:
    """Make a campaign from your files; every frame is one sample."""
    from glassdask.campaign.campaign import checked_folder
    from glassdask.exchange.files import import_files
    from glassdask.exchange.packs import is_pack
    from glassdask.exchange.unpacking import import_packs

    folder = checked_folder(folder)
    if state not in ("glass", "liquid"):
        raise UsageError(f"--state {state}", "glass or liquid")
    chosen = {"glass": list(glass or ()), "liquid": list(liquid or ())}
    chosen[state] += files or []
    if not any(chosen.values()):
        raise UsageError(
            "no file",
            "files with configurations",
            f"Type `glassdask import {shlex.quote(str(folder))} --glass FILES`.",
        )
    common = (model, overrides or (), start_over)
    with in_one_line("import"):
        if any(is_pack(path) for paths in chosen.values() for path in paths):
            refused = {
                "glass": glass, "liquid": liquid, "format": kind, "species": species,
                "dimension": dimension, "every": every > 1, "state": state != "glass",
                "box-length": box_length, "temperature": temperature, "time": time,
            }  # fmt: skip
            given = [f"--{name}" for name, value in refused.items() if value not in (None, False)]
            _check_packs(folder, files or [], given)
            campaign = import_packs(folder, files or [], *common)
        else:
            order = species.split(",") if species is not None else None
            campaign = import_files(
                folder, chosen, *common, kind, dimension, order, every,
                box_length, temperature, time,
            )  # fmt: skip
    if campaign is None:
        print("The same frames are already imported with this campaign file; nothing to do.")
        return
    quench = campaign.file.quench
    print(
        f"{quench.runs} samples imported into {folder}: {campaign.model.name}, "
        f"N = {campaign.file.system.particles}, {campaign.model.dimension}D, "
        f"L = {campaign.box_length:.6g}; train {quench.split.train}, validation "
        f"{quench.split.validation}, test {quench.split.test}."
    )
    print(f"Next: glassdask indicators {campaign.typed}, or glassdask run {campaign.typed}")


def _check_packs(folder: Path, files: list[Path], options: list[str]) -> None:
    """Refuse packs together with other files or options."""
    others = [path for path in files if path.suffix != ".zip"]
    if options or others:
        raise UsageError(
            f"packs (.zarr.zip) with {', '.join(map(str, options or others))}",
            "packs alone, since each has liquids, glasses and their description",
            f"Type `glassdask import {shlex.quote(str(folder))} FILES`, with the packs as FILES.",
        )


def _numbers(words: list[str]) -> list[int]:
    """The numbers in words such as 3 or 0-5."""
    found: list[int] = []
    for word in words:
        match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", word)
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if low > high:
            raise UsageError(f"--sample {word}", "a number, or a range such as 0-5")
        found += range(low, high + 1)
    return found


def export_command(
    folder: PresentFolder = HERE,
    *,
    output: Annotated[Path, typer.Option(help="File to write.")],
    kind: Annotated[
        str | None, typer.Option("--format", help=f"{listed(written=True)}; default: by the name.")
    ] = None,
    state: Annotated[str, typer.Option(help="glass or liquid.")] = "glass",
    sample: Annotated[
        list[str] | None,
        typer.Option(metavar="N ...", help="Numbers of samples, or A-B; default: all."),
    ] = None,
    group: Annotated[
        str, typer.Option(help="Indicators: raw, fields (coarse-grained) or both.")
    ] = "both",
    time: Annotated[
        list[float] | None,
        typer.Option(
            metavar="T ...", help="Times of the propensity, or the nearest; default: the last."
        ),
    ] = None,
    symbols: Annotated[
        str | None,
        typer.Option(metavar="Ni,P", help="extxyz: chemical symbols for the species."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file if there is one.")
    ] = False,
    overrides: Overrides = None,
) -> None:
    """Write particles and their indicators, for OVITO and others."""
    from glassdask.campaign import load
    from glassdask.exchange.exporting import export

    campaign = load(folder, overrides or ())
    with in_one_line("export"):
        found = export(
            campaign, output, kind=kind, state=state, samples=_numbers(sample or []) or None,
            group=group, times=time, symbols=symbols.split(",") if symbols else None,
            overwrite=overwrite,
        )  # fmt: skip
    for line in found.remarks:
        print(plain(line))
    columns = (
        ", ".join(found.columns) or f"no indicators: type `glassdask indicators {campaign.typed}`"
    )
    print(f"{output} written: {found.frames} frames of {found.particles} particles, with")
    print(plain(f"  {columns}"))


def publish_command(
    folder: PresentFolder = HERE,
    *,
    output: Annotated[Path, typer.Option(metavar="DIR2", help="Folder to write.")],
    author: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="Name, and ORCID iD if there is one: 'Ada Lovelace 0000-0002-1825-0097'; repeat "
            "it for each author.",
        ),
    ],
    title: Annotated[str, typer.Option(help="Default: made from model and name.")] = "",
    licence: Annotated[str, typer.Option(help="SPDX identifier.")] = "CC-BY-4.0",
) -> None:
    """Write a read-only copy of a complete campaign, to share it."""
    from glassdask.campaign import load
    from glassdask.exchange.publishing import publish

    campaign = load(folder)
    with in_one_line("publish"):
        done = publish(campaign, output, authors=author, title=title, licence=licence)
    for line in done.remarks:
        print(plain(line))
    print(f"{output} written: {done.files} files, {done.bytes / 1e6:.1f} MB")
    print(f"root hash: {done.root}")
    print("State the root hash where the copy cannot be changed, such as in the paper.")
