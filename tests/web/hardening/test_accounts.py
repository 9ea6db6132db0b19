"""Accounts under attack: strangers lock nobody out, a session alone changes no proof, links end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import httpx
import pyotp
import pytest
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.administration import disable_account, enable_account, find_account
from newsletter.accounts.audit import COMMAND_LINE, NOBODY
from newsletter.accounts.invitations import (
    accept,
    forgotten_link,
    invite,
    read_invitation,
    reset_link,
)
from newsletter.accounts.passwords import hash_password
from newsletter.accounts.roles import Grant, rights_of
from newsletter.accounts.second_factor import drop, enrol
from newsletter.accounts.sessions import count_of_ends
from newsletter.accounts.sign_in import set_password, sign_in
from newsletter.accounts.sign_in_limits import Attempt, Browser, count_try
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AccountRow,
    AuditEventRow,
    InvitationRow,
    MailingContentRow,
    MailingRow,
    SignInLimitRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import Role
from newsletter.errors import ConflictError, NotFoundError, SignInError
from newsletter.i18n.language import Language
from tests.support.databases import each_database
from tests.web.conftest import PASSWORD, add_account, csrf_of
from tests.web.hardening.conftest import House

OWNER = "owner@example.jp"
Enter = Callable[[str, Role], httpx.Client]


@pytest.fixture
def owned(engine: Engine) -> Engine:
    add_account(engine, OWNER, Role.EDITOR)
    add_account(engine, "root@example.jp", Role.ADMINISTRATOR)
    return engine


@pytest.fixture
def calm(house: House) -> Iterator[House]:
    """The house, whose limits are forgotten afterwards."""
    yield house
    with transaction(house.engine) as session:
        session.execute(delete(SignInLimitRow))


def _fail(engine: Engine, *, times: int, networks: Callable[[int], str]) -> None:
    for number in range(times):
        browser = Browser(network=networks(number))
        count_try(engine, Attempt.PASSWORD, account=OWNER, browser=browser, moment=now())


@each_database
def test_strangers_tries_do_not_keep_the_owner_out(owned: Engine) -> None:
    _fail(owned, times=60, networks=lambda number: f"203.0.113.{number}")
    assert sign_in(
        owned, Browser(network="198.51.100.1"), address=OWNER, password=PASSWORD
    ).complete


def test_one_network_has_few_tries_and_all_together_have_an_end(owned: Engine) -> None:
    _fail(owned, times=8, networks=lambda _number: "203.0.113.1")
    with pytest.raises(SignInError, match="too many attempts"):
        sign_in(owned, Browser(network="203.0.113.1"), address=OWNER, password=PASSWORD)
    _fail(owned, times=100, networks=lambda number: f"203.0.114.{number}")
    with pytest.raises(SignInError, match="too many attempts"):
        sign_in(owned, Browser(network="198.51.100.2"), address=OWNER, password=PASSWORD)


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(lambda _number: "203.0.113.1", id="one address"),
        pytest.param(lambda number: f"2001:db8:1:{number:x}::/64", id="one site of IPv6"),
    ],
)
@pytest.mark.parametrize("attempt", [Attempt.PASSWORD, Attempt.FORGOTTEN])
def test_one_site_alone_does_not_use_up_what_all_may_try(
    owned: Engine, attempt: Attempt, network: Callable[[int], str]
) -> None:
    for number in range(150):
        stranger = Browser(network=network(number))
        count_try(owned, attempt, account=OWNER, browser=stranger, moment=now())
    elsewhere = Browser(network="198.51.100.1")
    assert count_try(owned, attempt, account=OWNER, browser=elsewhere, moment=now())


def test_tries_that_one_account_refuses_leave_the_network_to_others(owned: Engine) -> None:
    office = Browser(network="203.0.113.1")
    for _ in range(100):
        count_try(owned, Attempt.PASSWORD, account="root@example.jp", browser=office, moment=now())
    assert sign_in(owned, office, address=OWNER, password=PASSWORD).complete


def test_a_browser_that_signed_in_before_is_not_kept_out(owned: Engine) -> None:
    with reading(owned) as session:
        number = find_account(session, OWNER)
        since = count_of_ends(session, number)
    _fail(owned, times=110, networks=lambda number: f"203.0.113.{number}")
    known = Browser(network="203.0.113.1", known="a browser", known_to=number, known_since=since)
    assert sign_in(owned, known, address=OWNER, password=PASSWORD).complete
    for _ in range(8):
        with pytest.raises(SignInError):
            sign_in(owned, known, address=OWNER, password="wrong, but long enough")
    with pytest.raises(SignInError, match="too many attempts"):
        sign_in(owned, known, address=OWNER, password=PASSWORD)


def test_a_browser_known_to_one_account_is_a_stranger_to_another(owned: Engine) -> None:
    _fail(owned, times=8, networks=lambda _number: "203.0.113.1")
    other = Browser(network="203.0.113.1", known="a browser", known_to=99)
    with pytest.raises(SignInError, match="too many attempts"):
        sign_in(owned, other, address=OWNER, password=PASSWORD)


@each_database
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda session, number: set_password(session, NOBODY, number, hash_password(PASSWORD)),
            id="password",
        ),
        pytest.param(
            lambda session, number: accept(
                session, NOBODY, reset_link(session, NOBODY, number), password=PASSWORD
            ),
            id="link",
        ),
        pytest.param(
            lambda session, number: enrol(session, NOBODY, number, sealed="sealed", step=1),
            id="second factor on",
        ),
        pytest.param(lambda session, number: drop(session, NOBODY, number), id="and off"),
        pytest.param(
            lambda session, number: [
                each(session, NOBODY, number) for each in (disable_account, enable_account)
            ],
            id="disabled",
        ),
    ],
)
def test_a_browser_known_before_all_sessions_ended_is_a_stranger(
    owned: Engine, change: Callable[[Session, int], object]
) -> None:
    with transaction(owned) as session:
        number = find_account(session, OWNER)
        before = count_of_ends(session, number)
        change(session, number)
        after = count_of_ends(session, number)
    _fail(owned, times=8, networks=lambda _number: "203.0.113.1")
    taken = Browser(network="203.0.113.1", known="a browser", known_to=number, known_since=before)
    with pytest.raises(SignInError, match="too many attempts"):
        sign_in(owned, taken, address=OWNER, password=PASSWORD)
    known = replace(taken, known_since=after)
    assert sign_in(owned, known, address=OWNER, password=PASSWORD).account_id == number


def test_asking_for_a_new_password_is_counted_apart_from_signing_in(owned: Engine) -> None:
    away = Browser(network="203.0.113.1")
    for number in range(60):
        count_try(owned, Attempt.FORGOTTEN, account=f"{number}@x.jp", browser=away, moment=now())
    assert sign_in(owned, away, address=OWNER, password=PASSWORD).complete


def test_the_browser_cookie_passes_where_strangers_used_the_tries_up(
    calm: House, enter: Enter
) -> None:
    client = enter(OWNER, Role.EDITOR)
    _fail(calm.engine, times=101, networks=lambda number: f"203.0.113.{number}")
    form = {"address": OWNER, "password": PASSWORD}
    with httpx.Client(base_url=calm.url) as stranger:
        form["csrf"] = csrf_of(stranger.get("/sign-in").text)
        assert stranger.post("/sign-in", data=form).status_code == 400
    with httpx.Client(base_url=calm.url, cookies={"browser": client.cookies["browser"]}) as own:
        form["csrf"] = csrf_of(own.get("/sign-in").text)
        assert own.post("/sign-in", data=form).status_code == 303


def test_the_browser_in_which_the_proof_was_changed_stays_known(enter: Enter) -> None:
    client = enter("changing@example.jp", Role.EDITOR)
    before = client.cookies["browser"]
    page = client.get("/account/second-factor").text
    secret = page.split('id="totp-secret">')[1].split("<")[0]
    sealed = page.split('name="sealed" value="')[1].split('"')[0]
    form = {"csrf": csrf_of(page), "sealed": sealed, "code": pyotp.TOTP(secret).now()}
    client.post("/account/second-factor", data=form | {"password": PASSWORD})
    on = client.cookies["browser"]
    client.post("/account/second-factor/off", data=form | {"password": PASSWORD})
    assert len({before, on, client.cookies["browser"]}) == 3


def test_a_second_factor_is_put_on_with_the_password_alone_and_told_by_mail(
    house: House, enter: Enter
) -> None:
    client = enter("factor@example.jp", Role.EDITOR)
    page = client.get("/account/second-factor").text
    secret = page.split('id="totp-secret">')[1].split("<")[0]
    sealed = page.split('name="sealed" value="')[1].split('"')[0]
    form = {"csrf": csrf_of(page), "sealed": sealed, "code": pyotp.TOTP(secret).now()}
    assert client.post("/account/second-factor", data=form).status_code == 400
    wrong = form | {"password": "not the password"}
    assert client.post("/account/second-factor", data=wrong).status_code == 400
    assert "factor@example.jp" not in _factors(house.engine)
    right = form | {"password": PASSWORD}
    assert client.post("/account/second-factor", data=right).status_code == 200
    assert "factor@example.jp" in _factors(house.engine)
    assert "Two-factor authentication was turned on" in _newest_notice(house.engine)


def test_what_is_kept_of_a_second_factor_opens_no_page(house: House, enter: Enter) -> None:
    client = enter("kept@example.jp", Role.EDITOR)
    page = client.get("/account/second-factor").text
    secret = page.split('id="totp-secret">')[1].split("<")[0]
    sealed = page.split('name="sealed" value="')[1].split('"')[0]
    form = {"csrf": csrf_of(page), "sealed": sealed, "password": PASSWORD}
    form["code"] = pyotp.TOTP(secret).now()
    assert client.post("/account/second-factor", data=form).status_code == 200
    with reading(house.engine) as session:
        number = find_account(session, "kept@example.jp")
        kept = session.get_one(AccountRow, number).totp_secret or ""
    thief = enter("thief@example.jp", Role.EDITOR)
    form = {"csrf": csrf_of(thief.get("/account").text), "sealed": kept, "code": "0"}
    answer = thief.post("/account/second-factor", data=form)
    assert (answer.status_code, secret in answer.text) == (400, False)


def test_an_administrator_takes_a_lost_factor_off_with_a_reason(house: House, enter: Enter) -> None:
    enter("lost@example.jp", Role.EDITOR)
    admin = enter("root@example.jp", Role.ADMINISTRATOR)
    with transaction(house.engine) as session:
        number = find_account(session, "lost@example.jp")
        session.get_one(AccountRow, number).totp_secret = "sealed"
    form = {"csrf": csrf_of(admin.get("/accounts").text), "reason": " "}
    path = f"/accounts/{number}/second-factor"
    assert admin.post(path, data=form).status_code == 409
    form["reason"] = "lost telephone, seen in person"
    assert admin.post(path, data=form).status_code == 200
    assert "lost@example.jp" not in _factors(house.engine)
    assert enter("lost@example.jp", Role.EDITOR).get("/account").url.path == "/sign-in"
    with reading(house.engine) as session:
        event = session.scalars(
            select(AuditEventRow).where(AuditEventRow.action == "account.second-factor-reset")
        ).one()
    assert (event.actor, event.reason) == ("root@example.jp", "lost telephone, seen in person")
    assert "reset the two-factor authentication of your account" in _newest_notice(house.engine)


def _factors(engine: Engine) -> list[str]:
    with reading(engine) as session:
        query = select(AccountRow.address).where(AccountRow.totp_secret.is_not(None))
        return list(session.scalars(query))


def _newest_notice(engine: Engine) -> str:
    query = select(MailingContentRow.payload).join(
        MailingRow, MailingRow.id == MailingContentRow.mailing_id
    )
    with reading(engine) as session:
        return session.scalars(query.order_by(MailingRow.id.desc())).first() or ""


def test_who_signs_in_again_ends_the_session_that_the_browser_had(house: House) -> None:
    add_account(house.engine, "again@example.jp", Role.EDITOR)
    with httpx.Client(base_url=house.url, follow_redirects=True) as client:
        sessions = []
        for _ in range(2):
            form = {"csrf": csrf_of(client.get("/sign-in").text), "password": PASSWORD}
            client.post("/sign-in", data=form | {"address": "again@example.jp"})
            sessions.append(client.cookies["session"])
        assert client.get("/account").url.path == "/account"
        kept = httpx.get(f"{house.url}/account", cookies={"session": sessions[0]})
    assert sessions[0] != sessions[1]
    assert kept.headers["location"].startswith("/sign-in")


def test_who_still_owes_the_second_factor_chooses_no_language(house: House, enter: Enter) -> None:
    enter("owing@example.jp", Role.EDITOR)
    with transaction(house.engine) as session:
        number = find_account(session, "owing@example.jp")
        session.get_one(AccountRow, number).totp_secret = "sealed"
    with httpx.Client(base_url=house.url) as client:
        token = csrf_of(client.get("/sign-in").text)
        form = {"csrf": token, "address": "owing@example.jp", "password": PASSWORD}
        answer = client.post("/sign-in", data=form)
        assert answer.headers["location"] == "/sign-in/code?next=/home"
        token = csrf_of(client.get("/sign-in/code").text)
        client.post("/display", data={"csrf": token, "language": "ja"})
    with reading(house.engine) as session:
        assert session.get_one(AccountRow, number).language is Language.ENGLISH


@each_database
def test_a_newer_link_ends_the_older(owned: Engine) -> None:
    administrator, editor = Grant(role=Role.ADMINISTRATOR), Grant(role=Role.EDITOR)
    with transaction(owned) as session:
        first, second = (
            invite(session, COMMAND_LINE, address="new@example.jp", grants=[grant])
            for grant in (administrator, editor)
        )
        assert read_invitation(session, second).address == "new@example.jp"
        with pytest.raises(NotFoundError):
            read_invitation(session, first)


@each_database
def test_a_disabled_account_has_no_link_that_works(owned: Engine) -> None:
    with transaction(owned) as session:
        number = find_account(session, OWNER)
        token = reset_link(session, COMMAND_LINE, number)
        disable_account(session, COMMAND_LINE, number)
        with pytest.raises(NotFoundError):
            accept(session, COMMAND_LINE, token, password="five other words, longer")
        assert forgotten_link(session, COMMAND_LINE, OWNER) is None
        enable_account(session, COMMAND_LINE, number)
        with pytest.raises(NotFoundError):
            accept(session, COMMAND_LINE, token, password="five other words, longer")


@each_database
def test_the_last_administrator_can_be_disabled_by_no_door(owned: Engine) -> None:
    with transaction(owned) as session, pytest.raises(ConflictError):
        disable_account(session, COMMAND_LINE, find_account(session, "root@example.jp"))
    with reading(owned) as session:
        assert rights_of(session, find_account(session, "root@example.jp")).grants


def test_whoever_says_that_somebody_forgot_the_password_ends_no_link_of_theirs(
    owned: Engine,
) -> None:
    with transaction(owned) as session:
        handed_over = reset_link(session, COMMAND_LINE, find_account(session, OWNER))
        session.execute(update(InvitationRow).values(created_at=now() - timedelta(minutes=6)))
    with transaction(owned) as session:
        asked_for = forgotten_link(session, NOBODY, OWNER)
    assert asked_for is not None
    with transaction(owned) as session:
        accept(session, NOBODY, handed_over, password=PASSWORD)
    with reading(owned) as session, pytest.raises(NotFoundError):
        read_invitation(session, asked_for)


@each_database
def test_whoever_asks_all_day_long_fills_no_mailbox_and_keeps_nobody_from_a_good_link(
    owned: Engine,
) -> None:
    with transaction(owned) as session:
        number = find_account(session, OWNER)
    links: list[str] = []
    for _ in range(24 * 10):
        with transaction(owned) as session:
            _let_pass(session, timedelta(minutes=6))
            token = forgotten_link(session, NOBODY, OWNER)
            links += [token] if token else []
            assert read_invitation(session, links[-1]).account_id == number
    assert 4 <= len(links) <= 8
    with transaction(owned) as session:
        handed_over = reset_link(session, COMMAND_LINE, number)
        accept(session, NOBODY, handed_over, password=PASSWORD)


def _let_pass(session: Session, time: timedelta) -> None:
    """Make all links older."""
    for row in session.scalars(select(InvitationRow)):
        row.created_at, row.expires_at = row.created_at - time, row.expires_at - time
    session.flush()


@each_database
def test_of_two_who_use_one_link_at_the_same_time_one_chooses_the_password(
    owned: Engine,
) -> None:
    with transaction(owned) as session:
        token = reset_link(session, COMMAND_LINE, find_account(session, OWNER))
    start = Barrier(2)

    def use(password: str) -> bool:
        start.wait()
        try:
            with transaction(owned) as session:
                accept(session, NOBODY, token, password=password)
        except NotFoundError:
            return False
        return True

    passwords = ["first of two who try", "second of two who try"]
    with ThreadPoolExecutor(2) as both:
        won = list(both.map(use, passwords))
    assert sorted(won) == [False, True]
    chosen = passwords[won.index(True)]
    assert sign_in(owned, Browser(network="1"), address=OWNER, password=chosen).complete
