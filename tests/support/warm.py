"""Real processes of our programs without the seconds of processor time that importing them takes.

A program that has imported everything, and does nothing else, forks whenever one is asked for: what
comes is a process like one that was started by its command line, to be signalled, killed and waited
for. What it starts itself by Python's command line is forked in the same way. With ``COLD`` in its
environment, or another ``LD_PRELOAD``, it is started by its command line after all.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from types import GenericAlias
from typing import IO, Any, NoReturn

_POLL_SECONDS = 0.01
#: An argument that is there to be written over.
_ROOM = "." * 500
_PACKAGES = ("newsletter", "workers", "subscribers")
#: What Celery imports by names in its settings, and so only once it runs.
_CELERY = (
    *("celery.bin.celery", "celery.bin.worker", "celery.bin.beat", "celery.apps.worker"),
    *("celery.apps.beat", "celery.app.amqp", "celery.app.control", "celery.app.events"),
    *("celery.app.log", "celery.concurrency.prefork", "celery.fixups.django"),
    *("celery.loaders.app", "celery.worker.autoscale", "celery.worker.components"),
    *("celery.worker.consumer", "celery.worker.strategy", "kombu.transport.redis"),
)
#: The dialects of SQLAlchemy, which it imports by the scheme of a URL.
_DRIVERS = ("psycopg", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite")


class WarmProcess:
    """A process that was forked, as :class:`subprocess.Popen` shows one."""

    def __init__(self, pid: int, await_code: Callable[[float | None], int | None]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._await_code = await_code

    def poll(self) -> int | None:
        """Return its exit code, or the negative number of the signal that ended it."""
        if self.returncode is None:
            self.returncode = self._await_code(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self.returncode = self._await_code(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


Started = WarmProcess | subprocess.Popen[bytes]


def start(
    module: str,
    *words: str,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
    stderr: IO[bytes] | None = None,
) -> Started:
    """Start ``python -m module words…``; streams are ours unless named."""
    command = [sys.executable, "-m", module, *words]
    if env.get("COLD") or env.get("LD_PRELOAD") != os.environ.get("LD_PRELOAD"):
        return subprocess.Popen(  # noqa: S603 - our own program
            command,
            env=env,
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )
    streams = [
        usual if given is None else given.fileno()
        for usual, given in enumerate((stdin, stdout, stderr))
    ]
    order = {"command": command, "env": dict(env), "cwd": str(cwd or Path.cwd())}
    link = socket.socket(socket.AF_UNIX)
    link.connect(_address())
    content = json.dumps(order).encode()
    socket.send_fds(link, [len(content).to_bytes(4)], streams)
    link.sendall(content)
    words_back = link.makefile("r")
    pid = int(words_back.readline())

    def await_code(timeout: float | None) -> int | None:
        with selectors.DefaultSelector() as selector:
            selector.register(link, selectors.EVENT_READ)
            if not selector.select(timeout):
                return None
        code = int(words_back.readline())
        words_back.close()
        link.close()
        return code

    return WarmProcess(pid, await_code)


def run(
    module: str,
    *words: str,
    env: Mapping[str, str],
    cwd: Path | None = None,
    answer: str = "",
    seconds: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run one to its end, with ``answer`` as its standard input; return what it wrote."""
    with ExitStack() as stack:
        given, out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        given.write(answer.encode())
        given.seek(0)
        process = start(module, *words, env=env, cwd=cwd, stdin=given, stdout=out, stderr=err)
        try:
            code = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        for written in (out, err):
            written.seek(0)
        return subprocess.CompletedProcess(
            [module, *words], code, out.read().decode(), err.read().decode()
        )


@lru_cache(maxsize=1)
def _address() -> str:
    """Start the program that forks; it ends with this process, whose pipe it reads."""
    folder = tempfile.TemporaryDirectory(prefix="warm-")
    address = f"{folder.name}/socket"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", __name__, str(listener.fileno()), _ROOM],
        stdin=subprocess.PIPE,
        pass_fds=[listener.fileno()],
        # Not a folder of the test that is the first to ask.
        cwd=Path(__file__).parents[2],
    )
    listener.close()
    assert process.stdin is not None
    atexit.register(folder.cleanup)
    atexit.register(process.wait)
    atexit.register(process.stdin.close)
    return address


class _Parent:
    """Forks whenever it is asked to, and tells who asked how that process ended."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._links: dict[int, socket.socket] = {}

    def serve(self) -> None:
        """Go on until standard input ends."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        woken, waker = socket.socketpair()
        waker.settimeout(0)
        signal.set_wakeup_fd(waker.fileno())
        with selectors.DefaultSelector() as selector:
            for source in (self._listener, woken, sys.stdin):
                selector.register(source, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if sys.stdin in ready:
                    break
                if woken in ready:
                    woken.recv(4096)
                    self._tell_ends()
                if self._listener in ready:
                    self._take_order()
        for pid in self._links:
            os.kill(pid, signal.SIGTERM)

    def _tell_ends(self) -> None:
        while self._links:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with self._links.pop(pid) as link:
                link.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())

    def _take_order(self) -> None:
        link, _ = self._listener.accept()
        head, streams, _, _ = socket.recv_fds(link, 4, 3)
        with link.makefile("rb") as body:
            order = json.loads(body.read(int.from_bytes(head)))
        pid = os.fork()
        if not pid:
            self._listener.close()
            for other in (link, *self._links.values()):
                other.close()
            os.chdir(order["cwd"])
            _become(order["command"], order["env"], streams)
        for stream in streams:
            os.close(stream)
        self._links[pid] = link
        link.sendall(f"{pid}\n".encode())


def _become(command: Sequence[str], env: Mapping[str, str], streams: Sequence[int]) -> NoReturn:
    """Turn a fork into what a command line of Python is; end with its exit code."""
    _forget_signals()
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
    for stream in {*streams} - {0, 1, 2}:
        os.close(stream)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as the process lives
    sys.stdout = open(1, "w", closefd=False, buffering=1)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False, buffering=1)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    # The command line looks at its environment while it is imported.
    for name in [name for name in sys.modules if name.startswith("newsletter.cli")]:
        del sys.modules[name]
    subprocess.Popen = _Forked  # type: ignore[assignment,misc]
    _show(command)
    options, (module, *words) = _split(command)
    if "ignore" in options:
        warnings.simplefilter("ignore")
    sys.argv = [module, *words]
    code: int | str | None = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as the interpreter does
        sys.excepthook(*sys.exc_info())
        code = 1
    _end(code)


def _forget_signals() -> None:
    """Take signals as a program does that has just started, not as the one that forked."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _split(command: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return Python's own options, and the module with its arguments."""
    place = command.index("-m")
    return command[1:place], command[place + 1 :]


def _end(code: int | str | None) -> NoReturn:
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


_cold = subprocess.Popen


class _Forked(WarmProcess):
    """What a program of ours gets for ``subprocess.Popen`` of another: a fork, where it can be."""

    # Annotations name Popen[bytes].
    __class_getitem__: Any = classmethod(GenericAlias)

    def __new__(cls, command: Sequence[str], **more: Any) -> Any:
        if command[0] != sys.executable or "-m" not in command:
            return _cold(command, **more)
        return super().__new__(cls)

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        stdin: int,
        stdout: IO[bytes] | None,
        stderr: IO[bytes] | None,
        start_new_session: bool,
        preexec_fn: Callable[[], None],
    ) -> None:
        assert stdin == subprocess.DEVNULL
        pid = os.fork()
        if not pid:
            if start_new_session:
                os.setsid()
            # Before the signals that were held back until the fork.
            _forget_signals()
            preexec_fn()
            nothing = os.open(os.devnull, os.O_RDWR)
            out, err = (1 if not stdout else stdout.fileno(), 2 if not stderr else stderr.fileno())
            _become(command, env, [nothing, out, err])
        super().__init__(pid, self._reap)

    def _reap(self, timeout: float | None) -> int | None:
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() >= deadline:
                return None
            time.sleep(_POLL_SECONDS)


def _show(command: Sequence[str]) -> None:
    """Show a command line as this process's own, where the kernel keeps its parent's."""
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    start, end = (int(fields[number - 3]) for number in (48, 49))  # proc(5)
    shown = "\0".join((*command, "")).encode()[: end - start]
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, shown, len(shown))


def _import_all() -> None:
    for name in _PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith("__main__") and ".migrations" not in module.name:
                importlib.import_module(module.name)
    for name in (*_CELERY, *_DRIVERS, "tests.support.stage"):
        importlib.import_module(name)


if __name__ == "__main__":
    _import_all()
    assert threading.active_count() == 1, "a fork would lack the other threads"
    gc.collect()
    gc.freeze()
    _Parent(socket.socket(fileno=int(sys.argv[1]))).serve()
