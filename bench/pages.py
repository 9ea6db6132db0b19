"""Pages beside a list of a million: the median answer over HTTP, beside the 100 ms it may take."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from sqlalchemy import Engine, select, text

from bench import content
from bench.measure import Row
from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import accept, invite
from newsletter.accounts.roles import Grant
from newsletter.database.engine import transaction
from newsletter.database.tables import DeliveryRow, IssueRow, SubscriberRow
from newsletter.database.types import now
from newsletter.database.vocabulary import DeliveryState, Role
from newsletter.delivery.planner import plan_mailing
from newsletter.language import Language
from newsletter.tokens import DeliveryRef, Purpose, TokenSigner
from tests.support.site import serving

_LIMIT = 100.0
_TIMES = 15
_KEY = "k" * 40
_PASSWORD = "four words, quite long"  # noqa: S105 - of an account that lives for this run


def pages(engine: Engine, folder: Path, people: int) -> Iterator[Row]:
    """Measure each page of a database whose list and newest mailing are ``people`` long."""
    mailing_id = _fill(engine)
    signer = TokenSigner([_KEY.encode()])
    with (
        serving(engine, signer, folder, secret_keys=(_KEY,)) as url,
        httpx.Client(base_url=url, follow_redirects=True, timeout=60) as client,
    ):
        _sign_in(engine, client)
        for name, path in _paths(engine, signer, mailing_id):
            yield Row(
                row=f"{name}, {people:,}, {engine.dialect.name}",
                ours=_median(client, path),
                reference=_LIMIT,
                unit="ms",
                aim="<=1",
            )


def _fill(engine: Engine) -> int:
    """Spread the list over domains and make a mailing that is on its way to all of it."""
    mailing_id = content.mail(engine)
    plan_mailing(engine, mailing_id)
    outcomes = (
        (DeliveryState.ACCEPTED, "position % 100 > 9", "250 2.0.0 queued"),
        (DeliveryState.REJECTED, "position % 100 = 0", "550 5.1.1 no such user"),
    )
    with transaction(engine) as session:
        session.execute(
            text("UPDATE subscriber SET domain = 'example' || (id % 5000) || '.example.jp'")
        )
        for state, which, reply in outcomes:
            session.execute(
                text(
                    "UPDATE delivery SET state = :state, settled_at = :now, reply = :reply, "  # noqa: S608 - conditions of our own
                    f"transport = 'smtp:relay' WHERE {which}"
                ),
                {"state": state.value, "now": now(), "reply": reply},
            )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    return mailing_id


def _paths(engine: Engine, signer: TokenSigner, mailing_id: int) -> Iterator[tuple[str, str]]:
    with transaction(engine) as session:
        issue_id = session.scalars(select(IssueRow.id).limit(1)).one()
        person = session.scalars(select(SubscriberRow.id).limit(1)).one()
        newsletter_id = 1
        assert session.scalar(select(DeliveryRow.position).limit(1))  # noqa: S101 - else all is fast
    ref = DeliveryRef(newsletter_id=newsletter_id, mailing_id=mailing_id, subscriber_id=person)
    yield "subscribe", "/subscribe/bench"
    yield "archive", "/archive/bench"
    yield "unsubscribe", f"/u/{signer.sign_delivery(Purpose.UNSUBSCRIBE, ref)}"
    yield "preferences", f"/p/{signer.sign_delivery(Purpose.PREFERENCES, ref)}"
    yield "view in browser", f"/v/{signer.sign_delivery(Purpose.VIEW, ref)}"
    yield "home", "/home"
    yield "issues", "/newsletters/bench/issues"
    yield "mailings", "/newsletters/bench/mailings"
    yield "mailing", f"/newsletters/bench/mailings/{mailing_id}"
    yield "send", f"/newsletters/bench/issues/{issue_id}/send"
    yield "audience", f"/newsletters/bench/issues/{issue_id}/send/audience"
    yield "people", "/accounts"
    yield "audit log", "/audit"


def _sign_in(engine: Engine, client: httpx.Client) -> None:
    with transaction(engine) as session:
        token = invite(
            session,
            COMMAND_LINE,
            address="bench@example.jp",
            grants=[Grant(role=role) for role in Role],
            language=Language.JAPANESE,
        )
    with transaction(engine) as session:
        accept(session, COMMAND_LINE, token, name="Bench", password=_PASSWORD)
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/sign-in").text)
    assert found is not None  # noqa: S101 - every form has one
    client.post(
        "/sign-in",
        data={"csrf": found.group(1), "address": "bench@example.jp", "password": _PASSWORD},
    ).raise_for_status()


def _median(client: httpx.Client, path: str) -> float:
    """Return the median of several answers in milliseconds, the first not counted."""
    client.get(path).raise_for_status()
    taken = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        client.get(path).raise_for_status()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)
