"""Pages over HTTP with a long list, a mailing to all of it, and what came back from it."""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx
from sqlalchemy import Engine, select, text

from bench import content
from bench.measure import Row
from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import accept, invite
from newsletter.accounts.roles import Grant
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import IssueRow
from newsletter.database.types import now
from newsletter.database.vocabulary import Role
from newsletter.i18n.language import Language
from newsletter.issues.drafts.reuse import start_from
from newsletter.issues.model import Chapter, Issue, Item, Paragraph, Text, issue_to_json
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.tokens import DeliveryRef, Purpose, TokenSigner
from subscribers.search_index import index_people
from tests.support.site import serving

_KEY = "k" * 40
_ADDRESS, _PASSWORD = "bench@example.jp", "four words, quite long"
_LIMIT = 100.0
_PREVIEW_LIMIT, _ITEMS = 300.0, 200
_TIMES = 15
_DOMAINS = 40
_SEGMENT = "domain+%3D+%22d7.jp%22"
#: Of so many deliveries, one came back.
_BOUNCED = 50


def pages(engine: Engine, people: int, folder: Path) -> Iterator[Row]:
    """Measure each page's median, in milliseconds, on a database whose list is ``people`` long."""
    mailing = _fill(engine)
    with reading(engine) as session:
        issue = session.scalars(select(IssueRow.id).where(IssueRow.slug == content.DIGEST)).one()
    signer = TokenSigner([_KEY.encode()])
    ref = DeliveryRef(newsletter_id=1, mailing_id=mailing, subscriber_id=people // 2)
    home = "/newsletters/bench"
    paths = {
        "subscribe": "/subscribe/bench",
        "unsubscribe": f"/u/{signer.sign_delivery(Purpose.UNSUBSCRIBE, ref)}",
        "preferences": f"/p/{signer.sign_delivery(Purpose.PREFERENCES, ref)}",
        "view of a mail": f"/v/{signer.sign_delivery(Purpose.VIEW, ref)}",
        "archive": "/archive/bench",
        "issue in the archive": f"/archive/bench/{content.DIGEST}",
        "feed": "/archive/bench/feed.atom",
        "mailings": f"{home}/mailings",
        "mailing and report": f"{home}/mailings/{mailing}",
        "send": f"{home}/issues/{issue}/send",
        "audience of a segment": f"{home}/audience?segment={_SEGMENT}",
        "issues": f"{home}/issues",
        "subscribers": f"{home}/subscribers",
        "subscribers by address": f"{home}/subscribers?text=reader77",
        "subscribers by name": f"{home}/subscribers?text=%E8%AA%AD",
        "subscribers by a part that nobody has": f"{home}/subscribers?text=zzqq&within=true",
        "subscribers sorted by address": f"{home}/subscribers?sort=address",
        "subscribers sorted by date": f"{home}/subscribers?sort=-confirmed_at",
        "subscribers by segment": f"{home}/subscribers?segment={_SEGMENT}",
        "segment counted": f"{home}/subscribers?segment={_SEGMENT}&count=1",
        "one subscriber": f"{home}/subscribers/{people // 2}",
        "operations": "/operate",
        "metrics": "/metrics",
        "bounces": "/bounces",
        "bounces of an address": f"/bounces?address=reader{_BOUNCED}@example.jp",
        "bounces of a domain": "/bounces?domain=d0.jp",
        "bounce rates": "/bounces/rates",
        "one bounce": "/bounces/1",
        "people": "/accounts",
        "audit log": "/audit",
    }
    with (
        serving(engine, signer, folder, secret_keys=(_KEY,)) as site,
        httpx.Client(base_url=site, follow_redirects=True, timeout=120) as client,
    ):
        _sign_in(engine, client)
        for name, path in paths.items():
            yield Row(
                row=f"page {name}, {people:,}, {engine.dialect.name}",
                ours=_median(client, path),
                reference=_LIMIT,
                unit="ms",
                aim="<=1",
            )
        yield Row(
            row=f"preview of {_ITEMS} items as they are typed, {engine.dialect.name}",
            ours=_preview(engine, client),
            reference=_PREVIEW_LIMIT,
            unit="ms",
            aim="<=1",
        )


def _preview(engine: Engine, client: httpx.Client) -> float:
    """Return how long the mail of 200 items takes that an editor types, in milliseconds."""
    paragraph = Paragraph(content=(Text(text="年末は二十八日までです。" * 4),))
    items = tuple(Item(headline=f"記事 {n}", body=(paragraph,)) for n in range(_ITEMS))
    chapter = Chapter(heading="お知らせ", items=items)
    issue = Issue(title="十二月号", issue_date=date(2026, 12, 1), chapters=(chapter,))
    with transaction(engine) as session:
        draft = start_from(session, 1, issue, author="bench").id
    path = f"/newsletters/bench/drafts/{draft}"
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)
    took = []
    for turn in range(_TIMES):
        typed = issue_to_json(replace(issue, preheader=f"{turn}"))
        form = {"view": "mail", "issue": json.dumps(typed), "csrf": found[1] if found else ""}
        began = time.perf_counter()
        client.post(f"{path}/preview", data=form).raise_for_status()
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


def _fill(engine: Engine) -> int:
    mailing = content.mail(engine)
    with transaction(engine) as session:
        session.execute(
            text(f"UPDATE subscriber SET domain = 'd' || (id % {_DOMAINS}) || '.jp'")  # noqa: S608
        )
    plan_mailing(engine, mailing)
    with transaction(engine) as session:
        session.execute(
            text("UPDATE delivery SET state = 'accepted', attempts = 1, settled_at = :now"),
            {"now": now()},
        )
        session.execute(
            text("UPDATE mailing SET state = 'finished', started_at = :now, finished_at = :now"),
            {"now": now()},
        )
        session.execute(
            text(
                "INSERT INTO bounce (event_id, newsletter_id, mailing_id, subscriber_id, address, "  # noqa: S608
                "domain, kind, source, reason, status, reply, raw, occurred_at) SELECT 'b' || id, "
                "1, :mailing, id, address, domain, 'hard', 'smtp', '', '5.1.1', 'no such user', "
                f"'', :now FROM subscriber WHERE id % {_BOUNCED} = 0"
            ),
            {"mailing": mailing, "now": now()},
        )
    while not index_people(engine, seconds=60):
        pass
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    return mailing


def _sign_in(engine: Engine, client: httpx.Client) -> None:
    grant = Grant(role=Role.ADMINISTRATOR)
    with transaction(engine) as session:
        token = invite(
            session, COMMAND_LINE, address=_ADDRESS, grants=[grant], language=Language.ENGLISH
        )
    with transaction(engine) as session:
        accept(session, COMMAND_LINE, token, name="Bench", password=_PASSWORD)
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/sign-in").text)
    form = {"csrf": found[1] if found else "", "address": _ADDRESS, "password": _PASSWORD}
    client.post("/sign-in", data=form).raise_for_status()


def _median(client: httpx.Client, path: str) -> float:
    took = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        client.get(path).raise_for_status()
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)
