"""The bounce log in the browser: found, read without harm, undone with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from sqlalchemy import func, select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AuditEventRow,
    BounceDecisionRow,
    BounceRow,
    IncidentRow,
    SuppressionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import BounceKind, IncidentKind, Role
from newsletter.feedback import act_on_new_bounces
from newsletter.feedback.mail import take_mail
from newsletter.feedback.requests import count_open_requests, list_open_requests
from tests.feedback.conftest import KEYS, SECRET, Post
from tests.feedback.letters import READER, letter, notice
from tests.support.ports import await_condition
from tests.support.site import SharedSites
from tests.web.conftest import PASSWORD, add_account, csrf_of

pytestmark = pytest.mark.servers


@pytest.fixture
def operator(sites: SharedSites, post: Post) -> Iterator[httpx.Client]:
    with (
        sites.before(post.engine, secret_keys=(SECRET,)) as url,
        _signed_in(post, url, Role.OPERATOR) as client,
    ):
        yield client


@contextmanager
def _signed_in(post: Post, url: str, role: Role) -> Iterator[httpx.Client]:
    add_account(post.engine, "operator@example.jp", role)
    with httpx.Client(base_url=url, follow_redirects=True) as client:
        token = csrf_of(client.get("/sign-in").text)
        data = {"csrf": token, "address": "operator@example.jp", "password": PASSWORD}
        assert client.post("/sign-in", data=data).url.path != "/sign-in"
        yield client


def _come_back(post: Post, mail: bytes) -> int:
    take_mail(post.engine, mail, KEYS, envelope_to=post.path, is_for_us=True)
    act_on_new_bounces(post.engine, KEYS)
    return post.rows()[-1].id


def test_a_bounce_is_found_and_its_report_is_text(post: Post, operator: httpx.Client) -> None:
    evil = notice(post.path).replace(b"The mail could", b"<script>alert(1)</script> could")
    number = _come_back(post, evil)
    found = operator.get("/bounces", params={"address": "reader", "kind": "hard"})
    assert f'href="/bounces/{number}"' in found.text
    assert "No results" in operator.get("/bounces", params={"domain": "example.com"}).text
    shown = operator.get(f"/bounces/{number}").text
    assert "<script>alert(1)" not in shown
    assert "&lt;script&gt;alert(1)" in shown
    # A signed return path lets bounces be forged.
    assert post.path not in shown
    assert "bounces+[…]@example.jp" in shown


@pytest.mark.parametrize("kind", list(BounceKind))
def test_every_kind_can_be_looked_at(post: Post, operator: httpx.Client, kind: BounceKind) -> None:
    number = _come_back(post, notice(post.path))
    with transaction(post.engine) as session:
        session.execute(update(BounceRow).values(kind=kind))
        session.execute(update(BounceDecisionRow).values(evidence={"proof": "provider"}))
    assert operator.get(f"/bounces/{number}").status_code == 200


def test_how_much_came_back_is_shown_by_mailing_and_by_domain(
    post: Post, operator: httpx.Client
) -> None:
    empty = operator.get("/bounces/rates").text
    assert "Nothing was returned." in empty
    _come_back(post, notice(post.path))
    domain = READER.partition("@")[2]
    # A figure is shown again for twenty times as long as it took to count.
    await_condition(
        lambda: f'href="/bounces?domain={domain}"' in operator.get("/bounces/rates").text,
        seconds=60,
        what="the domain",
    )
    assert f'href="/bounces?mailing={post.mailing_id}"' in operator.get("/bounces/rates").text


def test_undoing_wants_a_reason_and_is_audited(post: Post, operator: httpx.Client) -> None:
    number = _come_back(post, notice(post.path))
    page = operator.get(f"/bounces/{number}")
    token = csrf_of(page.text)
    assert "This address receives no email" in page.text
    empty = operator.post(f"/bounces/{number}/undo", data={"csrf": token, "reason": " "})
    assert empty.status_code == 422
    data = {"csrf": token, "reason": "they wrote to us"}
    undone = operator.post(f"/bounces/{number}/undo", data=data)
    assert "This address receives no email" not in undone.text
    assert operator.post(f"/bounces/{number}/undo", data=data).status_code == 409
    with reading(post.engine) as session:
        event = session.scalars(
            select(AuditEventRow).where(AuditEventRow.action == "bounce.undo")
        ).one()
        left = session.scalar(select(func.count()).select_from(SuppressionRow))
    assert (event.actor, event.reason, left) == ("operator@example.jp", "they wrote to us", 0)


def test_an_incident_stands_on_top_until_it_is_settled(post: Post, operator: httpx.Client) -> None:
    with transaction(post.engine) as session:
        session.add(
            IncidentRow(
                kind=IncidentKind.DOMAIN,
                subject="domain:example.jp",
                bounced=40,
                mailed=50,
                usual_rate=0.01,
                last_seen_at=now(),
            )
        )
    _come_back(post, notice(post.path))
    page = operator.get("/bounces").text
    assert "40 of 50" in page
    data = {"csrf": csrf_of(page), "resolution": "genuine", "reason": "asked them"}
    after = operator.post("/bounces/incidents/1", data=data)
    assert "40 of 50" not in after.text
    with reading(post.engine) as session:
        assert session.scalar(select(func.count()).select_from(SuppressionRow)) == 1


@pytest.mark.parametrize("kind", [BounceKind.REQUEST, BounceKind.ANSWER])
def test_what_a_reader_wrote_waits_on_top_until_it_is_answered(
    post: Post, operator: httpx.Client, kind: BounceKind
) -> None:
    answer = letter("次号も楽しみにしています", In_Reply_To=post.message_id)
    number = _come_back(post, letter("配信停止") if kind is BounceKind.REQUEST else answer)
    assert post.rows()[-1].kind is kind
    page = operator.get("/bounces").text
    assert "Emails from readers" in page
    with reading(post.engine) as session:
        assert [(row.newsletter_id, row.count) for row in count_open_requests(session)] == [
            (post.stage.newsletter_id, 1)
        ]
        assert list_open_requests(session, [post.stage.newsletter_id + 1]) == []
    here, data = f"/bounces/requests/{number}", {"csrf": csrf_of(page), "reason": " "}
    assert operator.post(here, data=data).status_code == 422
    after = operator.post(here, data=data | {"reason": "they left by the link"}).text
    assert "Emails from readers" not in after
    assert "Answered" in operator.get(f"/bounces/{number}").text
    with reading(post.engine) as session:
        event = session.scalars(
            select(AuditEventRow).where(AuditEventRow.action == "bounce.handle")
        ).one()
    assert (event.object, event.reason) == (f"bounce {number}", "they left by the link")


def test_only_operators_see_addresses_that_came_back(sites: SharedSites, post: Post) -> None:
    number = _come_back(post, notice(post.path))
    with (
        sites.before(post.engine, secret_keys=(SECRET,)) as url,
        _signed_in(post, url, Role.EDITOR) as client,
    ):
        answers = [client.get(path) for path in ("/bounces", f"/bounces/{number}")]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert all(READER not in answer.text for answer in answers)


def test_an_incident_names_the_domains_of_its_mailing_and_is_settled_with_them(
    post: Post, operator: httpx.Client
) -> None:
    with transaction(post.engine) as session:
        rows = [
            IncidentRow(
                kind=kind,
                subject=f"{kind.value}:{name}",
                bounced=bounced,
                mailed=50,
                usual_rate=0.01,
                last_seen_at=now(),
            )
            for kind, name, bounced in (
                (IncidentKind.MAILING, post.mailing_id, 43),
                (IncidentKind.DOMAIN, "down.example", 42),
            )
        ]
        session.add_all(rows)
        session.flush()
        rows[1].part_of_id = rows[0].id
    page = operator.get("/bounces").text
    assert page.count('value="outage"') == 1
    assert all(words in page for words in ("down.example", "43 of 50", "42"))
    data = {"csrf": csrf_of(page), "resolution": "outage", "reason": "asked them"}
    assert "down.example" not in operator.post("/bounces/incidents/1", data=data).text
