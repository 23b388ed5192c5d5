"""The command line. Commands import slow libraries only when they need them."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as installed
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from glassdask.base.errors import GlassdaskError, StageFailed, UsageError, as_stage_error
from glassdask.base.options import (
    HERE,
    Folder,
    Overrides,
    PresentFolder,
    ShareOption,
    StartOver,
    Walltime,
)
from glassdask.base.signals import stopped_by_signals
from glassdask.base.terminal import print_anything
from glassdask.base.walltime import Alarm, stop_in_time
from glassdask.batch.commands import (
    cancel_command,
    put_back_command,
    queue_at_least,
    submit_command,
)
from glassdask.exchange.commands import ManyWords, export_command, import_command, publish_command
from glassdask.run.child import SAFE_PATH
from glassdask.scan.commands import scan_command
from glassdask.store.stage import COMMON_FLAGS, STAGES, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from glassdask.campaign import Campaign

#: Return value of typer after Ctrl-C, since it catches the KeyboardInterrupt.
INTERRUPTED = 130

DASK_REPORT = COMMON_FLAGS["Dask"][0].help


class Commands(TyperGroup):
    """All commands; typer would take an EOFError for Ctrl-D, and end like after Ctrl-C."""

    def invoke(self, ctx):  # type: ignore[no-untyped-def]
        """Run a command."""
        try:
            return super().invoke(ctx)
        except EOFError as error:
            raise StageFailed(f"a file is cut off ({error})", "a whole file") from error


app = typer.Typer(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Study the structure of glasses with a deep network, from one campaign file."""
    if version:
        print(f"glassdask {installed('glassdask')}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


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
    from glassdask.store.stage import STAGES

    campaign = new_campaign(folder, model, preset, tuple(overrides or ()))
    print(
        f"{campaign.path / 'campaign.toml'} written: model {campaign.model.name}, preset {preset}."
    )
    if model == "custom":
        print("It has an example mixture: set your own [system], T_L, T_G and T*.")
    commands = f"glassdask plan {campaign.typed}, or glassdask run {campaign.typed}"
    print(f"Next: {STAGES['quench'].command(campaign) if campaign.imported else commands}")


@app.command()
def run(
    folder: PresentFolder = HERE,
    overrides: Overrides = None,
    start_over: StartOver = False,
    walltime: Walltime = None,
    report: Annotated[bool, typer.Option("--report", help=DASK_REPORT)] = False,
) -> None:
    """Run all stages on this machine; complete stages are skipped."""
    from glassdask.batch.costs import of_campaign
    from glassdask.batch.scheduler import time_left
    from glassdask.run.mpi import check_launcher
    from glassdask.stages import costs
    from glassdask.stages.pipeline import Pipeline
    from glassdask.store.records import stages

    stop_in_time(walltime, time_left)
    campaign = _load(folder, overrides)
    check_launcher(campaign, stages(campaign), start_over=False)
    with Pipeline(campaign, start_over, {"report": report}) as pipeline:
        done = pipeline.run_all()
    if not done:
        print("All stages are complete for this campaign file; nothing to do.")
    for stage in stages(campaign):
        STAGES[stage].conclude(campaign)
    costs.show(of_campaign(campaign))


def _stage_command(stage: Stage) -> Callable[..., None]:
    """The command of a stage, with its flags."""

    def command(
        folder: PresentFolder = HERE,
        overrides: Overrides = None,
        start_over: StartOver = False,
        walltime: Walltime = None,
        **chosen: Any,
    ) -> None:
        _run_stage(stage.name, folder, overrides, start_over, walltime, chosen)

    # typer reads the options from the signature
    *common, _ = signature(command, eval_str=True).parameters.values()
    more = [
        Parameter(
            flag.name,
            Parameter.KEYWORD_ONLY,
            default=False,
            annotation=Annotated[
                bool, typer.Option(f"--{flag.name.replace('_', '-')}", help=flag.help)
            ],
        )
        for flag in stage.all_flags
    ]
    if stage.runs_on == "MPI":
        share = Parameter("share", Parameter.KEYWORD_ONLY, default=None, annotation=ShareOption)
        more.append(share)
    command.__signature__ = Signature([*common, *more])  # type: ignore[attr-defined]
    command.__doc__ = stage.help
    return command


def _run_stage(
    stage: str,
    folder: Path,
    overrides: list[str] | None,
    start_over: bool,
    walltime: str | None,
    options: dict[str, Any],
) -> None:
    from glassdask.base.share import Share
    from glassdask.batch.scheduler import is_restarted, time_left
    from glassdask.run.mpi import check_launcher
    from glassdask.stages.pipeline import Pipeline

    if options.get("retry") and start_over:
        raise UsageError("--retry with --start-over", "one of the two", "Type only `--retry`.")
    if (text := options.get("share")) is not None:
        options["share"] = Share.parse(text)
    if is_restarted():  # the first run of the job has done both
        start_over, options = False, options | {"retry": False}
    stop_in_time(walltime, time_left)
    campaign = _load(folder, overrides)
    check_launcher(campaign, (stage,), start_over or options.get("retry", False))
    with Pipeline(campaign, options=options) as pipeline:
        if not pipeline.run(stage, start_over):
            none = "no failed runs; " if options.get("retry") else ""
            print(f"{stage}: {none}complete for this campaign file, nothing to do.")
    own = {flag.name: options.get(flag.name, False) for flag in STAGES[stage].flags}
    STAGES[stage].conclude(campaign, **own)


for _stage in STAGES.values():
    app.command(name=_stage.name)(_stage_command(_stage))


app.command("scan")(scan_command)
app.command("submit")(submit_command)
app.command("cancel")(cancel_command)
#: Job scripts pass all their words on.
ANY_WORDS = {"ignore_unknown_options": True, "allow_extra_args": True}
app.command("put-back", hidden=True, context_settings=ANY_WORDS)(put_back_command)


@app.command("check-node", hidden=True)
def check_node(folder: PresentFolder, mark: str, stages: list[str]) -> None:
    """For the jobs of `submit --check`: try what these stages need on this node."""
    from glassdask.run.trying import try_all

    try_all(_load(folder, None), stages, mark)


app.command("import", cls=ManyWords)(import_command)
app.command("export", cls=ManyWords)(export_command)
app.command("publish")(publish_command)


@app.command()
def plan(
    folder: PresentFolder = HERE,
    overrides: Overrides = None,
    ranks: Annotated[int, typer.Option(help="MPI workers; 0: the cores of this machine.")] = 0,
    profile: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Propose ranks, time and memory for this site profile."),
    ] = None,
) -> None:
    """Show the cost: runs, core-hours, bytes and files."""
    from glassdask.batch.profile import load_profile
    from glassdask.run.mpi import launcher
    from glassdask.stages.plan import print_plan

    campaign = _load(folder, overrides)
    if profile is not None:
        load_profile(profile)
    launcher(campaign, 1)  # fail before anything is timed
    measured = print_plan(campaign, ranks or len(os.sched_getaffinity(0)))
    if profile is not None:
        from glassdask.stages.proposing import print_proposals

        print_proposals(campaign, profile, measured)


@app.command()
def status(
    folder: PresentFolder = HERE,
    overrides: Overrides = None,
    watch: Annotated[bool, typer.Option("--watch", help="Update it every 2 seconds.")] = False,
) -> None:
    """Show the state of each stage, also while it runs elsewhere."""
    from glassdask.stages.status import show

    with queue_at_least(folder):
        show(_load(folder, overrides), watch)


@app.command()
def replay(
    folder: PresentFolder = HERE,
    *,
    sample: Annotated[int, typer.Option(help="Number of the quench.")],
    temperature: Annotated[
        float | None,
        typer.Option(help="Temperature of the trajectory or equilibration, epsilon/kB."),
    ] = None,
    replica: Annotated[
        int | None, typer.Option(help="Number of the trajectory, from 0; without: equilibration.")
    ] = None,
    show_input: Annotated[
        bool, typer.Option("--show-input", help="Print the LAMMPS input and seed; run nothing.")
    ] = False,
    overrides: Overrides = None,
) -> None:
    """Repeat one run, and compare it bit by bit."""
    from glassdask.stages.replaying import find_run, print_input
    from glassdask.stages.replaying import replay as do_again

    campaign = _load(folder, overrides)
    run = find_run(campaign, sample, temperature, replica)
    if show_input:
        print_input(run)
        return
    sys.exit(do_again(campaign, run))


@app.command()
def verify(
    folder: PresentFolder = HERE,
    root: Annotated[
        str, typer.Option(metavar="HASH", help="Published copies: the root hash to expect.")
    ] = "",
) -> None:
    """Compare all files with what was written or published."""
    from glassdask.stages.verify import verify as do_verify
    from glassdask.stages.verify import verify_published
    from glassdask.store.published import is_published

    if is_published(folder):
        verify_published(folder, root)
    elif root:
        raise UsageError(f"--root, and no SHA256SUMS in {folder}", "a published copy")
    else:
        do_verify(_load(folder, None))


@app.command()
def info() -> None:
    """Show versions, this machine, models, presets and indicators."""
    from glassdask.stages.information import print_information

    print_information()


def _load(folder: Path, overrides: list[str] | None) -> Campaign:
    from glassdask.campaign import load

    return load(folder, overrides or ())


def main() -> None:
    """Entry point: print errors in one line, and set the exit code."""
    os.environ.update(SAFE_PATH)
    print_anything()
    try:
        with stopped_by_signals():
            code = app(standalone_mode=False)
    except GlassdaskError as error:
        _fail(error)
    except (KeyboardInterrupt, typer.Abort):
        _stopped()
    except BrokenPipeError:  # the reader of our output, such as `head`, is gone
        raise
    except OSError as error:  # a full disk or quota, or a missing permission
        _fail(as_stage_error(error, "glassdask", ""))
    except Exception as error:
        _usage(error)
    if code == INTERRUPTED:
        _stopped()


def _stopped() -> NoReturn:
    stopped = "Stopped before the wall time is over" if Alarm.rang else "Stopped"
    print(
        f"\n{stopped}. Finished work is kept; type the same command to continue.", file=sys.stderr
    )
    sys.exit(75)


def _usage(error: Exception) -> None:
    """Print errors of the command line parser in the same form; raise all others."""
    message = getattr(error, "format_message", None)
    if message is None:
        raise error
    context = getattr(error, "ctx", None)
    where = context.command_path if context else "glassdask"
    _fail(UsageError(message(), then=f"Type `{where} --help`."))


def _fail(error: GlassdaskError) -> NoReturn:
    print(f"Error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
