"""Segments ask how somebody consented, and where a saved one is used."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import NewsletterRow, SubscriberRow, SubscriptionRow
from newsletter.errors import ConflictError
from newsletter.i18n.language import Language
from newsletter.issues.drafts.saving import create_draft
from newsletter.issues.sources.reading import read_issue
from newsletter.newsletters.issue_actions import keep_pattern
from newsletter.newsletters.publications import find_newsletter
from subscribers.actions import delete_segment
from subscribers.joining import (
    BASIS,
    BY_HAND,
    BY_MAIL,
    OWN_PAGE,
    PREFERENCES_PAGE,
    Origin,
    request_join,
    subscribe,
)
from subscribers.lists.imports.imports import import_csv
from subscribers.segments.compile import segment_clause
from subscribers.segments.saved import SegmentUser, find_segment, save_segment, uses_of_segment
from tests.support.stage import Stage, set_stage

_SOURCES = {
    "form@example.jp": "/subscribe/digest",
    "mail@example.jp": f"{BY_MAIL}join+digest@example.jp",
    "page@example.jp": PREFERENCES_PAGE,
}


def _found(stage: Stage, query: str) -> set[str]:
    with reading(stage.engine) as session:
        rows = session.scalars(
            select(SubscriberRow.address_key)
            .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
            .where(segment_clause(query, stage.newsletter_id))
        )
        return {(address or "").partition("@")[0] for address in rows}


def test_the_way_of_consent_its_basis_and_its_wording_are_asked_for(engine: Engine) -> None:
    stage = set_stage(engine)
    for source, address in (("a list", "list@example.jp"), (BY_HAND, "staff@example.jp")):
        lines = ["email\n", f"{address}\n"]
        import_csv(engine, stage.newsletter_id, lines, source=source, basis="paper 2026")
    with transaction(engine) as session:
        newsletter = find_newsletter(session, "digest")
        for address, source in _SOURCES.items():
            asked = Origin(
                source=source, network="", wording="同意します 第2版", language=Language.JAPANESE
            )
            request = request_join(
                session, newsletter, parse_address(address), name="", origin=asked
            )
            on_page = source == PREFERENCES_PAGE
            confirmed = PREFERENCES_PAGE if on_page else "link in the mail"
            subscribe(
                session,
                newsletter_id=newsletter.id,
                subscriber_id=request.subscriber_id,
                origin=Origin(
                    source=confirmed,
                    network="",
                    wording=asked.wording,
                    language=asked.language,
                ),
                basis=OWN_PAGE if on_page else BASIS,
            )

    for way in ("form", "mail", "page", "list", "staff"):
        assert _found(stage, f'consent = "{way}"') == {way}
    assert _found(stage, 'not consent in ("form", "mail")') == {"page", "list", "staff"}
    assert _found(stage, 'consent_basis contains "paper"') == {"list", "staff"}
    assert _found(stage, 'consent_wording ends with "第2版"') == {"form", "mail", "page"}
    assert _found(stage, 'frequency = "weekly"') == set()


def test_a_segment_that_something_names_is_not_deleted_and_says_where(engine: Engine) -> None:
    stage = set_stage(engine)
    text = "---\ntitle: 春の号\ndate: 2026-12-01\n---\n\n# 1. 親\n:for[parents]\n\n中"
    issue = read_issue(text.encode(), source="issue").issue
    with transaction(engine) as session:
        row = save_segment(session, stage.newsletter_id, name="parents", query='tag = "child"')
        query = row.query
        save_segment(session, stage.newsletter_id, name="unused", query='tag = "x"')
        create_draft(session, stage.newsletter_id, issue, author="b")
        keep_pattern(session, COMMAND_LINE, stage.newsletter_id, "ひな形", issue)
    stage.subscribe("a@example.jp")
    mailing = stage.mail(segment=query)

    with reading(engine) as session:
        segment = find_segment(session, stage.newsletter_id, "parents")
        uses = uses_of_segment(session, stage.newsletter_id, segment)
    assert [use.user for use in uses] == [
        SegmentUser.DRAFT,
        SegmentUser.PATTERN,
        SegmentUser.MAILING,
    ]
    assert uses[-1].number == mailing
    with pytest.raises(ConflictError) as refused, transaction(engine) as session:
        delete_segment(session, COMMAND_LINE, stage.newsletter_id, "parents")
    words = refused.value.in_language(Language.JAPANESE)
    assert "春の号" in words
    assert "ひな形" in words
    with transaction(engine) as session:
        delete_segment(session, COMMAND_LINE, stage.newsletter_id, "unused")
        assert session.get_one(NewsletterRow, stage.newsletter_id).slug == "digest"
