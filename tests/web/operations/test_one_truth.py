"""Page and command say one thing: no row is well where the headline is not, nor the reverse."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from fastapi import Request

from newsletter.accounts.roles import Rights
from newsletter.accounts.sign_in_limits import Browser
from newsletter.cli.console import console
from newsletter.cli.overview import show_overview
from newsletter.database.types import now
from newsletter.database.vocabulary import ProcessKind
from newsletter.disk import DiskFault, DiskHealth
from newsletter.i18n.language import Language
from newsletter.mailings.ledger.dispatch import Silence
from newsletter.operations.broker import BrokerHealth
from newsletter.operations.heartbeats import Activity
from newsletter.operations.overview import DatabaseHealth, DomainView, Overview, RelayView
from newsletter.settings import Settings
from newsletter.web.access import Visit
from newsletter.web.operations.overview import values_of
from newsletter.web.pages import Pages
from tests.operations.test_overview import RELAY, half_deferred, process, well

_PAGES = Pages(Settings(_env_file=None).templates_dir)
_NOBODY = Visit(
    account_id=1,
    session_id=1,
    address="a@example.jp",
    name="a",
    language=Language.ENGLISH,
    time_zone="UTC",
    has_second_factor=False,
    rights=Rights(),
    csrf="",
    browser=Browser(),
    request=Request({"type": "http", "path": "/operate", "headers": []}),
)
_NORMAL = "All systems normal"
_LOST = process(ProcessKind.WORKER, "bulk@one", silent=60)
_BORN = replace(_LOST, process=replace(_LOST.process, started_at=now() - timedelta(hours=1)))
_BACK = process(ProcessKind.WORKER, "bulk@one", started=0)


def page(seen: Overview) -> str:
    shown = _PAGES.render(
        "operations/live.html",
        language=Language.ENGLISH,
        zone=ZoneInfo("UTC"),
        visit=_NOBODY,
        **values_of(seen),
    )
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", shown)).split())


def command(seen: Overview) -> str:
    with console.capture() as taken:
        console.print(show_overview(seen))
    return " ".join(taken.get().split())


def test_where_parts_start_by_themselves_none_is_asked_for() -> None:
    seen = replace(well(), broker=None, processes=(), round_at=None)
    assert _NORMAL in page(seen)
    assert "None is needed now" in page(seen)
    assert "Start newsletter worker" not in page(seen)


def test_a_process_whose_place_was_taken_is_no_fault() -> None:
    seen = replace(well(), processes=(*well().processes, _BORN, _BACK))
    for shown in (page(seen), command(seen)):
        assert _NORMAL in shown
        assert "replaced" in shown.lower()
        assert "not responding" not in shown.lower()


def _on(disk: DiskHealth) -> Callable[[Overview], Overview]:
    def change(seen: Overview) -> Overview:
        activity = Activity(disk=disk)
        workers = tuple(replace(each, activity=activity) for each in seen.processes)
        return replace(seen, processes=workers)

    return change


_RELAY = RelayView(name=RELAY, tally=half_deferred(RELAY))
_DOMAIN = DomainView(name="example.jp", tally=half_deferred("example.jp"))
_FULL = DiskHealth(free=0, fault=DiskFault.FULL)
_UNSAFE = DatabaseHealth(kind="postgresql", milliseconds=1, unsafe=("fsync",))
_SLOW = DatabaseHealth(kind="postgresql", milliseconds=900)
_READ_ONLY = DatabaseHealth(kind="postgresql", milliseconds=1, refusal="read-only")
_NEARLY_FULL = BrokerHealth(policy="noeviction", used_memory=9, max_memory=10)


def _silent(seen: Overview) -> Overview:
    since = seen.taken_at - timedelta(seconds=20)
    return replace(seen, silent=(Silence(mailing_id=4, newsletter_id=1, subject="x", since=since),))


@pytest.mark.parametrize(
    ("change", "said", "not_said"),
    [
        (lambda o: replace(o, relays=(_RELAY,)), "Defers much email", "Accepts email"),
        (lambda o: replace(o, domains=(_DOMAIN,)), "Defers much email", "Receives email"),
        (_silent, "No answer yet", "Accepts email"),
        (_on(_FULL), "Cannot write", "Alive"),
        (lambda o: replace(o, processes=(*o.processes[:1], _BORN)), "Not responding", "Replaced"),
        (lambda o: replace(o, processes=()), "Start newsletter worker", "None is needed"),
        (lambda o: replace(o, database=_SLOW), "Slow", _NORMAL),
        (lambda o: replace(o, database=_UNSAFE), "May lose data", _NORMAL),
        (lambda o: replace(o, database=_READ_ONLY), "Accepts no changes", _NORMAL),
        (lambda o: replace(o, broker=_NEARLY_FULL), "Check", _NORMAL),
    ],
)
def test_what_an_alarm_says_its_row_says_too(
    change: Callable[[Overview], Overview], said: str, not_said: str
) -> None:
    shown = page(change(well()))
    assert _NORMAL not in shown
    assert said in shown
    assert not_said not in shown
