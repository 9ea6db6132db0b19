"""Notices, as they leave."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, select

from newsletter.database.engine import reading
from newsletter.database.tables import MailingRow
from newsletter.database.vocabulary import MailingKind
from newsletter.tokens import TokenSigner
from tests.support.databases import on_one_database
from tests.support.site import serving
from tests.support.smtp import SmtpServer
from tests.support.stage import set_stage
from tests.support.worker import work, worker

pytestmark = pytest.mark.servers
_WORDS = "You won 1000 EUR at evil.example"


@on_one_database("sqlite")
def test_what_a_stranger_wrote_into_the_form_is_mailed_to_nobody(
    engine: Engine, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    set_stage(engine)
    signer = TokenSigner([b"k" * 40])
    with serving(engine, signer, tmp_path / "web", secret_keys=("k" * 40,)) as url:
        form = {"email": "victim@example.jp", "name": _WORDS, "lang": "en"}
        httpx.post(f"{url}/subscribe/digest", data=form).raise_for_status()
    with reading(engine) as session:
        of_notices = MailingRow.kind == MailingKind.NOTICE
        notice = session.scalars(select(MailingRow.id).where(of_notices)).one()
    with worker(database_url, smtp_server.url, tmp_path) as services:
        assert work(services, notice) == 1
    (message,) = smtp_server.messages
    mail = message_from_bytes(message.raw, policy=default)
    assert mail["To"].addresses[0].addr_spec == "victim@example.jp"
    read = [str(value) for value in mail.values()]
    read += [part.get_content() for part in mail.walk() if not part.is_multipart()]
    assert not any("won 1000" in text for text in read)
