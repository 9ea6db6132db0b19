"""What readers find of a corrected issue: in archive and feed, and behind their copy's link."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from lxml import etree, html
from sqlalchemy import Engine, select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import CorrectionRow, IssueRow, MailingVariantRow
from newsletter.database.vocabulary import DeliveryState
from newsletter.issues.model import Block, Paragraph, Text, issue_from_json, issue_to_json
from newsletter.issues.translation_files import translation_from_issue
from newsletter.issues.translations import with_translation
from newsletter.mailings.planning.links import DeliveryLinks, refer
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.rendering.model import Slot
from newsletter.tokens import TokenSigner
from subscribers.lists.imports.imports import import_csv
from tests.support.corrections import NOTE, correct, titled
from tests.support.ledger import all_of, claim, record
from tests.web.conftest import tight
from tests.web.subscribers.conftest import Reception

_ATOM = "{http://www.w3.org/2005/Atom}"
RIGHT = "正しい題名"


@pytest.fixture
def mailing(reception: Reception) -> int:
    """A mailing that one of its two readers has got."""
    reception.stage.subscribe("a@example.jp", "b@example.jp")
    planned = reception.stage.mail(batch_size=1)
    plan_mailing(reception.stage.engine, planned)
    _deliver(reception, planned, batch=1)
    return planned


def _deliver(reception: Reception, mailing: int, *, batch: int) -> None:
    engine, token = reception.stage.engine, f"batch {batch}"
    claimed = claim(engine, mailing, token, batch)
    record(engine, mailing, token, *all_of(claimed, DeliveryState.ACCEPTED))


def _entry(reception: Reception) -> dict[str, str]:
    feed = etree.fromstring(httpx.get(f"{reception.url}/archive/digest/feed.atom").content)
    (entry,) = feed.findall(f"{_ATOM}entry")
    names = ("id", "title", "updated", "summary")
    return {name: entry.findtext(f"{_ATOM}{name}") or "" for name in names}


def _copy(reception: Reception, mailing: int, address: str, *, tail: str = "") -> str:
    stage = reception.stage
    with reading(stage.engine) as session:
        ref = refer(session, stage.newsletter_id, stage.subscriber_id(address), mailing)
    signer = TokenSigner([b"k" * 40])
    links = DeliveryLinks.of(reception.url, signer, ref).slots(name="", address=address)
    return httpx.get(links[Slot.VIEW_URL] + tail).raise_for_status().text


@pytest.mark.usefixtures("mailing")
def test_archive_and_feed_say_what_is_right_and_since_when(reception: Reception) -> None:
    before = _entry(reception)
    correct(reception.stage, titled(RIGHT), note=f"{NOTE}\n<i>2</i>")
    page = httpx.get(f"{reception.url}/archive/digest/{reception.stage.issue}").text
    assert RIGHT in page
    assert f">{NOTE}\n&lt;i&gt;2&lt;/i&gt;</span>" in page
    after = _entry(reception)
    assert (after["id"], after["title"]) == (before["id"], RIGHT)
    assert NOTE not in before["summary"]
    assert NOTE in after["summary"]
    assert datetime.fromisoformat(after["updated"]) > datetime.fromisoformat(before["updated"])
    found = httpx.get(f"{reception.url}/archive/digest", params={"q": "正しい"}).text
    assert f"/archive/digest/{reception.stage.issue}" in found


def test_a_copy_shows_what_is_right_with_the_note_and_what_was_sent(
    reception: Reception, mailing: int
) -> None:
    sent = _copy(reception, mailing, "a@example.jp")
    assert NOTE not in sent
    correct(reception.stage, titled(RIGHT))
    _deliver(reception, mailing, batch=2)

    faulty = _copy(reception, mailing, "a@example.jp")
    assert RIGHT in faulty
    assert NOTE in faulty
    assert '/sent">' in faulty
    as_sent = _copy(reception, mailing, "a@example.jp", tail="/sent")
    assert RIGHT not in as_sent
    assert NOTE in as_sent
    corrected = _copy(reception, mailing, "b@example.jp")
    assert RIGHT in corrected
    assert '/sent">' not in corrected


def test_a_copy_says_the_day_of_a_correction_by_the_newsletter_s_clock(
    reception: Reception, mailing: int
) -> None:
    correct(reception.stage, titled(RIGHT))
    _deliver(reception, mailing, batch=2)
    evening = datetime(2026, 11, 30, 18, 30, tzinfo=UTC)
    with transaction(reception.stage.engine) as session:
        session.execute(update(CorrectionRow).values(effective_at=evening))

    words = html.fromstring(_copy(reception, mailing, "a@example.jp")).text_content()
    assert "訂正（2026年12月1日）" in words


def test_a_translation_that_a_correction_left_behind_leads_to_the_corrected_original(
    reception: Reception,
) -> None:
    stage = reception.stage
    _translate(stage.engine)
    lines = ["email,language\n", "a@example.jp,en\n"]
    import_csv(stage.engine, stage.newsletter_id, lines, source="test", basis="test")
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)
    _deliver(reception, mailing, batch=1)

    correct(stage, titled(RIGHT))

    archive = f"{reception.url}/archive/digest/{stage.issue}"
    translated = httpx.get(archive, params={"lang": "en"}).raise_for_status().text
    for page in (_copy(reception, mailing, "a@example.jp"), translated):
        assert "The original of this issue has been corrected; this translation has not." in page
        assert "It says." in page
        assert RIGHT not in page
        assert '/sent">' not in page
    assert f'<a href="{archive}">Read the corrected original</a>' in tight(translated)
    assert '?lang=en"' in httpx.get(archive).text
    assert RIGHT in _copy(reception, mailing, "a@example.jp", tail="/original")


def test_a_translation_that_nobody_gets_is_rendered_once_however_often_it_is_read(
    reception: Reception, mailing: int
) -> None:
    stage = reception.stage
    _translate(stage.engine)
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)

    def rendered() -> list[str]:
        with reading(stage.engine) as session:
            kept = select(MailingVariantRow.payload).where(MailingVariantRow.mailing_id == mailing)
            return [payload for payload in session.scalars(kept) if "It says." in payload]

    assert rendered() == []
    for _each in range(2):
        archive = f"{reception.url}/archive/digest/{stage.issue}"
        assert "It says." in httpx.get(archive, params={"lang": "en"}).raise_for_status().text
        assert len(rendered()) == 1


def _translate(engine: Engine) -> None:
    with transaction(engine) as session:
        row = session.scalars(select(IssueRow)).one()
        issue = replace(
            issue_from_json(row.content),
            lead=_saying("本文です。"),
            chapters=(),
            contents=(),
            credits=(),
        )
        issue = replace(issue, title="題名", preheader="", masthead="", number="")
        english = replace(issue, title="Every word", lead=_saying("It says."))
        translation = translation_from_issue(issue, english, "en")
        row.content = issue_to_json(with_translation(issue, translation))


def _saying(words: str) -> tuple[Block, ...]:
    return (Paragraph(content=(Text(text=words),)),)
