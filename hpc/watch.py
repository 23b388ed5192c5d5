"""Connections between rank 0 and the others, which show that a rank was killed or is silent.

MPI does not report this: without `--kill-on-bad-exit`, srun waits for the other ranks, and they
wait for the killed one. The kernel closes the connections of a killed process at once. A lost node
and a suspended process close nothing; they are noticed by missing signs of life.
"""

from __future__ import annotations

import logging
import resource
import secrets
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from mpi4py import MPI

from glassdask.base.errors import Crashed
from glassdask.batch.scheduler import node

logger = logging.getLogger("glassdask")

#: Seconds to connect.
PATIENCE = 20.0
#: Seconds between signs of life.
BEAT = 5.0
#: Signs of life that a rank may miss: a rank that is silent for a minute is lost.
MISSED = 12
_ALIVE = b"+"
#: Sent before a rank leaves, so that nobody takes its end for a kill.
_GOODBYE = b"."


class Watch:
    """Notices killed and silent ranks of the MPI world.

    Create it on all ranks at the same time. If any rank cannot connect to rank 0, nobody watches.
    While the whole job is suspended, no time passes for it.

    Parameters
    ----------
    world : Intracomm
    when_alone : callable
        Called with this object, in a thread of each other rank, when rank 0 is lost.

    Attributes
    ----------
    lost : dict of int to bool
        Ranks that are lost, and whether they were killed (or, if not, silent). On rank 0, all
        ranks can be in it; on another rank, only rank 0.
    """

    def __init__(self, world: MPI.Intracomm, when_alone: Callable[[Watch], object]) -> None:
        self.lost: dict[int, bool] = {}
        self._over = False
        self._when_alone = when_alone
        self._manages = world.Get_rank() == 0
        self._nodes = world.allgather(node())
        self._rank_of = _connect_all(world)
        if self._rank_of:
            threading.Thread(target=self._watch, daemon=True).start()

    def error(self, rank: int, stage: str) -> Crashed:
        """The error when a rank of a stage is lost."""
        killed = self.lost[rank]
        what = "was killed" if killed else f"has been silent for {MISSED * BEAT:.0f} s"
        advice = (
            f"Often the node lacks memory: raise [{stage}] memory of the site profile, or put "
            "fewer ranks on a node."
            if killed
            else "Its node is lost or swaps memory, or the process is suspended: look at the node."
        )
        return Crashed(
            f"rank {rank} of {len(self._nodes)}, on node {self._nodes[rank]}, {what}",
            "all ranks until the end",
            f"{advice} Only work after the last restarts is lost; type the same command to "
            "continue.",
        )

    def end(self) -> None:
        """Stop watching; each rank calls it before it leaves."""
        self._over = True
        for connection in list(self._rank_of):
            _send(connection, _GOODBYE)

    def _watch(self) -> None:
        """Exchange signs of life with each connected rank, until it leaves or is lost."""
        selector = selectors.DefaultSelector()
        for connection in self._rank_of:
            selector.register(connection, selectors.EVENT_READ)
        missed = dict.fromkeys(self._rank_of, 0)
        next_beat = time.monotonic()
        while missed and not self._over:
            for key, _ in selector.select(max(0.0, next_beat - time.monotonic())):
                connection = cast(socket.socket, key.fileobj)
                said = _receive(connection)
                missed[connection] = 0
                if _ALIVE in said and _GOODBYE not in said:
                    continue
                selector.unregister(connection)
                del missed[connection]
                if _GOODBYE not in said:
                    self._lose(connection, killed=True)
            if time.monotonic() < next_beat:
                continue
            # counted in beats, not in seconds: a suspended job misses one beat, however long
            next_beat = time.monotonic() + BEAT
            for waiting in list(missed):
                _send(waiting, _ALIVE)
                missed[waiting] += 1
                if missed[waiting] >= MISSED:
                    selector.unregister(waiting)
                    del missed[waiting]
                    self._lose(waiting, killed=False)

    def _lose(self, connection: socket.socket, *, killed: bool) -> None:
        if self._over:
            return
        self.lost[self._rank_of[connection]] = killed
        if not self._manages:
            self._when_alone(self)


def _connect_all(world: MPI.Intracomm) -> dict[socket.socket, int]:
    """Connect all ranks with rank 0; the rank at the other end of each connection of this rank.

    Empty on all ranks if one of them could not connect.
    """
    manages, others = world.Get_rank() == 0, world.Get_size() - 1
    host = socket.gethostname()
    listener = _listen(others) if manages else None
    port = listener.getsockname()[1] if listener else None
    key, first, port = world.bcast((secrets.token_bytes(16), host, port))
    connections: dict[socket.socket, int] = {}
    if port and not manages:
        own = "127.0.0.1" if host == first else first
        connections = _connect(own, port, key + world.Get_rank().to_bytes(4, "big"))
    if world.allreduce(bool(listener or connections), MPI.LAND) and listener:
        connections = _accept(listener, key, others)
    if not world.bcast(len(connections) == others):
        if manages:
            logger.warning("not all ranks can connect to %s: no watch on lost ranks", host)
        return {}
    return connections


def _listen(others: int) -> socket.socket | None:
    """A socket on all networks of this node; None if there is none."""
    try:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each connection is an open file
        return socket.create_server(("", 0), backlog=others)
    except (OSError, ValueError):
        return None


def _accept(listener: socket.socket, key: bytes, others: int) -> dict[socket.socket, int]:
    """The connections of all other ranks; fewer if one cannot be opened."""
    rank_of: dict[socket.socket, int] = {}
    with listener:
        listener.settimeout(PATIENCE)
        while len(rank_of) < others:
            try:
                connection = listener.accept()[0]
            except OSError as error:
                logger.warning("a rank cannot connect: %s", error)
                break
            with suppress(OSError):  # a stranger may connect, too
                connection.settimeout(PATIENCE)
                said = connection.recv(len(key) + 4, socket.MSG_WAITALL)
                if secrets.compare_digest(said[:-4], key):
                    rank_of[connection] = int.from_bytes(said[-4:], "big")
    return rank_of


def _connect(host: str, port: int, said: bytes) -> dict[socket.socket, int]:
    """The connection to rank 0; empty if it cannot be reached."""
    try:
        connection = socket.create_connection((host, port), PATIENCE)
        connection.sendall(said)
    except OSError:
        return {}
    return {connection: 0}


def _send(connection: socket.socket, said: bytes) -> None:
    with suppress(OSError):  # its end is noticed on reading
        connection.send(said, socket.MSG_DONTWAIT)


def _receive(connection: socket.socket) -> bytes:
    """What the other end has said; empty when it is gone."""
    with suppress(OSError):
        return connection.recv(4096)
    return b""
