"""Run or continue a scan: one point after the other, then the table and the figure."""

from __future__ import annotations

from glassdask.base.errors import StageFailed, UsageError
from glassdask.base.terminal import plain
from glassdask.campaign import Campaign
from glassdask.report import style
from glassdask.run.mpi import check_launcher
from glassdask.scan import drawing, table
from glassdask.scan.measuring import Maps, Row, measure, read_maps
from glassdask.scan.points import Point, folder_of
from glassdask.scan.sharing import (
    link_stages,
    refuse_stale,
    require,
    shared_stages,
    stages_needed,
    write_file,
)
from glassdask.stages.pipeline import Pipeline
from glassdask.store import jobs, locks, records
from glassdask.store.records import State


def scan(campaign: Campaign, points: list[Point], start_over: bool) -> list[Row]:
    """Complete every point, then tabulate and draw all.

    Parameters
    ----------
    campaign : Campaign
        The scanned campaign, complete up to `explain`.
    points : list of Point
        From `make_points`; the first is the campaign itself.
    start_over : bool
        Repeat stages that were made with other inputs.

    Returns
    -------
    list of Row
        One per point.

    Raises
    ------
    UsageError
        If the campaign is not complete, or a point was made with other inputs.
    StageHeld
        If another process scans this campaign.
    StageFailed
        At the end, if a point has failed.
    """
    require(campaign)
    jobs.make_folders(campaign)
    with locks.hold(campaign, "scan"):
        others = points[1:]
        for point in others:
            write_file(campaign, point)
        if not start_over:
            for point in others:
                refuse_stale(campaign, point)
        _announce(campaign, others)
        own = read_maps(campaign)
        rows = [measure(points[0], own, own)]
        for number, point in enumerate(others, 1):
            print(f"scan: {number} of {len(others)}, {point.label}", flush=True)
            rows.append(_row(campaign, point, own, start_over))
        _publish(campaign, rows)
    failed = [row.point.label for row in rows if row.failed]
    if failed:
        raise StageFailed(
            f"{len(failed)} of {len(others)} points failed: {'; '.join(failed)}",
            "no failed point",
            "The others are in the table; type the same scan to repeat these.",
        )
    return rows


def _announce(campaign: Campaign, points: list[Point]) -> None:
    """Print the stages to run for each point, and check that LAMMPS can be started if needed."""
    for point in points:
        shared = shared_stages(campaign, point)
        todo = [
            stage
            for stage in stages_needed(point.campaign)
            if stage not in shared
            and records.sound_state(point.campaign, stage) is not State.COMPLETE
        ]
        check_launcher(point.campaign, tuple(todo), start_over=False)
        runs = point.campaign.file.quench.runs
        names = [f"{runs} new quenches" if stage == "quench" else stage for stage in todo]
        print(f"scan: {point.label}: {', '.join(names) or 'nothing to run'}", flush=True)


def _row(campaign: Campaign, point: Point, own: Maps, start_over: bool) -> Row:
    """The row of a point; a failed point also has a row, and the scan continues."""
    try:
        link_stages(campaign, point)
        with Pipeline(point.campaign) as pipeline:
            for stage in stages_needed(point.campaign):
                found = records.sound_state(point.campaign, stage)
                again = start_over and found in (State.CHANGED, None)
                pipeline.run(stage, again)
        return measure(point, read_maps(point.campaign), own)
    except (StageFailed, UsageError) as error:
        note = str(error)
    except SystemExit as ended:  # of a child process that has printed why
        note = f"ended with exit code {ended.code}; see {point.campaign.path / 'logs'}"
    print(plain(f"scan: {point.label} failed: {note}"), flush=True)
    return Row(point, note, failed=True)


def _publish(campaign: Campaign, rows: list[Row]) -> None:
    folder = folder_of(campaign)
    folder.mkdir(exist_ok=True)
    table.save(campaign, rows, folder / "table.csv")
    written = [folder / "table.csv"]
    figure = drawing.draw(rows)
    if figure is not None:
        written += style.save(figure, folder, "scan")
    table.show(campaign, rows)
    print(f"Written: {', '.join(str(path) for path in written)}")
