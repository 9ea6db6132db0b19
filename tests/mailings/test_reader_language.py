"""Our own words in a mail: each reader has them in their language, around the issue as written."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from lxml import html as lxml_html
from sqlalchemy import Engine, select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import BatchRow, NewsletterRow
from newsletter.mailings.planning.content import load_content
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.rendering.wrap import COLUMNS, width
from subscribers.lists.imports.imports import import_csv
from tests.support.smtp import SmtpServer
from tests.support.stage import Stage, set_stage
from tests.support.worker import work, worker

_NAME = "Town & country news of the Ministry of Unusually Long Publication Names"
_LEAVE = {"ja": "配信を停止する", "en": "Unsubscribe"}
_WHY = {
    "ja": "の配信を希望された方にお送りしています。",
    "en": "You receive this email because you subscribed to",
}
_WEB = {"ja": "ウェブで読む", "en": "Read on the web"}
#: In which language readers of each get them: of none of ours, in English, as around translations.
_READERS = {"": "ja", "ja": "ja", "ja-JP": "ja", "en": "en", "en-GB": "en", "ko": "en"}


@pytest.fixture
def stage(engine: Engine) -> Stage:
    stage = set_stage(engine)
    with transaction(engine) as session:
        session.execute(update(NewsletterRow).values(name=_NAME))
    lines = ["email,language,format\n"]
    for at, tag in enumerate(_READERS):
        lines += [f"r{at}@example.jp,{tag},html\n", f"plain{at}@example.jp,{tag},text\n"]
    import_csv(engine, stage.newsletter_id, lines, source="test", basis="test")
    return stage


def _send(stage: Stage, database_url: str, server: SmtpServer, folder: Path) -> dict[str, bytes]:
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)
    with worker(database_url, server.url, folder) as services:
        with reading(stage.engine) as session:
            batches = session.scalars(select(BatchRow.number)).all()
        for number in batches:
            work(services, mailing, number)
    return {each.recipients[0]: each.raw for each in server.messages}


def _bodies(raw: bytes) -> tuple[str, str]:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    return plain.get_content().replace("\r\n", "\n"), rich.get_content() if rich else ""


def test_each_reader_of_an_issue_leaves_by_words_of_their_own_language(
    stage: Stage, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    got = _send(stage, database_url, smtp_server, tmp_path / "data")
    subjects = {message_from_bytes(raw, policy=default)["Subject"] for raw in got.values()}
    assert len(subjects) == 1
    for at, language in enumerate(_READERS.values()):
        (other,) = {"ja", "en"} - {language}
        plain, rich = _bodies(got[f"r{at}@example.jp"])
        assert _bodies(got[f"plain{at}@example.jp"])[1] == ""
        alone = _bodies(got[f"plain{at}@example.jp"])[0]
        for text in (plain, alone):
            assert {_LEAVE[language], _WEB[language]} < set(text.split("\n"))
            assert _LEAVE[other] not in text
            why = next(part for part in text.split("\n\n") if _WHY[language] in part)
            assert max(map(width, why.split("\n"))) <= COLUMNS
        page = lxml_html.document_fromstring(rich)
        (leave,) = page.xpath("//a[contains(@href, '/u/')]")
        (marked,) = page.xpath("//a[contains(@href, '/u/')]/ancestor::*[@lang][1]/@lang")
        assert (leave.text_content(), marked) == (_LEAVE[language], language)
        assert page.get("lang") == "ja"
        (said,) = (each for each in page.xpath("//p") if _WHY[language] in each.text_content())
        assert (_NAME in said.text_content(), said.get("lang")) == (True, language)


def test_a_mailing_keeps_the_words_of_all_languages_in_one_rendering(stage: Stage) -> None:
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)
    with reading(stage.engine) as session:
        kept = str(load_content(session, mailing).rendered)
        variants = set(session.scalars(select(BatchRow.variant)))
    assert _LEAVE["ja"] in kept
    assert _LEAVE["en"] in kept
    assert len(variants) == 1
