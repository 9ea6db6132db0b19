"""An invitation goes by mail, through the ledger, with the link that works."""

from __future__ import annotations

import pytest

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import invite
from newsletter.accounts.roles import Grant
from newsletter.database.engine import transaction
from newsletter.database.tables import NewsletterRow
from newsletter.database.vocabulary import Role
from newsletter.delivery.content import load_content
from newsletter.delivery.inviting import mail_link
from newsletter.language import Language
from newsletter.settings import Settings
from tests.support.stage import Stage


@pytest.mark.parametrize("language", list(Language))
def test_an_invitation_is_a_notice_with_its_link(stage: Stage, language: Language) -> None:
    with transaction(stage.engine) as session:
        grants = [Grant(role=Role.EDITOR)]
        token = invite(
            session, COMMAND_LINE, address="new@example.jp", grants=grants, language=language
        )
        number = mail_link(
            session,
            session.get_one(NewsletterRow, stage.newsletter_id),
            token,
            templates_dir=Settings(_env_file=None).templates_dir,
            public_url="https://news.example.jp",
        )
        text = load_content(session, number).rendered.text
    assert f"https://news.example.jp/welcome/{token}" in "".join(map(str, text))
