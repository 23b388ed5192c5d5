"""The command line. Heavy libraries are imported by the commands that need them."""

from __future__ import annotations

import os
import signal
import sys
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from glassdask.base.errors import GlassdaskError, UsageError
from glassdask.base.options import (
    Folder,
    Overrides,
    StartOver,
    Walltime,
)
from glassdask.base.walltime import Alarm, is_restarted, stop_in_time
from glassdask.batch.commands import cancel_command, queue_at_least, submit_command
from glassdask.exchange.commands import ManyWords, export_command, import_command
from glassdask.scan.commands import scan_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from glassdask.campaign import Campaign

#: What typer returns after Ctrl-C, in place of the KeyboardInterrupt.
INTERRUPTED = 130

app = typer.Typer(
    help="From one campaign file to what a deep network finds in the structure of a glass.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Report = Annotated[
    bool, typer.Option("--report", help="Keep Dask's performance reports, in DIR/logs.")
]
Partial = Annotated[
    bool, typer.Option("--partial", help="Take the trajectories that are whole, if not all are.")
]
Retry = Annotated[bool, typer.Option("--retry", help="Repeat the runs that failed.")]
#: Options that not every stage has.
OPTIONS: dict[str, dict[str, Any]] = {
    **{stage: {"retry": Retry} for stage in ("quench", "equilibrate", "propensity")},
    **{stage: {"report": Report} for stage in ("grid", "indicators")},
    "correlate": {"report": Report, "partial": Partial},
}


@app.command()
def new(
    folder: Folder,
    model: Annotated[
        str,
        typer.Option(help="abm, kam, ka3d or custom; variants: abm-1.2, kam-1.09, kam-table1."),
    ] = "kam",
    preset: Annotated[str, typer.Option(help="quick, reduced or paper.")] = "quick",
    overrides: Overrides = None,
) -> None:
    """Make a campaign folder with its campaign.toml."""
    from glassdask.campaign import new_campaign
    from glassdask.store.records import making

    campaign = new_campaign(folder, model, preset, tuple(overrides or ()))
    print(f"{folder / 'campaign.toml'} written: model {campaign.model.name}, preset {preset}.")
    if model == "custom":
        print("It holds an example mixture: write your own under [system], T_L, T_G and T*.")
    ways = f"glassdask plan {folder}, or glassdask run {folder}"
    print(f"Next: {making(campaign, 'quench') if campaign.imported else ways}")


@app.command()
def run(
    folder: Folder,
    overrides: Overrides = None,
    start_over: StartOver = False,
    walltime: Walltime = None,
    report: Report = False,
) -> None:
    """Run all stages on this machine; what is complete is skipped."""
    from glassdask.run.launch import check_launcher
    from glassdask.stages.pipeline import Pipeline
    from glassdask.store.records import mpi_stages

    stop_in_time(walltime)
    campaign = _load(folder, overrides)
    check_launcher(campaign, mpi_stages(campaign), start_over=False)
    with Pipeline(campaign, start_over, report=report) as pipeline:
        done = pipeline.run_all()
    if not done:
        print("All stages are complete for this campaign file; nothing to do.")
    _summary(campaign)


def _stage_command(stage: str, text: str, **options: Any) -> Callable[..., None]:
    """The command of a stage; `options` are flags that not every stage has."""

    def command(
        folder: Folder,
        overrides: Overrides = None,
        start_over: StartOver = False,
        walltime: Walltime = None,
        **chosen: bool,
    ) -> None:
        _run_stage(stage, folder, overrides, start_over, walltime, **chosen)

    # typer makes its options from these
    *common, _ = signature(command, eval_str=True).parameters.values()
    more = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=False, annotation=flag)
        for name, flag in options.items()
    ]
    command.__signature__ = Signature([*common, *more])  # type: ignore[attr-defined]
    command.__doc__ = text
    return command


def _run_stage(
    stage: str,
    folder: Path,
    overrides: list[str] | None,
    start_over: bool,
    walltime: str | None,
    retry: bool = False,
    report: bool = False,
    partial: bool = False,
) -> None:
    from glassdask.run.launch import check_launcher
    from glassdask.stages.pipeline import Pipeline

    if retry and start_over:
        raise UsageError("--retry with --start-over", "one of them", "Type `--retry` alone.")
    if is_restarted():  # both were done the first time
        start_over = retry = False
    stop_in_time(walltime)
    campaign = _load(folder, overrides)
    if not (campaign.imported and stage == "quench"):
        check_launcher(campaign, (stage,), start_over or retry)
    with Pipeline(campaign, start_over, retry, report, partial) as pipeline:
        if not pipeline.run(stage, start_over):
            none = "no failed runs; " if retry else ""
            print(f"{stage}: {none}complete for this campaign file, nothing to do.")
    if stage == "report":
        _summary(campaign)


for _stage, _text in {
    "quench": "Stage 1: quench random liquids into glasses (LAMMPS, MPI).",
    "equilibrate": 'Stage 1b, with [propensity] start = "equilibrium": liquids at each of its '
    "temperatures (LAMMPS, MPI).",
    "grid": "Stage 2: particles to images (Dask).",
    "indicators": "Stage 3: Voronoi volume, Tong-Tanaka order and others (Dask).",
    "train": "Stage 4: teach a network to tell liquid from glass (GPU or CPU).",
    "explain": "Stage 5: what the network looked at, a score of each particle (GPU or CPU).",
    "propensity": "Stage 6: isoconfigurational ensembles (LAMMPS, MPI).",
    "correlate": "Stage 7: coarse-grained fields and their correlations (Dask).",
    "report": "Stage 8: figures and report.html.",
}.items():
    app.command(name=_stage)(_stage_command(_stage, _text, **OPTIONS.get(_stage, {})))


app.command("scan")(scan_command)
app.command("submit")(submit_command)
app.command("cancel")(cancel_command)
app.command("import", cls=ManyWords)(import_command)
app.command("export", cls=ManyWords)(export_command)


@app.command()
def plan(
    folder: Folder,
    overrides: Overrides = None,
    ranks: Annotated[int, typer.Option(help="MPI workers; 0: the cores of this machine.")] = 0,
) -> None:
    """Runs, core-hours measured on this machine, bytes and files."""
    from glassdask.run.launch import launcher
    from glassdask.stages.plan import print_plan

    campaign = _load(folder, overrides)
    launcher(campaign, 1)  # fail before anything is timed
    print_plan(campaign, ranks or len(os.sched_getaffinity(0)))


@app.command()
def status(
    folder: Folder,
    overrides: Overrides = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew every 2 seconds.")] = False,
) -> None:
    """Where each stage stands; also from another shell or node, while it runs."""
    from glassdask.stages.status import show

    with queue_at_least(folder):
        show(_load(folder, overrides), watch)


@app.command()
def replay(
    folder: Folder,
    sample: Annotated[int, typer.Option(help="Number of the quench, or of the starting glass.")],
    temperature: Annotated[
        float | None,
        typer.Option(help="Of a trajectory of the ensemble, or of an equilibration, epsilon/kB."),
    ] = None,
    replica: Annotated[
        int | None, typer.Option(help="Number of the trajectory, from 0; none: the equilibration.")
    ] = None,
    show_input: Annotated[
        bool, typer.Option("--show-input", help="Print the LAMMPS input and seed; run nothing.")
    ] = False,
    overrides: Overrides = None,
) -> None:
    """Do one run again, from its stored input and seed, and compare it bit by bit."""
    from glassdask.stages.replaying import find_run, print_input
    from glassdask.stages.replaying import replay as do_again

    campaign = _load(folder, overrides)
    run = find_run(campaign, sample, temperature, replica)
    if show_input:
        print_input(run)
        return
    sys.exit(do_again(campaign, run))


@app.command()
def info() -> None:
    """Versions, this machine, the known models and presets."""
    from glassdask.stages.information import print_information

    print_information()


def _load(folder: Path, overrides: list[str] | None) -> Campaign:
    from glassdask.campaign import load

    return load(folder, overrides or ())


def _summary(campaign: Campaign) -> None:
    from glassdask.report.printing import print_saved

    print_saved(campaign)
    print(f"Report: {campaign.path / 'report.html'}")


def main() -> None:
    """Entry point: errors in one line, and the exit codes of the contract."""
    for number in (signal.SIGTERM, signal.SIGUSR1):  # a batch system's Ctrl-C
        signal.signal(number, signal.default_int_handler)
    try:
        code = app(standalone_mode=False)
    except GlassdaskError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _stopped()
    except Exception as error:
        _usage(error)
    else:
        if code == INTERRUPTED:
            _stopped()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)  # over in time


def _stopped() -> NoReturn:
    stopped = "Stopped before the wall time is over" if Alarm.rang else "Stopped"
    print(f"\n{stopped}. What was done is kept; type the same command to go on.", file=sys.stderr)
    sys.exit(75)


def _usage(error: Exception) -> None:
    """Errors of the command line parser, in the same form; others are bugs and raise."""
    message = getattr(error, "format_message", None)
    if message is None:
        raise error
    context = getattr(error, "ctx", None)
    where = context.command_path if context else "glassdask"
    shown = UsageError(message(), then=f"Type `{where} --help`.")
    print(f"Error: {shown}", file=sys.stderr)
    sys.exit(shown.exit_code)


if __name__ == "__main__":
    main()
