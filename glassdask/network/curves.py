"""The metrics of each epoch for TensorBoard, in `tensorboard/`."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.summary import scalar

TENSORBOARD = "tensorboard"


class Curves:
    """An event file with each epoch once; a resumed training rewrites the earlier epochs.

    `SummaryWriter` is not used: its thread waits for ever when the disk is full.

    Parameters
    ----------
    folder : Path
        The folder in which `tensorboard/` is created or replaced.
    history : list of dict
        Metrics of the finished epochs, as in `metrics.csv`.
    wanted : bool
        If false, nothing is written.
    """

    def __init__(self, folder: Path, history: list[dict[str, float]], wanted: bool = True) -> None:
        self._writer: EventsWriter | None = None
        if not wanted:
            return
        place = folder / TENSORBOARD
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        self._writer = EventsWriter(str(place / "events"))
        # makes an open TensorBoard drop the points of the deleted file
        self._write(0, session_log=SessionLog(status=SessionLog.START))
        for metrics in history:
            self.add(metrics)

    def add(self, metrics: dict[str, float]) -> None:
        """Write the metrics of an epoch."""
        if self._writer is not None:
            for name, value in metrics.items():
                if name != "epoch":
                    self._write(int(metrics["epoch"]), summary=scalar(name, value))
            self._writer.flush()

    def _write(self, step: int, **content: Any) -> None:
        assert self._writer is not None
        self._writer.write_event(Event(step=step, wall_time=time.time(), **content))

    def __enter__(self) -> Curves:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()
