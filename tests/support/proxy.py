"""A network between two programs that falls silent: packets are neither answered nor refused."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy.engine import make_url

from tests.support.ports import free_port

#: Seconds after which the server's TCP gives a client up that is silent, as the product sets it.
_KEEPALIVE_SECONDS = 25.0


class SilentNetwork:
    """Forwards connections to a PostgreSQL on this machine until it is silent.

    Connections that stood when it fell silent never speak again, as if a firewall had forgotten
    them; once it is whole, new ones work. The server is told of the end of the others as late as
    its TCP would find out. No other limit of its counts for a client that fell silent amid the
    statements of one round trip.
    """

    def __init__(self, url: str, port: int | None = None) -> None:
        self._url = make_url(url)
        self.port = port or free_port()
        self._silent = threading.Event()
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The database's URL through this network."""
        through = self._url.set(host="127.0.0.1", port=self.port, query={})
        return through.render_as_string(hide_password=False)

    def fall_silent(self) -> None:
        self._silent.set()

    def mend(self) -> None:
        self._silent.clear()

    def close(self) -> None:
        self._closed.set()
        self._listener.close()
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        with suppress(OSError, ValueError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                if not self._silent.is_set():
                    server = self._connect()
                    self._open.append(server)
                    threading.Thread(target=self._forward, args=(client, server)).start()

    def _connect(self) -> socket.socket:
        # The embedded server listens on a socket in a folder, and on no port.
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{self._url.query['host']}/.s.PGSQL.{self._url.port or 5432}")
        return server

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        other = {client: server, server: client}
        with suppress(OSError, ValueError):
            while True:
                ready, _, _ = select.select([client, server], [], [], 0.1)
                if self._silent.is_set():
                    self._closed.wait(_KEEPALIVE_SECONDS)
                    server.close()
                    return
                for one in ready:
                    octets = one.recv(65_536)
                    if not octets:
                        client.close()
                        server.close()
                        return
                    other[one].sendall(octets)


@contextmanager
def silent_network(url: str, port: int | None = None) -> Iterator[SilentNetwork]:
    network = SilentNetwork(url, port)
    try:
        yield network
    finally:
        network.close()
