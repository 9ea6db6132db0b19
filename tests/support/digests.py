"""Digests as tests see them: issues that are sent, readers who choose, and who got what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache

from sqlalchemy import Engine, select, update

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    DeliveryRow,
    DigestRow,
    DigestRuleRow,
    IssueRow,
    MailingRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.vocabulary import Frequency, MailingKind
from newsletter.issues.sources.reading import ReadIssue, read_issue
from newsletter.issues.store import find_issue, save_issue
from newsletter.issues.translation_files import translation_from_issue
from newsletter.issues.translations import with_translation
from newsletter.mailings.approvals.plans import SendingPlan
from newsletter.mailings.digests.opening import DigestSetting, open_due_digests
from newsletter.mailings.digests.rules import DigestTerms, set_digest
from newsletter.mailings.ledger.dispatch import unplanned_mailings
from newsletter.mailings.mailings import create_mailing
from newsletter.mailings.planning.content import planned_conditions
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.planning.variants import met_in, variant_sent
from newsletter.newsletters.publications import find_newsletter
from newsletter.rendering.model import RenderedIssue
from newsletter.settings import Settings
from tests.support.rendering import render_stored
from tests.support.stage import Stage

SETTING = DigestSetting(
    templates_dir=Settings(_env_file=None).templates_dir,
    public_url="https://mail.example.jp",
    batch_size=25,
)
BODY = "# 1. 町から\n\n### 図書館が開く\n\n新しい図書館が開きます。詳しくは窓口へ。\n"


def offer(
    engine: Engine,
    frequency: Frequency = Frequency.WEEKLY,
    *,
    offered: bool = True,
    hour: str = "08:00",
    everywhere: bool = False,
    day: int | None = None,
) -> None:
    """Let the newsletter of the stage offer a digest; on Mondays or on the first if not told."""
    if day is None:
        day = 0 if frequency is Frequency.WEEKLY else 1
    terms = DigestTerms(offered=offered, day=day, hour=hour, everywhere=everywhere)
    with transaction(engine) as session:
        set_digest(session, COMMAND_LINE, find_newsletter(session, "digest"), frequency, terms)


def choose(stage: Stage, address: str, frequency: Frequency) -> None:
    with transaction(stage.engine) as session:
        session.execute(
            update(SubscriptionRow)
            .where(SubscriptionRow.subscriber_id == stage.subscriber_id(address))
            .values(frequency=frequency)
        )


@cache
def _rendered(engine: Engine) -> RenderedIssue:
    with reading(engine) as session:
        newsletter = find_newsletter(session, "digest")
        issue = session.scalars(select(IssueRow).limit(1)).one()
        return render_stored(issue, newsletter, templates_dir=SETTING.templates_dir)


def _read(title: str, day: date, body: str) -> ReadIssue:
    text = f"---\ntitle: {title}\ndate: {day}\n---\n\n{body}"
    return read_issue(text.encode(), source="issue")


def send_issue(
    stage: Stage,
    number: int,
    body: str = BODY,
    *,
    urgent: bool = False,
    segment: str = "",
    translations: Mapping[str, tuple[str, str]] | None = None,
) -> int:
    """Send an issue, as far as the ledger; return its mailing.

    Its translations are a title and a text each, by their tags.
    """
    day = date(2026, 11, 1) + timedelta(days=number)
    read = _read(f"第{number}号", day, body)
    for tag, (title, words) in (translations or {}).items():
        other = translation_from_issue(read.issue, _read(title, day, words).issue, tag)
        read = replace(read, issue=with_translation(read.issue, other))
    with transaction(stage.engine) as session:
        newsletter = find_newsletter(session, "digest")
        slug = save_issue(session, newsletter.id, read).slug
        issue = find_issue(session, newsletter.id, slug)
        rendered = (
            _rendered(stage.engine)
            if body == BODY and not translations
            else render_stored(issue, newsletter, templates_dir=SETTING.templates_dir)
        )
        mailing = create_mailing(
            session,
            newsletter,
            issue,
            rendered,
            batch_size=25,
            plan=SendingPlan(segment=segment, urgent=urgent),
        )
    plan_mailing(stage.engine, mailing)
    return mailing


def due(engine: Engine, frequency: Frequency = Frequency.WEEKLY) -> datetime:
    """Return when the next digest is due."""
    with reading(engine) as session:
        rule = session.get_one(DigestRuleRow, (find_newsletter(session, "digest").id, frequency))
        return rule.due_at


def open_digests(engine: Engine, moment: datetime) -> list[int]:
    """Do what a round does at a moment: open what is due, and plan it."""
    opened = list(open_due_digests(engine, SETTING, moment))
    for mailing in unplanned_mailings(engine):
        plan_mailing(engine, mailing)
    return opened


def received(stage: Stage) -> dict[str, Counter[str]]:
    """Return how often who got which issue, by mail or in a digest."""
    got: dict[str, Counter[str]] = {}
    with reading(stage.engine) as session:
        rows = session.execute(
            select(SubscriberRow.address_key, SubscriberRow.id, MailingRow)
            .join(DeliveryRow, DeliveryRow.subscriber_id == SubscriberRow.id)
            .join(MailingRow, MailingRow.id == DeliveryRow.mailing_id)
        )
        for address, subscriber_id, mailing in rows:
            count = got.setdefault(address or "", Counter())
            if mailing.kind is MailingKind.DIGEST:
                number = variant_sent(session, mailing.id, subscriber_id)
                met = met_in(planned_conditions(session, mailing.id), number)
                count.update(label.partition(": ")[2] for label in met if ": " in label)
            else:
                count.update([mailing.title])
    return got


def digests(engine: Engine) -> list[tuple[Frequency, date]]:
    with reading(engine) as session:
        rows = session.execute(
            select(DigestRow.frequency, DigestRow.period).order_by(DigestRow.mailing_id)
        )
        return [(frequency, period) for frequency, period in rows]
