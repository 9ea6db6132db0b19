"""Fairness: how long a mailing or a notice waits for its first message behind a giant."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

from sqlalchemy import Engine, select

from bench import content
from bench.measure import Row
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import NewsletterRow, SubscriberRow
from newsletter.i18n.language import Language
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.notices.queue import create_notice
from newsletter.rendering.notices import NoticeDraft, NoticeTemplate, render_notice
from newsletter.settings import Settings
from tests.support.celery import celery_workers
from tests.support.ports import await_condition
from tests.support.relay import CountingRelay, counting_relay

_MAILINGS = 30
_READERS = 20
_NOTICES = 10_000
#: A relay that is 50 ms away takes 160 messages a second by 2 processes' 8 connections.
_FAR_SECONDS = 0.05
_AIM = 5.0


def fairness(
    engine: Engine, *, url: str, redis_url: str, folder: Path, scale: float
) -> Iterator[Row]:
    """Measure 30 mailings at once, then notices and one more mailing, while a giant is under way.

    The list must be long enough for the giant to outlast all of it.
    """
    names = [f"m{number:02d}.example.com" for number in range(_MAILINGS + 1)]
    content.subscribe_at(engine, dict.fromkeys(names, _READERS))
    with (
        counting_relay(folder, options="connections=4", delay=_FAR_SECONDS) as relay,
        celery_workers(
            database_url=url,
            redis_url=redis_url,
            smtp_url=relay.url,
            folder=folder / "data",
            WORKER_PROCESSES="2",
        ),
    ):
        content.mail(engine, slug=content.SHORT, segment='domain = "example.jp"')
        await_condition(lambda: relay.count() > _READERS, seconds=120, what="the giant")
        *thirty, last = names
        waited = _first_messages(engine, relay, thirty)
        for name, seconds in waited.items():
            print(f"  first message of the mailing to {name}: {seconds:.1f} s", flush=True)
        yield _row(f"{_MAILINGS} mailings behind a giant, the last one's first message", waited)
        yield Row(
            row="their median",
            ours=median(waited.values()),
            reference=_AIM,
            unit="s",
            aim="<=1",
        )
        notices = max(1, int(_NOTICES * scale))
        began = time.monotonic()
        _create_notices(engine, notices)
        created = time.monotonic() - began
        yield _row(
            f"a mailing behind a giant and {notices:,} notices, its first message",
            _first_messages(engine, relay, [last]),
        )
        print(f"  the notices were written in {created:.1f} s", flush=True)


def _row(name: str, waited: Mapping[str, float]) -> Row:
    return Row(row=name, ours=max(waited.values()), reference=_AIM, unit="s", aim="<=1")


def _first_messages(engine: Engine, relay: CountingRelay, names: list[str]) -> dict[str, float]:
    """Order a mailing to each domain; return the seconds until its first message was taken."""
    ordered = {}
    for name in names:
        content.mail(engine, slug=content.SHORT, segment=f'domain = "{name}"')
        ordered[name] = time.monotonic()
    waited: dict[str, float] = {}

    def all_began() -> bool:
        time.sleep(0.05)
        taken = {address.partition("@")[2] for address in relay.accepted()}
        for name in taken.intersection(names) - waited.keys():
            waited[name] = time.monotonic() - ordered[name]
        return len(waited) == len(names)

    await_condition(all_began, seconds=600, what="their first messages")
    return waited


def _create_notices(engine: Engine, count: int) -> None:
    """Write as many confirmations, each to somebody else, in transactions of a hundred."""
    with reading(engine) as session:
        newsletter = session.scalars(select(NewsletterRow)).one()
        people = session.scalars(select(SubscriberRow.id).limit(count)).all()
    draft = NoticeDraft(
        template=NoticeTemplate.CONFIRMATION,
        language=Language.JAPANESE,
        publisher=publisher_of(newsletter),
        days=7,
    )
    rendered = render_notice(
        draft,
        templates_dir=Settings(_env_file=None).templates_dir,
        action_url="https://news.example.jp/c/token",
    )
    for start in range(0, len(people), 100):
        with transaction(engine) as session:
            for person in people[start : start + 100]:
                create_notice(
                    session,
                    newsletter_id=newsletter.id,
                    subscriber_id=person,
                    rendered=rendered,
                    kind=NoticeTemplate.CONFIRMATION.value,
                )
