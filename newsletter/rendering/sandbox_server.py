"""The helper that renders newsletters' own templates, each in a child process.

It is started as ``python -m newsletter.rendering.sandbox_server`` (`newsletter.rendering.sandbox`).

It reads requests from standard input, forks a child for each, writes the answers to standard
output, and ends at the end of its input. A child limits its time and memory. Before it renders, it
also gives up what templates do not need: files, connections, further processes. The helper never
waits longer than the limit.
"""

from __future__ import annotations

import os
import pickle
import pprint  # noqa: F401 - Jinja's filters import both modules on first use
import resource
import select
import signal
import struct
import sys
import textwrap  # noqa: F401 - see above
import time
from collections.abc import Mapping
from typing import NoReturn
from zoneinfo import ZoneInfo

from newsletter.errors import NotFoundError, TemplateError
from newsletter.i18n.language import Language
from newsletter.issues.sources.reading import read_issue
from newsletter.rendering.checks import check_mail
from newsletter.rendering.environment import OwnTemplate
from newsletter.rendering.mjml_source import MjmlTemplateError
from newsletter.rendering.model import Publisher, TemplateSource
from newsletter.rendering.render import render_issue, render_with
from newsletter.rendering.sandbox import (
    CPU_SECONDS,
    LARGEST_ANSWER,
    MEMORY,
    WALL_SECONDS,
    CheckJob,
    Job,
    write_error,
    write_findings,
    write_rendered,
    write_stop,
)
from newsletter.samples import sample_issue
from newsletter.settings import shipped_templates

_LENGTH = struct.Struct(">Q")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Answer requests until the input ends."""
    # Ctrl+C at the terminal is for the parent process; this process ends with its parent.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    _warm_up()
    while head := requests.read(_LENGTH.size):
        (length,) = _LENGTH.unpack(head)
        answer = _answer(requests.read(length))
        answers.write(_LENGTH.pack(len(answer)) + answer)
        answers.flush()


#: Templates that fail in different ways, so that the code for each kind of error is loaded.
_FAULTY = ("{{ nothing }}", "{{ 1 // 0 }}", "{% set %}", "{% include '?' %}", "{{ ''.__class__ }}")


def _warm_up() -> None:
    """Load every module that is imported on first use, because children cannot open files."""
    partials = OwnTemplate.read_partials(shipped_templates())
    publisher = Publisher(
        name="–", sender_name="–", sender_address="a@example.jp", postal_address="–"
    )
    issues = [read_issue(sample_issue(each), source="sample").issue for each in Language]
    for issue in issues:
        rendered = render_issue(
            issue,
            template="letter",
            templates_dir=shipped_templates(),
            publisher=publisher,
            site="https://example.jp",
        )
        check_mail(rendered, publisher)
    for text in _FAULTY:
        faulty = Job(
            issue=issues[0],
            name="own/faulty",
            source=TemplateSource(body=text, text="", subject=""),
            partials=partials,
            publisher=publisher,
            site="",
        )
        _rendered(faulty)


def _answer(request: bytes) -> bytes:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _render(request, writing)
    os.close(writing)
    until = time.monotonic() + WALL_SECONDS
    answer, reason = bytearray(), ""
    while not reason:
        ready, _, _ = select.select([reading], [], [], max(until - time.monotonic(), 0))
        if not ready:
            reason = "time"
        elif part := os.read(reading, 1 << 20):
            answer += part
            if len(answer) > LARGEST_ANSWER:
                reason = "output"
        else:
            break
    os.close(reading)
    if reason:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if reason:
        return write_stop(reason)
    if os.WIFSIGNALED(status):
        # The kernel's own limit, or a library that aborts when memory is exhausted.
        ended = os.WTERMSIG(status)
        return write_stop("time" if ended in {signal.SIGXCPU, signal.SIGKILL} else "memory")
    return bytes(answer) or write_stop("")


def _render(request: bytes, writing: int) -> NoReturn:
    """Render, answer and exit without running any clean-up of the parent."""
    answer = write_stop("")
    try:
        # The request comes from the process that started this one.
        job: Job | CheckJob = pickle.loads(request)  # noqa: S301
        ZoneInfo(job.publisher.time_zone)
        _close_all(keep=writing)
        _limit_time_and_memory()
        if isinstance(job, CheckJob):
            # No template runs here, and checks read the product's own files on first use.
            answer = write_findings(check_mail(job.rendered, job.publisher))
        else:
            _drop_privileges()
            answer = _rendered(job)
    except MemoryError:
        answer = write_stop("memory")
    except RecursionError:
        answer = write_stop("memory")
    except (OSError, ImportError):
        answer = write_stop("")
    finally:
        at = 0
        while at < len(answer):
            at += os.write(writing, answer[at:])
        os._exit(0)


def _rendered(job: Job) -> bytes:
    template = OwnTemplate(job.name, job.source, job.partials)
    try:
        template.check()
        rendered = render_with(
            job.issue,
            template.render,
            template=job.name,
            publisher=job.publisher,
            site=job.site,
            subject=job.subject,
        )
    except MjmlTemplateError as error:
        return write_error(template.fault_in_source() or error)
    except TemplateError as error:
        return write_error(error)
    except NotFoundError as error:
        return write_error(TemplateError(error.message, place=error.place))
    return write_rendered(rendered)


def _close_all(*, keep: int) -> None:
    for descriptor in (0, 1, 2):
        if descriptor != keep:
            os.close(descriptor)


def _limit_time_and_memory() -> None:
    with open("/proc/self/statm", "rb") as sizes:  # noqa: PTH123 - no import
        loaded = int(sizes.read().split()[0]) * _PAGE
    limits = {resource.RLIMIT_AS: loaded + MEMORY, resource.RLIMIT_CPU: CPU_SECONDS}
    # A process that is stopped for its time would otherwise leave its memory in a file.
    _set_limits(limits | {resource.RLIMIT_CORE: 0})


def _drop_privileges() -> None:
    """Take files, connections and processes from this process."""
    bounds = (resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE)
    _set_limits(dict.fromkeys(bounds, 0))


def _set_limits(limits: Mapping[int, int]) -> None:
    for bound, value in limits.items():
        resource.setrlimit(bound, (value, value))


if __name__ == "__main__":
    main()
