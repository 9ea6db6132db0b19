"""A correction takes effect once and is mailed once, to whoever had the fault, whoever dies at it.

Between both, archive and feed say what is right though nobody was told: whoever comes next tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from sqlalchemy import Engine, select

from newsletter.database.engine import reading
from newsletter.database.tables import CorrectionRow, DeliveryRow, MailingRow
from newsletter.database.vocabulary import DeliveryState, MailingKind
from newsletter.issues.store import find_issue
from newsletter.mailings.archive import find_publication, list_publications
from newsletter.mailings.ledger.leases import close_batch
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.rendering.slots import fill
from tests.faults.dying_round import die_at_each_step
from tests.support.corrections import titled, write_correction
from tests.support.databases import on_one_database
from tests.support.ledger import all_of, claim, record
from tests.support.smtp import SmtpServer
from tests.support.stage import Stage, set_stage

State = DeliveryState
WRONG, RIGHT = "12月3日のお知らせ", "12月4日のお知らせ"
PEOPLE = [f"reader{number}@example.jp" for number in range(6)]
_HOSTS = 2


def _send_part(stage: Stage) -> set[int]:
    """Send a first batch, leave a second one in doubt, a third one waiting; return who has it."""
    mailing = stage.mail(batch_size=2)
    plan_mailing(stage.engine, mailing)
    faulty: set[int] = set()
    for number, state in ((1, State.ACCEPTED), (2, State.UNCERTAIN)):
        claimed = claim(stage.engine, mailing, f"batch {number}", number)
        record(stage.engine, mailing, f"batch {number}", *all_of(claimed, state))
        close_batch(stage.engine, claimed, records=1)
        faulty |= {each.subscriber_id for each in claimed.deliveries}
    return faulty


def _shown(stage: Stage) -> set[str]:
    """Return what an issue is called by itself, in list and feed, and on its page."""
    with reading(stage.engine) as session:
        (listed,) = list_publications(session, stage.newsletter_id, limit=5)
        _, content = find_publication(session, stage.newsletter_id, stage.issue)
        issue = find_issue(session, stage.newsletter_id, stage.issue)
        return {issue.title, listed.title, fill(content.rendered.subject, {})}


def _mails_about_it(stage: Stage) -> Sequence[int]:
    of_kind = MailingRow.kind == MailingKind.CORRECTION
    with reading(stage.engine) as session:
        return session.scalars(select(MailingRow.id).where(of_kind)).all()


def _received(server: SmtpServer) -> dict[str, Counter[str]]:
    """Return by subject how often it came to whom."""
    found: dict[str, Counter[str]] = {}
    for received in server.messages:
        subject = message_from_bytes(received.raw, policy=default)["Subject"]
        found.setdefault(str(subject), Counter())[received.recipients[0]] += 1
    return found


@on_one_database("sqlite")
def test_it_takes_effect_and_is_mailed_once_whoever_dies_at_whatever_step(
    engine: Engine, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    stage = set_stage(engine, f"---\ntitle: {WRONG}\ndate: 2026-12-01\n---\n\n本文\n".encode())
    stage.subscribe(*PEOPLE)
    faulty = _send_part(stage)
    write_correction(stage, titled(RIGHT))
    assert _shown(stage) == {WRONG}

    def die(what: str, *strides: int, **environment: str) -> int:
        moment = datetime.now(UTC)
        return len(die_at_each_step(database_url, moment, what, strides=strides, **environment))

    assert die("correction", 9, 17) > 3
    # It took effect, and whoever did it died before the mail was ordered.
    assert _shown(stage) == {RIGHT}
    assert _mails_about_it(stage) == []

    with ThreadPoolExecutor(_HOSTS) as hosts:
        ends = list(hosts.map(lambda _: die("correction mail", 2, 6), range(_HOSTS)))
    assert max(ends) > 1
    (mailing,) = _mails_about_it(stage)
    with reading(engine) as session:
        (kept,) = session.scalars(select(CorrectionRow)).all()
    assert (kept.number, kept.mailing_id) == (1, mailing)

    settings = {
        "DATABASE_URL": database_url,
        "MAIL_TRANSPORTS": smtp_server.url,
        "DATA_DIR": str(tmp_path / "data"),
        "SECRET_KEYS": "k" * 40,
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    assert die("sending", 9, 17, **settings) > 3
    with reading(engine) as session:
        query = select(DeliveryRow.subscriber_id).where(DeliveryRow.mailing_id == mailing)
        assert sorted(session.scalars(query)) == sorted(faulty)
    told = {address for address in PEOPLE if stage.subscriber_id(address) in faulty}
    received = _received(smtp_server)
    # Who waited gets the issue as it is corrected, and nothing about it.
    assert received.pop(RIGHT) == dict.fromkeys(set(PEOPLE) - told, 1)
    mails = received.pop(f"【訂正】{RIGHT}")
    assert received == {}
    assert mails == dict.fromkeys(mails, 1)
    states = {address: stage.state_of(mailing, address) for address in told}
    assert set(states.values()) <= {State.ACCEPTED, State.UNCERTAIN}
    assert {address for address, state in states.items() if state is State.ACCEPTED} <= set(mails)
    assert set(mails) <= told
