"""Connections between rank 0 and the others, which show that a process was killed.

MPI does not tell: without `--kill-on-bad-exit`, srun waits for the other ranks, and they wait for
the killed one. The kernel closes the connections of a killed process at once; a lost node is
noticed by the keepalive messages of TCP, within a minute.
"""

from __future__ import annotations

import logging
import resource
import secrets
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from mpi4py import MPI

from glassdask.base.errors import Crashed
from glassdask.batch.scheduler import node

logger = logging.getLogger("glassdask")

#: Seconds to connect.
PATIENCE = 20.0
#: Seconds of silence after which TCP asks, seconds between its questions, and their number.
KEEPALIVE = {socket.TCP_KEEPIDLE: 20, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 4}
#: Sent by rank 0 before it leaves, so that nobody takes its end for a kill.
_GOODBYE = b"."


class Watch:
    """Notices killed processes of the MPI world.

    Create it on all ranks at the same time. If any rank cannot connect to rank 0, nobody watches.

    Parameters
    ----------
    world : Intracomm
    when_alone : callable
        Called with this object, in a thread of each other rank, when rank 0 was killed.

    Attributes
    ----------
    dead : list of int
        On rank 0: the ranks that were killed.
    """

    def __init__(self, world: MPI.Intracomm, when_alone: Callable[[Watch], object]) -> None:
        self.dead: list[int] = []
        self._over = False
        self._connections: list[socket.socket] = []
        host = socket.gethostname()
        self._nodes = world.allgather(node())
        manages = world.Get_rank() == 0
        listener, connection = _listen(world.Get_size()) if manages else None, None
        port = listener.getsockname()[1] if listener else None
        key, first, port = world.bcast((secrets.token_bytes(16), host, port))
        if port and not manages:
            own = "127.0.0.1" if host == first else first
            connection = _connect(own, port, key + world.Get_rank().to_bytes(4, "big"))
        if not world.allreduce(bool(listener or connection), MPI.LAND):
            if manages:
                logger.warning("not all ranks can connect to %s: no watch on killed ranks", host)
        elif listener:
            _start(self._watch, listener, key, world.Get_size() - 1)
        elif connection:
            _start(self._wait_for_end, connection, when_alone)

    def error(self, rank: int, stage: str) -> Crashed:
        """The error when a rank of a stage was killed."""
        return Crashed(
            f"rank {rank} of {len(self._nodes)}, on node {self._nodes[rank]}, was killed",
            "all ranks until the end",
            f"Often the node lacks memory: raise [{stage}] memory of the site profile, or put "
            "fewer ranks on a node. Only work after the last restarts is lost; type the same "
            "command to continue.",
        )

    def end(self) -> None:
        """Stop watching; each rank calls it before it leaves."""
        self._over = True
        for connection in self._connections:
            with suppress(OSError):
                connection.send(_GOODBYE)

    def _watch(self, listener: socket.socket, key: bytes, others: int) -> None:
        rank_of: dict[int, int] = {}
        poll = select.poll()
        while len(rank_of) < others:
            try:
                connection = listener.accept()[0]
            except OSError as error:
                logger.warning("no watch on killed ranks: %s", error)
                self._listener = listener  # closing it would look like the end of rank 0
                return
            with suppress(OSError):  # a stranger may connect, too
                connection.settimeout(PATIENCE)
                said = connection.recv(len(key) + 4, socket.MSG_WAITALL)
                if secrets.compare_digest(said[:-4], key):
                    _keep_alive(connection)
                    rank_of[connection.fileno()] = int.from_bytes(said[-4:], "big")
                    self._connections.append(connection)
                    poll.register(connection, select.POLLIN)
        listener.close()
        while rank_of:
            for number, _ in poll.poll():  # other ranks send nothing more, so this is their end
                poll.unregister(number)
                self.dead.append(rank_of.pop(number))

    def _wait_for_end(
        self, connection: socket.socket, when_alone: Callable[[Watch], object]
    ) -> None:
        """On another rank: wait until rank 0 leaves, or is killed."""
        said = b""
        with suppress(OSError):
            said = connection.recv(1)
        # rank 0 may leave before it has accepted this connection
        if said != _GOODBYE and not self._over:
            when_alone(self)


def _start(work: Callable[..., object], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()


def _listen(size: int) -> socket.socket | None:
    """A socket on all networks of this node; None if there is none."""
    try:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each connection is an open file
        return socket.create_server(("", 0), backlog=size)
    except (OSError, ValueError):
        return None


def _connect(host: str, port: int, said: bytes) -> socket.socket | None:
    """A connection to rank 0; None if it cannot be reached."""
    try:
        connection = socket.create_connection((host, port), PATIENCE)
        connection.sendall(said)
        _keep_alive(connection)
    except OSError:
        return None
    return connection


def _keep_alive(connection: socket.socket) -> None:
    """Let TCP ask whether the other end lives; reading waits without a limit."""
    connection.settimeout(None)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
