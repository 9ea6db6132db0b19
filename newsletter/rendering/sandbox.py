"""Render newsletters' own templates in a separate process with limits on time, memory and output.

Authors of templates can write endless loops, and style sheets whose selectors take hours to match.
Such a template must not affect anything but its own mail. It is therefore rendered, and the mail is
checked, in a child process that cannot open files or connections, has limits on time and memory,
and is killed beyond them. Preview, preflight, test mails and mailings all use this module
(`newsletter.rendering.render.render_issue`, `newsletter.rendering.preflight.run_preflight`).

Each process has one helper (`newsletter.rendering.sandbox_server`), which has loaded all modules
and forks a child for each request. This takes some milliseconds instead of a second.
"""

from __future__ import annotations

import atexit
import json
import os
import pickle
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from newsletter.errors import Place, TemplateError
from newsletter.i18n.messages import Message, dump_message, load_message, msg
from newsletter.issues.checks.findings import Finding
from newsletter.issues.model import Issue
from newsletter.rendering.model import (
    BODY,
    Publisher,
    RenderedIssue,
    Subject,
    TemplateSource,
    place_in_template,
)

#: Seconds of processor time; seconds of wall-clock time; octets of memory in addition to the loaded
#: modules.
CPU_SECONDS, WALL_SECONDS = 4, 20
MEMORY = 256 * 1024 * 1024
#: Maximum octets of an answer.
LARGEST_ANSWER = 16_000_000
#: Seconds that the helper may take to start; seconds to answer in addition to the rendering.
_START, _MARGIN = 60, 10
_LENGTH = struct.Struct(">Q")
#: The first octet of an answer with findings.
_FINDINGS = b"F"
_RENDERED: TypeAdapter[RenderedIssue] = TypeAdapter(RenderedIssue)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """An issue to be rendered with a newsletter's own template.

    Attributes:
        name: The template's name.
        partials: The text of the files that it may include, by path.
        subject: Subject and preheader for inboxes; None for the issue's own.
    """

    issue: Issue
    name: str
    source: TemplateSource
    partials: Mapping[str, str]
    publisher: Publisher
    site: str
    subject: Subject | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckJob:
    """A mail of a newsletter's own template, to be checked; ``name`` is the template's."""

    name: str
    rendered: RenderedIssue
    publisher: Publisher


def check_in_sandbox(
    rendered: RenderedIssue, publisher: Publisher, *, template: str
) -> tuple[Finding, ...]:
    """Return the findings for a mail of a newsletter's own template, errors first.

    Raises:
        TemplateError: The checks of this mail exceed a limit.
    """
    job = CheckJob(
        name=template,
        rendered=replace(rendered, variants=None, recipe=None),
        publisher=replace(publisher, templates=()),
    )
    answer = _HELPER.ask(pickle.dumps(job))
    if answer[:1] == _FINDINGS:
        # The child that wrote them ran the product's own checks, and no template.
        found: tuple[Finding, ...] = pickle.loads(answer[1:])  # noqa: S301
        return found
    raise read_fault(answer, template)


def render_in_sandbox(job: Job) -> RenderedIssue:
    """Render an issue with a newsletter's own template.

    Raises:
        TemplateError: The template is faulty, loses part of the issue, or exceeds a limit.
    """
    answer = _HELPER.ask(pickle.dumps(job))
    return read_answer(answer, job.name)


def write_rendered(rendered: RenderedIssue) -> bytes:
    """Encode a rendered issue as an answer."""
    return b"R" + _RENDERED.dump_json(rendered)


def write_findings(findings: tuple[Finding, ...]) -> bytes:
    """Encode the findings for a mail as an answer."""
    return _FINDINGS + pickle.dumps(findings)


def write_error(error: TemplateError) -> bytes:
    """Encode an error as an answer."""
    place = error.place or Place()
    fields = {
        "message": dump_message(error.message),
        "advice": dump_message(error.advice) if error.advice else "",
        "source": str(place.source),
        "line": place.line,
    }
    return b"E" + json.dumps(fields).encode()


def _place(name: str, source: str, line: int | None) -> Place | None:
    """Return the place of an error: a part of the template, or a file of the product."""
    if not source:
        return None
    return place_in_template(source.removeprefix(f"{name}/"), line)


def write_stop(reason: str) -> bytes:
    """Encode that a rendering was stopped, because of ``time``, ``memory`` or ``output``."""
    return b"S" + reason.encode()


def read_answer(answer: bytes, name: str) -> RenderedIssue:
    """Decode an answer; it is validated, because an untrusted template may have influenced it.

    Raises:
        TemplateError: The answer is an error, or cannot be decoded.
    """
    if answer[:1] == b"R":
        try:
            return _RENDERED.validate_json(answer[1:])
        except ValidationError:
            answer = write_stop("")
    raise read_fault(answer, name)


def read_fault(answer: bytes, name: str) -> TemplateError:
    """Return the error of an answer without a result, also of one that cannot be decoded."""
    kind, content = answer[:1], answer[1:]
    try:
        if kind == b"E":
            fields: dict[str, Any] = json.loads(content)
            line = fields["line"]
            return TemplateError(
                load_message(str(fields["message"])),
                place=_place(
                    name, str(fields["source"])[:200], line if isinstance(line, int) else None
                ),
                remedy=load_message(str(fields["advice"])) if fields["advice"] else None,
            )
    except (ValueError, KeyError, TypeError):
        content = b""
    return TemplateError(
        _STOPPED.get(content, _STOPPED[b""]),
        place=_place(name, f"{name}/{BODY}", None),
        remedy=msg("Look for loops that repeat too often, and for very long texts."),
    )


_STOPPED: Mapping[bytes, Message] = {
    b"time": msg("The template takes longer than {seconds} seconds.", seconds=CPU_SECONDS),
    b"memory": msg("The template takes too much memory."),
    b"output": msg("The template yields too much."),
    b"": msg("The template could not be rendered: its process ended."),
}


class _Helper:
    """The helper of this process; it is started on first use, and again after it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def ask(self, request: bytes) -> bytes:
        """Return the answer to a request; requests are handled one at a time."""
        with self._lock:
            for attempt in (1, 2):
                process, fresh = self._running()
                try:
                    wait = WALL_SECONDS + _MARGIN + (_START if fresh else 0)
                    return self._exchange(process, request, time.monotonic() + wait)
                except (OSError, EOFError, TimeoutError):
                    # The helper died during the request, or the computer is too busy: try once
                    # more.
                    self._end(process)
                    if attempt == 2:  # noqa: PLR2004 - the last one
                        return write_stop("")
        return write_stop("")

    def _running(self) -> tuple[subprocess.Popen[bytes], bool]:
        if self._process is not None and self._owner == os.getpid():
            if self._process.poll() is None:
                return self._process, False
            self._end(self._process)
        # After a fork, the inherited helper belongs to the parent process.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "newsletter.rendering.sandbox_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
            start_new_session=True,
        )
        self._owner = os.getpid()
        return self._process, True

    @staticmethod
    def _exchange(process: subprocess.Popen[bytes], request: bytes, until: float) -> bytes:
        assert process.stdin is not None  # noqa: S101 - Popen was called with PIPE
        assert process.stdout is not None  # noqa: S101 - Popen was called with PIPE
        process.stdin.write(_LENGTH.pack(len(request)) + request)
        process.stdin.flush()
        answers = process.stdout.fileno()
        (length,) = _LENGTH.unpack(read_exactly(answers, _LENGTH.size, until))
        if length > LARGEST_ANSWER:
            raise EOFError
        return read_exactly(answers, length, until)

    def close(self) -> None:
        """Stop the helper of this process, if it has one."""
        if self._process is not None and self._owner == os.getpid():
            self._end(self._process)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue
        process.wait()
        self._process = None


def read_exactly(source: int, length: int, until: float) -> bytes:
    """Read this many octets from a descriptor before a time of the monotonic clock.

    Raises:
        EOFError: The input ended early.
        TimeoutError: The time has passed.
    """
    read = bytearray()
    while len(read) < length:
        ready, _, _ = select.select([source], [], [], max(until - time.monotonic(), 0))
        if not ready:
            raise TimeoutError
        part = os.read(source, min(length - len(read), 1 << 20))
        if not part:
            raise EOFError
        read += part
    return bytes(read)


_HELPER = _Helper()
atexit.register(_HELPER.close)
