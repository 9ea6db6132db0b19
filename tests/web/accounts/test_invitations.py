"""Invitations and forgotten passwords: links go by mail, through the ledger, and work."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import Engine, select, update

from newsletter.accounts.audit import COMMAND_LINE, Actor
from newsletter.accounts.invitations import forgotten_link, invite
from newsletter.accounts.roles import Grant
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AccountRow,
    DeliveryRow,
    InvitationRow,
    MailingContentRow,
    MailingRow,
    NewsletterRow,
    SubscriberRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import MailingKind, Role
from newsletter.i18n.formats import format_planned
from newsletter.i18n.language import Language
from newsletter.mailings.notices.accounts import AccountChange, mail_link, tell_owner
from newsletter.mailings.planning.content import load_content
from newsletter.settings import Settings
from newsletter.tokens import TokenSigner
from tests.support.databases import each_database
from tests.support.ports import await_condition
from tests.support.smtp import SmtpServer
from tests.support.stage import Stage
from tests.support.worker import work, worker
from tests.web.conftest import SignIn, add_account, csrf_of, tight

#: As the pages are served with; what is mailed is signed by it when it is composed.
SIGNER = TokenSigner([b"k" * 40])


@pytest.mark.parametrize("language", list(Language))
def test_an_invitation_is_a_notice_with_its_link(stage: Stage, language: Language) -> None:
    with transaction(stage.engine) as session:
        grants = [Grant(role=Role.EDITOR)]
        token = invite(
            session, COMMAND_LINE, address="new@example.jp", grants=grants, language=language
        )
        number = mail_link(
            session,
            Settings(_env_file=None),
            session.get_one(NewsletterRow, stage.newsletter_id),
            token,
        )
        payload = session.scalars(select(MailingContentRow.payload)).one()
        content = load_content(session, number)
    assert content.action is not None
    link = content.action.url("https://news.example.jp", SIGNER)
    assert link.startswith("https://news.example.jp/welcome/")
    assert token not in payload
    assert link.rpartition("/")[2] not in payload


def test_an_invitation_says_from_whom_as_what_and_until_when(stage: Stage) -> None:
    add_account(stage.engine, "chief@example.jp", Role.ADMINISTRATOR)
    with transaction(stage.engine) as session:
        chief = session.scalars(select(AccountRow)).one()
        actor = Actor(account_id=chief.id, name=chief.address)
        grants = [Grant(role=Role.EDITOR), Grant(role=Role.APPROVER)]
        token = invite(session, actor, address="new@example.jp", grants=grants)
        expires = session.scalars(select(InvitationRow.expires_at)).one()
        number = mail_link(
            session,
            Settings(_env_file=None),
            session.get_one(NewsletterRow, stage.newsletter_id),
            token,
        )
        inviter, content = chief.name or chief.address, load_content(session, number)
    text = "".join(part for part in content.rendered.text if isinstance(part, str))
    until = format_planned(expires, Language.JAPANESE, ZoneInfo("Asia/Tokyo"))
    for words in (inviter, "承認者、編集者", until):
        assert words in text.replace("\n", "")


@pytest.mark.parametrize("sender", ["", "accounts@city.example.jp"])
def test_no_newsletter_gets_back_what_is_mailed_to_accounts(
    stage: Stage, smtp_server: SmtpServer, tmp_path: Path, sender: str
) -> None:
    wanted = Settings(_env_file=None, account_sender=sender and f"事務局 <{sender}>")
    add_account(stage.engine, "chief@example.jp", Role.ADMINISTRATOR)
    with transaction(stage.engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        newsletter.reply_to = "editors@example.jp"
        number = session.scalars(select(AccountRow.id)).one()
        token = forgotten_link(session, COMMAND_LINE, "chief@example.jp")
        assert token is not None
        mailings = [
            mail_link(session, wanted, newsletter, token),
            tell_owner(session, wanted, number, AccountChange.PASSWORD) or 0,
        ]
        own = newsletter.from_address
    url = stage.engine.url.render_as_string(hide_password=False)
    with worker(url, smtp_server.url, tmp_path) as services:
        for mailing in mailings:
            work(services, mailing)
    assert [one.sender for one in smtp_server.messages] == ["<>", "<>"]
    for one in smtp_server.messages:
        message = message_from_bytes(one.raw, policy=default)
        assert message["reply-to"] is None
        assert message["from"].addresses[0].addr_spec == (sender or own)


def _links(engine: Engine) -> list[tuple[str, str]]:
    """Return whom links are on their way to, with each link's path."""
    with reading(engine) as session:
        rows = session.execute(
            select(SubscriberRow.address, DeliveryRow.mailing_id)
            .join(DeliveryRow, DeliveryRow.subscriber_id == SubscriberRow.id)
            .join(MailingRow, MailingRow.id == DeliveryRow.mailing_id)
            .where(MailingRow.kind == MailingKind.NOTICE)
            .order_by(DeliveryRow.mailing_id)
        ).all()
        found = []
        for address, number in rows:
            action = load_content(session, number).action
            assert action is not None
            found.append((address or "", action.url("", SIGNER)))
    return found


def _await_links(engine: Engine, count: int) -> list[tuple[str, str]]:
    await_condition(lambda: len(_links(engine)) == count, seconds=60, what="the link")
    return _links(engine)


@each_database
def test_who_is_invited_in_the_browser_gets_the_link_by_mail(stage: Stage, sign_in: SignIn) -> None:
    admin = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    page = admin.get("/accounts").text
    form = {"csrf": csrf_of(page), "address": "new@example.jp", "role": "editor", "by": "mail"}
    answer = admin.post("/accounts", data=form)
    ((address, path),) = _links(stage.engine)
    assert address == "new@example.jp"
    assert "new@example.jp" in answer.text
    assert path not in answer.text, "a link that is mailed is for its reader alone"
    assert admin.get(path).status_code == 200


def test_a_link_to_hand_over_is_shown_and_not_mailed(stage: Stage, sign_in: SignIn) -> None:
    admin = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    form = {"csrf": csrf_of(admin.get("/accounts").text), "by": "link"}
    form |= {"address": "new@example.jp", "role": "editor"}
    assert "/welcome/" in admin.post("/accounts", data=form).text
    assert _links(stage.engine) == []


@pytest.mark.parametrize("role", list(Role))
def test_each_role_says_what_its_holder_may_do_where_it_is_chosen(
    sign_in: SignIn, role: Role
) -> None:
    page = sign_in("admin@example.jp", Role.ADMINISTRATOR).get("/accounts").text
    choice = re.search(
        rf'<input[^>]*name="role"[^>]*value="{role.value}"[^>]*>(.*?)</label>', page, re.DOTALL
    )
    assert choice is not None
    name, duty = (text.strip() for text in re.findall(r">([^<>]+)</", choice.group(1)))
    assert name != duty
    assert duty.endswith(".")


@each_database
@pytest.mark.usefixtures("stage")
def test_who_is_invited_reads_by_whom_and_as_what(sign_in: SignIn) -> None:
    admin = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    form = {"csrf": csrf_of(admin.get("/accounts").text), "by": "link", "newsletter": "digest"}
    form |= {"address": "new@example.jp", "role": "approver"}
    link = re.search(r"/welcome/[\w-]+", admin.post("/accounts", data=form).text)
    assert link is not None
    page = tight(admin.get(link.group(), headers={"accept-language": "en"}).text)
    assert "admin has invited you" in page
    assert "Approver" in page
    assert "まちのデジタル便り" in page


def test_a_link_made_by_command_names_nobody(stage: Stage, site: str) -> None:
    with transaction(stage.engine) as session:
        grants = [Grant(role=Role.EDITOR)]
        token = invite(session, COMMAND_LINE, address="new@example.jp", grants=grants)
    page = httpx.get(f"{site}/welcome/{token}", headers={"accept-language": "en"}).text
    assert "You have been invited" in page
    assert "Editor" in page
    assert COMMAND_LINE.name not in page


def _ask_for_link(site: str, address: str) -> str:
    with httpx.Client(base_url=site) as client:
        csrf = csrf_of(client.get("/forgotten").text)
        answer = client.post("/forgotten", data={"csrf": csrf, "address": address})
    assert answer.status_code == 200
    return re.sub(r"\b[0-9a-f]{64}\b", "", answer.text)


@each_database
def test_who_forgot_the_password_chooses_another_by_mail(
    stage: Stage, site: str, engine: Engine
) -> None:
    add_account(engine, "editor@example.jp", Role.EDITOR)
    _ask_for_link(site, "Editor@Example.jp")
    ((address, path),) = _await_links(stage.engine, 1)
    assert address == "editor@example.jp"
    with httpx.Client(base_url=site) as client:
        csrf = csrf_of(client.get(path).text)
        chosen = client.post(path, data={"csrf": csrf, "password": "five other words, longer"})
        assert chosen.headers["location"] == "/home"
        assert client.get(path).status_code == 404


def test_whether_an_address_has_an_account_is_not_said(
    stage: Stage, site: str, engine: Engine
) -> None:
    add_account(engine, "editor@example.jp", Role.EDITOR)
    known = _ask_for_link(site, "editor@example.jp")
    _await_links(stage.engine, 1)
    assert _ask_for_link(site, "nobody@example.jp") == known
    assert _ask_for_link(site, "no address") == known


def test_asking_again_and_again_fills_no_mailbox(stage: Stage, site: str, engine: Engine) -> None:
    add_account(engine, "editor@example.jp", Role.EDITOR)
    for _ in range(3):
        _ask_for_link(site, "editor@example.jp")
    add_account(engine, "other@example.jp", Role.EDITOR)
    _ask_for_link(site, "other@example.jp")
    mailed = [address for address, _ in _await_links(stage.engine, 2)]
    assert mailed == ["editor@example.jp", "other@example.jp"]


def test_where_no_newsletter_could_send_a_link_it_is_said(site: str) -> None:
    page = httpx.get(f"{site}/forgotten", headers={"accept-language": "en"}).text
    assert "Ask an administrator" in page
    assert 'name="address"' not in page


def test_a_disabled_account_gets_no_link(stage: Stage, site: str, engine: Engine) -> None:
    add_account(engine, "gone@example.jp", Role.EDITOR)
    add_account(engine, "editor@example.jp", Role.EDITOR)
    with transaction(engine) as session:
        session.execute(
            update(AccountRow)
            .where(AccountRow.address_key == "gone@example.jp")
            .values(disabled_at=now())
        )
    _ask_for_link(site, "gone@example.jp")
    _ask_for_link(site, "editor@example.jp")
    assert [address for address, _ in _await_links(stage.engine, 1)] == ["editor@example.jp"]
