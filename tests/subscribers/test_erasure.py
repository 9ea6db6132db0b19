"""Erasing leaves nothing that names a person, and every column says what becomes of it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from itertools import count

import pytest
from sqlalchemy import Engine, func, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AccountRow,
    AcknowledgedAlarmRow,
    ApprovalRow,
    AuditEventRow,
    Base,
    BounceRow,
    DrainedWorkerRow,
    HeldDomainRow,
    IncidentRow,
    IssueCommentRow,
    IssueRow,
    JoinInvitationRow,
    ListPieceRow,
    ListUploadRow,
    RelayRow,
    SegmentRow,
    SeriesRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TaggingRow,
    TagRow,
    TestGroupRow,
    UnsubscribeEventRow,
)
from newsletter.database.types import Vocabulary, now
from newsletter.database.vocabulary import (
    BounceKind,
    BounceSource,
    IncidentKind,
    ListUploadState,
    SeriesTrigger,
    SuppressionReason,
    UnsubscribeWay,
)
from newsletter.i18n.language import Language
from newsletter.newsletters.publications import find_newsletter
from newsletter.tokens import Pseudonyms
from subscribers.actions import erase_person
from subscribers.held_data import data_held
from subscribers.lists.exports.csv_export import csv_pages
from subscribers.lists.exports.exports import exported
from subscribers.lists.imports.runs import problem_lines
from subscribers.lists.imports.uploads import forget_old, keep_upload
from tests.support import fields
from tests.support.imports import again, order, work_on
from tests.support.stage import Stage, set_stage

_ADDRESS = "Erika.Muster@gdpr.example"
_KEY = _ADDRESS.lower()
_PSEUDONYMS = Pseudonyms((b"k" * 32,))


@pytest.fixture
def stage(engine: Engine) -> Stage:
    found = set_stage(engine)
    found.subscribe(_ADDRESS, "other@example.jp")
    return found


def _erase(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        erase_person(
            session,
            COMMAND_LINE,
            stage.subscriber_id(_KEY),
            _PSEUDONYMS,
            way=UnsubscribeWay.OPERATOR,
        )


def _left_in_database(engine: Engine, *words: str) -> list[str]:
    """Return the columns that still hold one of the words, in whatever case."""
    found = []
    with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            for column in table.columns:
                rows = connection.execute(select(column)).scalars().all()
                values = " ".join(str(value).lower() for value in rows)
                if any(word.lower() in values for word in words):
                    found.append(f"{table.name}.{column.name}")
    return found


def _report(address: str) -> str:
    """Return a report of another person's that quotes the address within base64."""
    message = EmailMessage()
    message["To"] = "other@example.jp"
    message.set_content(f"宛先不明 {address}\n" * 4, cte="base64")
    return message.as_string()


def test_an_address_goes_from_whatever_others_wrote(stage: Stage) -> None:
    upper, verp = _ADDRESS.upper(), _ADDRESS.replace("@", "=")
    with transaction(stage.engine) as session:
        for number, raw in enumerate(
            (f"to {upper}", f"return-path b+{verp}@x.example", _report(_ADDRESS))
        ):
            session.add(
                BounceRow(
                    event_id=f"e{number}",
                    address="other@example.jp",
                    kind=BounceKind.SOFT,
                    source=BounceSource.MAIL,
                    raw=raw,
                    reply=f"550 {upper} unknown",
                )
            )
        session.add(
            IncidentRow(
                kind=IncidentKind.DOMAIN,
                subject="domain:gdpr.example",
                bounced=1,
                mailed=1,
                usual_rate=0.0,
                words=f"<{upper}>: no",
                last_seen_at=now(),
            )
        )
        lines = f"{_ADDRESS}\nother@example.jp"
        session.add(TestGroupRow(newsletter_id=stage.newsletter_id, name="t", addresses=lines))
        query = f'name = "{upper}"'
        session.add(SegmentRow(newsletter_id=stage.newsletter_id, name="s", query=query))
    _erase(stage)
    assert _left_in_database(stage.engine, _ADDRESS, verp, "erika") == []
    encoded = base64.b64encode(_ADDRESS.encode()).decode()[4:20]
    with reading(stage.engine) as session:
        raws = session.scalars(select(BounceRow.raw)).all()
        group = session.scalars(select(TestGroupRow.addresses)).one()
        events = session.scalars(
            select(AuditEventRow.object).where(AuditEventRow.action == "subscriber.erase")
        ).all()
    assert not any(encoded in raw for raw in raws)
    assert all("erased" in raw for raw in raws)
    assert group == "other@example.jp"
    assert len(events) == 1


def test_an_address_goes_from_the_words_of_staff_and_of_other_readers(stage: Stage) -> None:
    here, words = stage.newsletter_id, f"for {_ADDRESS.upper()}, as agreed"
    query = f'name = "{_ADDRESS}"'
    with transaction(stage.engine) as session:
        account = AccountRow(address="staff@example.jp", address_key="staff@example.jp")
        session.add(account)
        session.flush()
        issue = session.scalars(select(IssueRow.id)).first()
        session.add_all(
            [
                JoinInvitationRow(
                    newsletter_id=here,
                    token_hash="h",
                    note=words,
                    uses=1,
                    expires_at=now(),
                    author="staff@example.jp",
                ),
                IssueCommentRow(issue_id=issue, author_id=account.id, words=words),
                ApprovalRow(
                    issue_id=issue,
                    digest="d",
                    requested_by=account.id,
                    plan={"segment": query, "before": {"query": query}},
                    returned_because=words,
                ),
                TaggingRow(
                    newsletter_id=here, tag="t", given=True, terms={"text": _ADDRESS}, last=9
                ),
                SeriesRow(
                    newsletter_id=here, name="s", trigger=SeriesTrigger.JOINED, condition=query
                ),
                UnsubscribeEventRow(
                    newsletter_id=here,
                    subscriber_id=stage.subscriber_id("other@example.jp"),
                    way=UnsubscribeWay.PAGE,
                    remark=words,
                ),
                AcknowledgedAlarmRow(
                    kind="k", place="p", severity="s", size=1, actor="a", reason=words, since=now()
                ),
                RelayRow(name="r", reason=words),
                HeldDomainRow(domain="d.example", reason=words, since=now()),
                DrainedWorkerRow(node="n", reason=words, since=now()),
            ]
        )
    _erase(stage)
    assert _left_in_database(stage.engine, _ADDRESS) == []


def test_a_list_that_was_brought_and_holds_the_address_goes(stage: Stage) -> None:
    engine = stage.engine
    far = b"email\n" + b"r@example.jp\n" * 30_000 + f"{_ADDRESS.upper()}\n".encode()
    holds = [
        order(engine, 1, octets)
        for octets in (f"email\n{_ADDRESS.upper()}\n".encode("utf-16"), far)
    ]
    octets = f"email\n{_ADDRESS}\n".encode()
    holds.append(keep_upload(engine, [octets], name="a.csv", newsletter_id=1))
    other = order(engine, 1, b"email\nother@example.jp\nbad\n")
    wrong = order(engine, 1, f"email\n{_ADDRESS} x\nbad\n".encode())
    work_on(engine, wrong)
    with transaction(engine) as session:
        row = session.get_one(ListUploadRow, holds[0].id)
        row.trial = {"refused": [[2, _ADDRESS, ""]]}
    _erase(stage)
    assert again(engine, holds[0]).trial is None
    assert [again(engine, one).state for one in holds] == [ListUploadState.FAILED] * 3
    assert [again(engine, one).pieces for one in (*holds, other)] == [0, 0, 0, 1]
    _, *problems = "".join(problem_lines(engine, wrong, Language.ENGLISH)).splitlines()
    assert [line.split(",")[0] for line in problems] == ["3"]


def test_lists_that_were_brought_are_kept_a_week(stage: Stage) -> None:
    upload = keep_upload(stage.engine, [b"email\n"], name="a.csv", newsletter_id=1)
    forget_old(stage.engine)
    assert again(stage.engine, upload).pieces == 1
    with transaction(stage.engine) as session:
        session.get_one(ListUploadRow, upload.id).created_at = now() - timedelta(days=8)
    forget_old(stage.engine)
    with reading(stage.engine) as session:
        left = [
            session.scalar(select(func.count()).select_from(t))
            for t in (ListUploadRow, ListPieceRow)
        ]
    assert left == [0, 0]


#: What is not erased, exported or shown, and why.
_EXCUSED = {
    "erased": {
        **dict.fromkeys(
            ("subscriber.id", "subscription.newsletter_id", "subscription.subscriber_id"),
            "a number that names nobody",
        ),
        **dict.fromkeys(
            (
                "subscriber.created_at",
                "subscription.state",
                "subscription.consent_basis",
                "subscription.consent_source",
                "subscription.consent_wording",
                "subscription.consented_at",
                "subscription.confirmed_at",
                "subscription.unsubscribed_at",
                "subscription.paused_until",
                "subscription.format",
                "subscription.frequency",
                "subscription.changed_at",
            ),
            "it proves the past, and names nobody",
        ),
    },
    "held": {
        "subscriber.id": "a number of ours",
        "subscriber.address_key": "made of the address",
        "subscriber.domain": "made of the address",
        "subscription.newsletter_id": "shown as the newsletter's name",
        "subscription.subscriber_id": "a number of ours",
        "subscription_tag.newsletter_id": "shown as the newsletter's name",
        "subscription_tag.subscriber_id": "a number of ours",
    },
    "exported": {
        "subscriber.id": "a number of ours",
        "subscriber.address_key": "made of the address",
        "subscriber.domain": "made of the address",
        "subscriber.created_at": "of the address, which other newsletters share",
        "subscription.changed_at": "when a row was written, which an import undoes by",
        "subscription.newsletter_id": "the export is of one newsletter",
        "subscription.subscriber_id": "a number of ours",
        "subscription_tag.newsletter_id": "the export is of one newsletter",
        "subscription_tag.subscriber_id": "a number of ours",
    },
}
_PERSONAL = (SubscriberRow, SubscriptionRow, TagRow)


def _fill(stage: Stage) -> dict[str, str]:
    """Give each column of a person a value of its own; return how each is shown."""
    number = stage.subscriber_id(_KEY)
    number_of_text = count(1)
    shown: dict[str, str] = {}
    day = iter(range(1, 28))
    with transaction(stage.engine) as session:
        session.add(TagRow(newsletter_id=stage.newsletter_id, subscriber_id=number, tag="x"))
        session.flush()
        rows = (
            session.get_one(SubscriberRow, number),
            session.get_one(SubscriptionRow, (stage.newsletter_id, number)),
        )
        for row in rows:
            for column in row.__table__.columns:
                place = f"{row.__tablename__}.{column.name}"
                if (
                    column.primary_key
                    or column.foreign_keys
                    or column.name.startswith("address")
                    or column.name == "state"
                ):
                    value = getattr(row, column.name)
                elif column.name == "attributes":
                    value = {"city": "attribute-value"}
                elif isinstance(column.type, Vocabulary):
                    value = list(column.type.words)[-1]
                elif column.name.endswith(("_at", "_until")):
                    value = datetime(2020, 1, next(day), tzinfo=UTC)
                else:
                    value = f"v{next(number_of_text):03}"
                setattr(row, column.name, value)
                text_of = str(value.date() if isinstance(value, datetime) else value)
                shown[place] = "attribute-value" if column.name == "attributes" else text_of
    for column in TagRow.__table__.columns:
        shown[f"{TagRow.__tablename__}.{column.name}"] = "x" if column.name == "tag" else "-"
    return shown


def test_each_column_of_a_subscriber_is_held_exported_and_erased_or_excused(
    stage: Stage,
) -> None:
    fields.set_fields(stage.engine, stage.newsletter_id, fields.CITY)
    shown = _fill(stage)
    number = stage.subscriber_id(_KEY)
    with reading(stage.engine) as session:
        held = str(data_held(session, number, Language.JAPANESE))
        newsletter = find_newsletter(session, None)
    (line,) = [one for one in exported(stage.engine, newsletter) if one["email"] == _ADDRESS]
    as_csv = "".join(page.text for page in csv_pages(stage.engine, newsletter))
    for what, text_of in (("held", held), ("exported", str(line)), ("exported", as_csv)):
        missing = {place for place, value in shown.items() if value not in text_of}
        assert missing - _EXCUSED[what].keys() == set(), what
    _erase(stage)
    with reading(stage.engine) as session:
        relation = session.get_one(SubscriptionRow, (stage.newsletter_id, number))
        person = session.get_one(SubscriberRow, number)
        assert session.scalars(select(TagRow)).all() == []
        kept = {
            f"{row.__tablename__}.{column.name}"
            for row in (person, relation)
            for column in row.__table__.columns
            if getattr(row, column.name) not in (None, "", {})
        }
        held_by = session.scalars(select(SuppressionRow)).one()
    assert kept - _EXCUSED["erased"].keys() == set()
    assert (held_by.reason, held_by.address_key) == (SuppressionReason.ERASED, None)


def test_every_excuse_is_of_a_column_that_is_there() -> None:
    columns = {
        f"{row.__tablename__}.{column.name}"
        for row in _PERSONAL
        for column in row.__table__.columns
    }
    assert {place for excuses in _EXCUSED.values() for place in excuses} - columns == set()
