"""What a list says of its people: who left, never confirmed or cannot be reached gets no mail."""

from __future__ import annotations

import csv
import io
import json
import string
from collections.abc import Sequence
from datetime import UTC, date, datetime
from time import process_time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
    UnsubscribeEventRow,
)
from newsletter.database.vocabulary import SubscriptionState, SuppressionReason, UnsubscribeWay
from newsletter.errors import ListError
from newsletter.newsletters.publications import find_newsletter
from newsletter.spreadsheets import defuse
from subscribers.fields.model import Field
from subscribers.fields.reading import read_values
from subscribers.fields.store import list_fields
from subscribers.leaving import take_back
from subscribers.lists.exports.csv_export import csv_pages
from subscribers.lists.exports.exports import exported, json_pages
from subscribers.lists.imports.import_report import ImportReport
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.imports.uploads import ImportTerms
from subscribers.lists.parsers.files import list_records, opened_list
from subscribers.lists.records import Problem
from tests.support import fields
from tests.support.imports import order, work_on
from tests.support.soak import SOAK
from tests.support.stage import Stage

_C, _P, _U = (
    SubscriptionState.CONFIRMED,
    SubscriptionState.PENDING,
    SubscriptionState.UNSUBSCRIBED,
)


def import_list(
    stage: Stage, octets: bytes, *, name: str = "l.csv", **options: Any
) -> tuple[ImportReport, list[Problem]]:
    problems: list[Problem] = []
    # What is not asked of it is what these tests are of.
    options = {"is_answered": True} | options
    terms = ImportOptions(source=name, file_name=name, basis="moved", **options)
    with opened_list(io.BytesIO(octets), name=name, source=name) as listed:
        report = import_records(
            stage.engine, stage.newsletter_id, listed.records(), terms, on_problem=problems.append
        )
    return report, problems


def states_of(engine: Engine) -> dict[str, SubscriptionState]:
    with reading(engine) as session:
        rows = session.execute(
            select(SubscriberRow.address_key, SubscriptionRow.state).join_from(
                SubscriptionRow, SubscriberRow
            )
        ).all()
    return {(key or "").partition("@")[0]: state for key, state in rows}


def _suppressed(engine: Engine) -> dict[str, SuppressionReason]:
    with reading(engine) as session:
        rows = session.scalars(select(SuppressionRow)).all()
    return {(row.address_key or "").partition("@")[0]: row.reason for row in rows}


def test_bounces_and_complaints_among_wishes_are_suppressed(sqlite_stage: Stage) -> None:
    rows = "a@x.example,是\nb@x.example,硬退信\nc@x.example,已投诉\n"
    import_list(sqlite_stage, f"email,订阅\n{rows}".encode(), is_answered=False)
    assert (states_of(sqlite_stage.engine)["a"], _suppressed(sqlite_stage.engine)) == (
        _C,
        {"b": SuppressionReason.HARD_BOUNCE, "c": SuppressionReason.COMPLAINT},
    )


#: Each system's export with its own words: the file's name, its text, who ends as what.
_EXPORTS: dict[str, tuple[str, str, dict[str, SubscriptionState]]] = {
    "mailchimp unsubscribed": (
        "unsubscribed_email_audience_export_1.csv",
        (
            '"Email Address","First Name","Last Name",MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,'
            "LAST_CHANGED,UNSUB_TIME,LEID,EUID,NOTES,TAGS\n"
            'a@x.example,Aoi,Sato,2,"2020-01-05 01:02:03",,"2021-01-01 00:00:00",'
            '"2021-01-01 00:00:00",1,b,,"""press"",""vip"""\n'
            'b@x.example,,,2,,,"2021-01-01 00:00:00",,2,c,,\n'
        ),
        {"a": _U, "b": _U},
    ),
    "mailchimp cleaned": (
        "c.csv",
        (
            "Email Address,MEMBER_RATING,LAST_CHANGED,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,LEID,EUID\n"
            "a@x.example,2,2021-01-01 00:00:00,2021-01-01 00:00:00,x,1,2\n"
        ),
        {"a": _U},
    ),
    "constant contact by status": (
        "c.csv",
        (
            "Email address,Email status,Email permission status,Confirmed Opt-Out Date\n"
            "a@x.example,Active,Express,\nb@x.example,Unsubscribed,Express,2025-02-03\n"
            "c@x.example,Awaiting confirmation,Pending,\nd@x.example,Active,Unsubscribed,\n"
        ),
        {"a": _C, "b": _U, "c": _P, "d": _U},
    ),
    "cleverreach": (
        "c.csv",
        (
            "email;registered;activated;deactivated;source;bounced;active\n"
            "a@x.example;01.03.2023 10:11;01.03.2023 10:15;;form;0;1\n"
            "b@x.example;01.03.2023 10:11;01.03.2023 10:15;04.05.2024 08:00;form;0;0\n"
            "c@x.example;02.03.2023 11:00;;;form;0;0\n"
            "d@x.example;02.03.2023 11:00;02.03.2023 11:09;;form;1;1\n"
        ),
        {"a": _C, "b": _U, "c": _P, "d": _U},
    ),
    "civicrm": (
        "c.csv",
        (
            "Contact ID,Contact Type,Display Name,Email,On Hold,"
            "No Bulk Emails (User Opt Out),Do Not Email,Do Not Mail,Is Deceased\n"
            "11,Individual,A,a@x.example,No,No,No,Yes,No\n"
            "12,Individual,B,b@x.example,On Hold Bounce,No,No,No,No\n"
            "13,Individual,C,c@x.example,No,Yes,No,No,No\n"
            "14,Organization,D,d@x.example,No,No,Yes,No,No\n"
            "15,Individual,E,e@x.example,No,No,No,No,Yes\n"
        ),
        {"a": _C, "b": _U, "c": _U, "d": _U, "e": _U},
    ),
    "mailchimp never": (
        "nonsubscribed_email_audience_export_1.csv",
        "Email Address,MEMBER_RATING,LAST_CHANGED,LEID,EUID\na@x.example,2,2021-01-01,1,2\n",
        {},
    ),
    "ghost": (
        "members.csv",
        (
            "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,"
            "deleted_at,labels,tiers\n1,a@x.example,葵,,true,false,,2024-01-15T10:00:00.000Z,,"
            '"vip,press",\n2,b@x.example,,,false,false,,2024-01-15T10:00:00.000Z,,,\n'
            "3,c@x.example,,,true,false,,2024-01-15T10:00:00.000Z,2024-02-15T10:00:00.000Z,,\n"
        ),
        {"a": _C, "b": _U, "c": _U},
    ),
    "substack": (
        "email_list.csv",
        (
            "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at\n"
            "a@x.example,false,,other,false,2025-01-01T00:00:00.000Z,\n"
            "b@x.example,true,2027-01-01,yearly,true,2025-01-01T00:00:00.000Z,\n"
        ),
        {"a": _C, "b": _U},
    ),
    "listmonk": (
        "subscribers.csv",
        (
            "uuid,email,name,attributes,status,created_at,updated_at\n"
            "1,a@x.example,葵,"
            '"{""city"": ""東京"", ""ids"": [1, 2]}",enabled,2025-01-01T00:00:00Z,\n'
            "2,b@x.example,,{},disabled,2025-01-01T00:00:00Z,\n"
            "3,c@x.example,,{},blocklisted,2025-01-01T00:00:00Z,\n"
        ),
        {"a": _C, "b": _U, "c": _U},
    ),
    "phplist": (
        "users.tsv",
        (
            "id\temail\tconfirmed\tblacklisted\toptedin\tbouncecount\tentered\thtmlemail\tdisabled\n"
            "1\ta@x.example\t1\t0\t0\t2\t2021-01-01 10:00:00\t1\t0\n"
            "2\tb@x.example\t0\t0\t0\t0\t2021-01-01 10:00:00\t0\t0\n"
            "3\tc@x.example\t1\t1\t1\t0\t2021-01-01 10:00:00\t1\t0\n"
            "4\td@x.example\t1\t0\t1\t0\t2021-01-01 10:00:00\t1\t1\n"
        ),
        {"a": _C, "b": _P, "c": _U, "d": _U},
    ),
    "phplist's own download": (
        "users.tsv",
        (
            "ID\tEmail\tIs this subscriber confirmed\tIs this subscriber blacklisted\tEntered\t"
            "Send this subscriber HTML emails\tIs this account disabled?\tForeign Key\n"
            "1\ta@x.example\tyes\tno\t2021-01-01 10:00:00\t0\t0\t\n"
            "2\tb@x.example\tno\tno\t2021-01-01 10:00:00\t1\t0\t\n"
            "3\tc@x.example\tyes\tyes\t2021-01-01 10:00:00\t1\t0\t\n"
            "4\td@x.example\tyes\tno\t2021-01-01 10:00:00\t1\t1\t\n"
        ),
        {"a": _C, "b": _P, "c": _U, "d": _U},
    ),
    "keila": (
        "contacts.csv",
        (
            "Email,First name,Last name,Status\na@x.example,Aoi,Sato,active\n"
            "b@x.example,,,unsubscribed\nc@x.example,,,unreachable\nd@x.example,,,\n"
        ),
        {"a": _C, "b": _U, "c": _U, "d": _C},
    ),
    "acmailer": (
        "maildata20260105.csv",
        (
            "E-MAIL,お名前,会社名,ステータス,\na@x.example,葵,市役所,1,2026/01/05 10:00:00,,\n"
            "b@x.example,茜,,,2026/01/05 10:00:00,,\n"
        ),
        {"a": _C, "b": _U},
    ),
    "any": (
        "名簿.csv",
        (
            "メールアドレス,配信状態\na@x.example,配信中\nb@x.example,配信停止\nc@x.example,仮登録\n"
            "d@x.example,エラー\ne@x.example,ブラックリスト\nf@x.example,\n"
        ),
        {"a": _C, "b": _U, "c": _P, "d": _U, "e": _U},
    ),
    "by a date": (
        "l.csv",
        "email,退会日\na@x.example,\nb@x.example,2026/1/5\n",
        {"a": _C, "b": _U},
    ),
}


@pytest.mark.parametrize("system", _EXPORTS)
def test_the_export_of_a_known_system_keeps_everybody_as_they_are(
    sqlite_stage: Stage, system: str
) -> None:
    name, text, states = _EXPORTS[system]
    import_list(sqlite_stage, text.encode("cp932" if system == "acmailer" else "utf-8"), name=name)
    assert states_of(sqlite_stage.engine) == states


def test_names_tags_dates_and_attributes_of_an_export_are_kept(sqlite_stage: Stage) -> None:
    name, text, _ = _EXPORTS["mailchimp unsubscribed"]
    import_list(sqlite_stage, text.encode(), name=name)
    with reading(sqlite_stage.engine) as session:
        row = session.scalars(select(SubscriptionRow).where(SubscriptionRow.name != "")).one()
        tags = session.scalars(select(TagRow.tag).order_by(TagRow.tag)).all()
    assert (row.name, list(tags)) == ("Aoi Sato", ["press", "vip"])
    assert row.unsubscribed_at == datetime(2021, 1, 1, tzinfo=UTC)
    assert row.consented_at == datetime(2020, 1, 5, 1, 2, 3, tzinfo=UTC)


def test_who_cannot_be_reached_or_was_blocked_is_suppressed_with_evidence(stage: Stage) -> None:
    text = "email,status\na@x.example,cleaned\nb@x.example,blocklisted\nc@x.example,complained\n"
    report, _ = import_list(stage, text.encode())
    assert _suppressed(stage.engine) == {
        "a": SuppressionReason.HARD_BOUNCE,
        "b": SuppressionReason.MANUAL,
        "c": SuppressionReason.COMPLAINT,
    }
    assert (report.added, report.unsubscribed, report.suppressed) == (0, 3, 3)
    with reading(stage.engine) as session:
        assert all("list" in row.evidence for row in session.scalars(select(SuppressionRow)))


def test_who_left_elsewhere_is_not_brought_back_by_an_undone_complaint(stage: Stage) -> None:
    import_list(stage, b"email,status\na@x.example,unsubscribed\n")
    with transaction(stage.engine) as session:
        event = session.scalars(select(UnsubscribeEventRow)).one()
        assert event.way is UnsubscribeWay.LIST
        assert not take_back(session, stage.newsletter_id, event.subscriber_id)


@pytest.mark.parametrize(("left", "state"), [("2020-01-01", _C), ("2026-05-01", _U), ("", _U)])
def test_a_leaving_elsewhere_ends_what_was_consented_to_before(
    stage: Stage, left: str, state: SubscriptionState
) -> None:
    import_list(stage, b"email,consented_at\na@x.example,2026-01-01\n")
    import_list(stage, f"email,status,unsubscribed_at\na@x.example,left,{left}\n".encode())
    assert states_of(stage.engine) == {"a": state}


@pytest.mark.parametrize("word", ["unsubscribed", "cleaned", "pending", "deleted"])
def test_a_list_of_many_states_imported_twice_does_no_harm(stage: Stage, word: str) -> None:
    text = f"email,status\na@x.example,{word}\nb@x.example,active\n".encode()
    import_list(stage, text)
    before = (states_of(stage.engine), _suppressed(stage.engine))
    report, _ = import_list(stage, text)
    assert (states_of(stage.engine), _suppressed(stage.engine)) == before
    assert (report.added, report.unsubscribed, report.pending) == (0, 0, 0)


def test_a_state_that_nobody_knows_refuses_its_row_by_name(stage: Stage) -> None:
    words = ["既婚", "2025/6/1", "45000", "S45.6.6"]
    rows = "".join(f"r{number}@x.example,{word}\n" for number, word in enumerate(words))
    report, problems = import_list(stage, f"email,状態\n{rows}".encode())
    assert (report.added, report.refusals) == (0, len(words))
    assert [(each.field, each.value) for each in problems] == [("state", each) for each in words]


def test_a_column_that_is_none_of_ours_can_be_left_out(stage: Stage) -> None:
    import_list(stage, "email,状態\na@x.example,既婚\n".encode(), columns={"状態": "-"})
    assert states_of(stage.engine) == {"a": _C}


def test_a_state_that_comes_late_in_json_lines_counts(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscribers.lists.imports.imports._CHUNK", 100)
    lines = [json.dumps({"email": f"r{n}@x.example"}) for n in range(300)]
    lines.append(json.dumps({"email": "late@x.example", "status": "unsubscribed"}))
    import_list(stage, "\n".join(lines).encode(), name="l.jsonl")
    assert states_of(stage.engine)["late"] is _U


@pytest.mark.parametrize("header", ["email,email,name", "Email,メールアドレス,name"])
def test_two_columns_for_one_thing_are_an_error_that_names_both(stage: Stage, header: str) -> None:
    with pytest.raises(ListError) as caught:
        import_list(stage, f"{header}\na@x.example,b@x.example,葵\n".encode())
    assert "“Email”" in str(caught.value) or "“email” and “email (2)”" in str(caught.value)
    assert states_of(stage.engine) == {}


_WORDS = st.text(alphabet=string.ascii_letters + "東京葵,、\"'=+-@; ()[]{}:/", max_size=12)
_MOMENTS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - `timezones` adds it
    max_value=datetime(2026, 6, 1),  # noqa: DTZ001 - `timezones` adds it
    timezones=st.just(UTC),
)


_GIVEN: dict[str, st.SearchStrategy[object]] = {
    "city": _WORDS,
    "age": st.integers(-5, 5) | st.floats(0, 9).map(lambda number: round(number, 6)),
    "birthday": st.dates(date(1900, 1, 1), date(2200, 12, 31)).map(str),
    "member": st.booleans(),
    "plan": st.sampled_from(["free", "paid"]),
    "topic": st.lists(st.sampled_from(["子育て", "防災", "文化"])),
}
#: Values of fields, as whatever validates is kept.
_VALUES = st.fixed_dictionaries({}, optional=_GIVEN).map(
    lambda given: {
        key: value for key, value in read_values(fields.ALL, given).items() if value is not None
    }
)


@st.composite
def _people(draw: st.DrawFn) -> list[dict[str, Any]]:
    count = draw(st.integers(1, 4))
    people = []
    for number in range(count):
        state = draw(st.sampled_from(list(SubscriptionState)))
        name = " ".join(draw(_WORDS).split())
        people.append(
            {
                "key": f"r{number}@x.example",
                "state": state,
                "name": name,
                "language": draw(st.sampled_from(["ja", "en-US", "zh-Hant", "pt-BR"])),
                "time_zone": draw(st.sampled_from(["", "Asia/Seoul", "Europe/Paris"])),
                "format": draw(st.sampled_from(["html", "text"])),
                "attributes": draw(_VALUES),
                "consent_basis": draw(_WORDS.map(str.strip).filter(bool)),
                "consent_source": draw(_WORDS.map(str.strip).filter(bool)),
                "consent_wording": draw(_WORDS.map(str.strip).filter(bool)),
                "consented_at": draw(_MOMENTS),
                "confirmed_at": None if state is _P else draw(_MOMENTS),
                "unsubscribed_at": draw(_MOMENTS) if state is _U else None,
                "paused_until": draw(st.none() | st.just(datetime(2030, 1, 1, tzinfo=UTC))),
                "tags": draw(st.sets(_WORDS.map(str.strip).filter(bool), max_size=3)),
                "suppressed": draw(
                    st.none()
                    | st.sampled_from([SuppressionReason.COMPLAINT, SuppressionReason.MANUAL])
                ),
            }
        )
    return people


def _write(stage: Stage, people: Sequence[dict[str, Any]]) -> None:
    with transaction(stage.engine) as session:
        for person in people:
            row = SubscriberRow(
                address=person["key"], address_key=person["key"], domain="x.example"
            )
            session.add(row)
            session.flush()
            values = {k: v for k, v in person.items() if k not in {"key", "tags", "suppressed"}}
            where = {"newsletter_id": stage.newsletter_id, "subscriber_id": row.id}
            session.add(SubscriptionRow(**where, **values))
            session.flush()
            session.add_all(TagRow(**where, tag=tag) for tag in person["tags"])
            if person["suppressed"]:
                session.add(
                    SuppressionRow(
                        newsletter_id=stage.newsletter_id,
                        address_key=person["key"],
                        reason=person["suppressed"],
                        evidence="=evidence, 証拠",
                    )
                )


def _empty(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        tables = (TagRow, SuppressionRow, UnsubscribeEventRow, SubscriptionRow, SubscriberRow)
        for table in tables:
            session.execute(delete(table))


def _newsletter(stage: Stage) -> NewsletterRow:
    with reading(stage.engine) as session:
        return find_newsletter(session, None)


def _fields_of(stage: Stage) -> Sequence[Field]:
    with reading(stage.engine) as session:
        return list_fields(session, stage.newsletter_id)


def _exported(stage: Stage) -> list[dict[str, Any]]:
    people = list(exported(stage.engine, _newsletter(stage)))
    return sorted(people, key=lambda person: str(person["email"]))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@settings(
    max_examples=40 if SOAK else 10,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(people=_people())
def test_an_export_imported_into_an_empty_instance_is_the_same(
    sqlite_stage: Stage, form: str, people: list[dict[str, Any]]
) -> None:
    _empty(sqlite_stage)
    if not _fields_of(sqlite_stage):
        fields.set_fields(sqlite_stage.engine, sqlite_stage.newsletter_id, *fields.ALL)
    _write(sqlite_stage, people)
    before = _exported(sqlite_stage)
    engine, newsletter = sqlite_stage.engine, _newsletter(sqlite_stage)
    pages = (
        csv_pages(engine, newsletter) if form == "csv" else json_pages(exported(engine, newsletter))
    )
    text = "".join(page.text for page in pages)
    _empty(sqlite_stage)
    report, problems = import_list(sqlite_stage, text.encode(), name=f"l.{form}")
    assert problems == []
    assert report.refusals == 0
    assert _exported(sqlite_stage) == before


def test_our_own_list_holds_no_formula_wherever_a_spreadsheet_cuts_it(stage: Stage) -> None:
    texts = (
        "a;=1+1",
        "a\n-b",
        ";'-",
        "\t@x",
        "'=a;\"=b",
        "=a;+b",
        "a;b",
        "O'Hara; 03-1",
        "。\r＝c",
    )
    stage.subscribe(*(f"r{at}@x.example" for at in range(len(texts))))
    with transaction(stage.engine) as session:
        rows = session.scalars(select(SubscriptionRow).order_by(SubscriptionRow.subscriber_id))
        for row, text in zip(rows, texts, strict=True):
            row.consent_wording = text
    shown = "".join(page.text for page in csv_pages(stage.engine, _newsletter(stage)))
    lines = csv.DictReader(io.StringIO(shown, newline=""))
    assert [line["consent_wording"] for line in lines] == [defuse(text) for text in texts]


def test_an_export_brought_by_a_browser_is_the_same_too(stage: Stage) -> None:
    text = "email,name,status,tags\na@x.example,=葵,active,press\nb@x.example,,pending,\n"
    import_list(stage, (text + "c@x.example,,cleaned,\nd@x.example,,left,\n").encode())
    before = _exported(stage)
    text = "".join(page.text for page in csv_pages(stage.engine, _newsletter(stage)))
    _empty(stage)
    octets, terms = text.encode(), ImportTerms(basis="moved")
    upload = order(stage.engine, stage.newsletter_id, octets, name="digest.csv", terms=terms)
    work_on(stage.engine, upload)
    assert _exported(stage) == before


@pytest.mark.parametrize(
    ("header", "value", "state"),
    [
        ("BLOCKLISTED", "Yes", _U),
        ("Unsubscribed from all email", "true", _U),
        ("Unsubscribed from all email", "false", _C),
        ("削除フラグ", "1", _U),
        ("メルマガ希望", "×", _U),
        ("メルマガ希望", "○", _C),
        ("delivery_status", "by_bounces", _U),
        ("備考", "2025年に退会", _U),
        ("備考", "停止", _U),
        ("連絡用メモ", " 解約済み ", _U),
        ("Remarks", "Cancelled", _U),
        ("備考", "停止(本人希望)", _U),
        ("備考", "解約（2024年）", _U),
        ("メモ", "停止 本人希望", _U),
        ("備考", "メルマガ停止", _U),
        ("備考", "もう要りません", _U),
        ("備考", "送らないで", _U),
        ("備考", "4月末で停止とのこと", _U),
        ("備考", "死去", _U),
        ("配信希望", "停止希望", _U),
        ("備考", "停止線の工事について相談あり", _C),
        ("備考", "不要品回収の担当", _C),
        ("備考", "駐車場の解約相談", _C),
        ("備考", "イベントの中止を連絡済み", _C),
        ("備考", "領収書は不要", _C),
        ("備考", "済", _C),
        ("備考欄", "登録", _C),
        ("Notes", "new", _C),
        ("Notes", "no", _C),
        ("備考", "×", _C),
        ("Unsubscribe link", "https://x.example/unsubscribe/1", _C),
        ("Marital status", "new", _C),
        ("住所", "停止線前", _C),
        ("enabled", "false", _U),
        ("enabled", "TRUE", _C),
        ("有効フラグ", "0", _U),
        ("Accepts Email Marketing", "no", _U),
        ("Accepts Email Marketing", "yes", _C),
        ("Accepts SMS Marketing", "no", _C),
        ("newsletter", "0", _U),
        ("newsletter", "weekly", _C),
        ("メルマガ", "×", _U),
        ("メルマガ受信", "しない", _U),
        ("receive_email", "no", _U),
        ("Emails received", "0", _C),
        ("メール受信数", "0", _C),
        ("同意の有無", "無", _U),
        ("同意欄", "×", _U),
        ("プライバシーポリシーへの同意", "しない", _U),
        ("同意者氏名", "不破 一郎", _C),
    ],
)
def test_any_column_that_plainly_speaks_against_mail_is_heeded(
    sqlite_stage: Stage, header: str, value: str, state: SubscriptionState
) -> None:
    import_list(sqlite_stage, f"email,{header}\na@x.example,{value}\n".encode())
    assert states_of(sqlite_stage.engine) == {"a": state}


def test_an_answer_that_denies_is_no_consent_in_a_column_that_asks_for_mail(
    sqlite_stage: Stage,
) -> None:
    headers = ("mailing_ok", "mail_optin_status", "受取可否", "DM可", "mailFlg", "eDM", "購読区分")
    noes = (
        "none",
        "なし",
        "no",
        "-",
        "不可",
        "拒否",
        "希望しない",
        "Not given",
        "未同意",
        "無",
        "NG",
    )
    yeses = ("yes", "可", "○", "あり", "問題なし", "1")
    for number, header in enumerate(headers):
        rows = [f"n{number}x{at}@x.example,{value}" for at, value in enumerate(noes)]
        rows += [f"y{number}x{at}@x.example,{value}" for at, value in enumerate(yeses)]
        import_list(sqlite_stage, "\n".join((f"email,{header}", *rows)).encode())
    states = states_of(sqlite_stage.engine)
    assert {state for name, state in states.items() if name[0] == "n"} == {_U}
    assert {state for name, state in states.items() if name[0] == "y"} == {_C}
    assert len(states) == len(headers) * (len(noes) + len(yeses))


#: Answers to a column that asks for mail, by what they say: who gets mail, and who does not.
_ANSWERS: dict[str, Sequence[str]] = {
    "メルマガ希望": (
        "はい、受け取ります",
        "希望します",
        "◎",
        "✓",
        "要",
        "毎週",
        "2026-04-01",
        "問題なし",
    ),
    "Accepts email": ("Yes, please", "granted", "t", "I agree", "weekly"),
    "mail_flg": ("1", "TRUE", "on", "explicit_yes"),
    "Can we email you?": ("Yes of course", "Yes, in the morning"),
}
_NO_ANSWERS: dict[str, Sequence[str]] = {
    "メルマガ希望": (
        "",
        "もう結構です",
        "見合わせ",
        "△",
        "ｘ",
        "2",
        "郵送を希望",
        "一部許可",
        "どちらでも",
        "同意(撤回 2024/5)",
        "동의(철회 2024.5)",
        "ja, widerrufen",
    ),
    "Accepts email": (
        "only by post",
        "I'd rather not",
        "lapsed",
        "?",
        "yes, but later",
        "yes (revoked 5/24)",
    ),
    "mail_flg": ("9", "NULL", "-1", "−1"),
    "Can we email you?": ("Only about my booking",),
}


def test_only_a_yes_in_a_column_that_asks_for_mail_is_consent(sqlite_stage: Stage) -> None:
    for number, header in enumerate(_ANSWERS):
        rows = [f'y{number}x{at}@x.example,"{v}"' for at, v in enumerate(_ANSWERS[header])]
        rows += [f'n{number}x{at}@x.example,"{v}"' for at, v in enumerate(_NO_ANSWERS[header])]
        _, problems = import_list(sqlite_stage, "\n".join((f"email,{header}", *rows)).encode())
        assert {each.field for each in problems} == {"opt_in"}
    confirmed = {name for name, state in states_of(sqlite_stage.engine).items() if state is _C}
    assert {name[0] for name in confirmed} == {"y"}
    assert len(confirmed) == sum(map(len, _ANSWERS.values()))


@pytest.mark.parametrize(
    "header",
    [
        "配信地域",
        "希望日",
        "メール種別",
        "購読プラン",
        "Newsletter name",
        "consent_text",
        "Email source",
        "Newsletter-Sprache",
    ],
)
def test_a_column_that_asks_which_or_when_asks_for_no_consent(
    sqlite_stage: Stage, header: str
) -> None:
    import_list(sqlite_stage, f"email,{header}\na@x.example,A\nb@x.example,\n".encode())
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _C}


def test_a_blank_answer_is_no_consent_whatever_a_column_of_states_says(sqlite_stage: Stage) -> None:
    text = (
        "email,状態,メルマガ希望\na@x.example,配信中,\nb@x.example,配信中,×\nc@x.example,配信中,9\n"
    )
    import_list(sqlite_stage, f"{text}d@x.example,,はい\ne@x.example,,\n".encode())
    assert states_of(sqlite_stage.engine) == {"b": _U, "d": _C}


def test_a_column_that_asks_for_mail_can_be_left_out_but_for_a_no(sqlite_stage: Stage) -> None:
    text = "email,メルマガ希望\na@x.example,9\nb@x.example,×\n".encode()
    import_list(sqlite_stage, text, columns={"email": "address", "メルマガ希望": "-"})
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}


def test_an_answer_that_comes_late_in_json_lines_counts(
    sqlite_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscribers.lists.imports.imports._CHUNK", 1)
    rows = [
        '{"email": "a@x.example"}',
        '{"email": "b@x.example", "newsletter": false}',
        '{"email": "c@x.example", "BLOCKLISTED": "yes"}',
        '{"email": "d@x.example", "accepts_email": "implied"}',
    ]
    import_list(sqlite_stage, "\n".join(rows).encode(), name="list.jsonl")
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U, "c": _U}


def test_a_column_that_speaks_against_mail_may_say_that_nothing_does(sqlite_stage: Stage) -> None:
    text = "email,配信停止,DM_NG\na@x.example,なし,none\nb@x.example,none,○\n"
    import_list(sqlite_stage, text.encode())
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}


@pytest.mark.parametrize("remark", ["停止の件", "停止、再開", "停止しない", "担当変更（停止）"])
def test_a_remark_that_may_say_that_somebody_left_keeps_its_row_out(
    sqlite_stage: Stage, remark: str
) -> None:
    text = f"email,状態,備考\na@x.example,配信中,{remark}\nb@x.example,停止,{remark}\n"
    _, problems = import_list(sqlite_stage, text.encode())
    assert states_of(sqlite_stage.engine) == {"b": _U}
    assert [(each.line, each.field, each.value) for each in problems] == [(2, "備考", remark)]


def test_a_plain_remark_of_leaving_counts_beside_an_unclear_one(sqlite_stage: Stage) -> None:
    import_list(sqlite_stage, "email,備考,メモ\na@x.example,停止の件,解約\n".encode())
    assert states_of(sqlite_stage.engine) == {"a": _U}


def test_what_a_browser_calls_nothing_still_speaks_against_mail(sqlite_stage: Stage) -> None:
    chosen = {"email": "address", "BLOCKLISTED": "-"}
    text = b"email,BLOCKLISTED\na@x.example,Yes\n"
    import_list(sqlite_stage, text, columns=chosen)
    assert states_of(sqlite_stage.engine) == {"a": _U}


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ('"opt_in": false', _U),
        ('"enabled": 0', _U),
        ('"opt_out": false', _C),
        ('"note": false', _C),
    ],
)
def test_a_no_that_json_writes_without_quotes_is_heeded_too(
    sqlite_stage: Stage, told: str, state: SubscriptionState
) -> None:
    import_list(sqlite_stage, f'{{"email": "a@x.example", {told}}}\n'.encode(), name="list.jsonl")
    assert states_of(sqlite_stage.engine) == {"a": state}


def test_a_file_s_name_says_what_everybody_in_it_is(sqlite_stage: Stage) -> None:
    import_list(sqlite_stage, b"email\na@x.example\n", name="unsubscribes-2026.csv")
    assert states_of(sqlite_stage.engine) == {"a": _U}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("A@example.jp,active,,\na@example.jp,unsubscribed,,\n", _U),
        ("a@example.jp,unsubscribed,,\nA@example.jp,active,,\n", _U),
        ("a@example.jp,active,2024-05-01,\na@example.jp,unsubscribed,,2023-05-01\n", _C),
        ("a@example.jp,unsubscribed,,2023-05-01\na@example.jp,active,2024-05-01,\n", _C),
        ("a@example.jp,active,2022-05-01,\na@example.jp,unsubscribed,,2023-05-01\n", _U),
        ("a@example.jp,active,,\na@example.jp,pending,,\n", _C),
    ],
)
def test_of_two_rows_on_one_person_the_leaving_counts(
    stage: Stage, rows: str, expected: SubscriptionState
) -> None:
    import_list(stage, f"email,status,consented_at,unsubscribed_at\n{rows}".encode())
    assert states_of(stage.engine) == {"a": expected}


def test_a_row_that_is_odd_and_left_counts_beside_a_plain_one(stage: Stage) -> None:
    import_list(stage, b"email,status\na@example.jp,active\n<a@example.jp>,unsubscribed\n")
    assert states_of(stage.engine) == {"a": _U}


@pytest.mark.parametrize("column", ["配信状態", "Subscription", "Membership status"])
def test_who_left_in_rarer_words_gets_no_mail(stage: Stage, column: str) -> None:
    words = [
        "停止（本人希望）",
        "解約",
        "休止中",
        "お断り",
        "✕",
        "stop",
        "Left list",
        "never",
        "no (by phone)",
    ]
    rows = "".join(f"r{number}@example.jp,{word}\n" for number, word in enumerate(words))
    import_list(stage, f"email,{column}\n{rows}".encode())
    assert states_of(stage.engine) == dict.fromkeys((f"r{n}" for n in range(len(words))), _U)


def test_columns_that_are_not_taken_are_named(sqlite_stage: Stage) -> None:
    text = "email,名前,部署,役職,BLOCKLISTED\na@x.example,葵,営業,課長,\n".encode()
    assert import_list(sqlite_stage, text)[0].left_out == ("部署", "役職")
    assert import_list(sqlite_stage, text, columns={"部署": "-"})[0].left_out == ("役職",)


@pytest.mark.parametrize(
    ("header", "rows", "expected"),
    [
        (
            "Email address,Email permission status,Email update date",
            ("Explicit,2026-01-02", "Implicit,2026-01-02", "Unsubscribed,2026-01-02"),
            [_C, _C, _U],
        ),
        (
            "Email address,Email permission status,Email update date",
            ("No permissions set,", ",", "Awaiting confirmation,"),
            [None, None, _P],
        ),
        (
            "メールアドレス,会員ID,メールマガジン送付について",
            ("1,1", "2,2", "3,3"),
            [_C, _C, _U],
        ),
        ("email,status", ("aktywny", "wypisany", "niepotwierdzony"), [_C, _U, _P]),
        ("email,status", ("активен", "отписан", "не подтверждён"), [_C, _U, _P]),
    ],
)
def test_documented_codes_and_words_of_other_languages_are_states(
    sqlite_stage: Stage,
    header: str,
    rows: Sequence[str],
    expected: Sequence[SubscriptionState | None],
) -> None:
    lines = (f"{name}@x.example,{row}" for name, row in zip("abc", rows, strict=True))
    import_list(sqlite_stage, "\n".join((header, *lines)).encode())
    states = states_of(sqlite_stage.engine)
    assert [states.get(name) for name in "abc"] == expected


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("Company", "Unsubscribe Ltd"),
        ("会社名", "株式会社配信停止対策室"),
        ("Job title", "Complaints Manager"),
        ("Tax Exempt", "no"),
        ("Children", "none"),
    ],
)
def test_what_is_said_of_something_else_is_no_word_against_mail(
    sqlite_stage: Stage, column: str, value: str
) -> None:
    import_list(sqlite_stage, f"email,status,{column}\na@example.jp,subscribed,{value}\n".encode())
    assert states_of(sqlite_stage.engine) == {"a": _C}


def test_a_state_that_stands_alone_in_such_a_column_counts(sqlite_stage: Stage) -> None:
    import_list(sqlite_stage, b"email,status,Company\na@example.jp,subscribed,unsubscribed\n")
    assert states_of(sqlite_stage.engine) == {"a": _U}


@pytest.mark.parametrize("column", ["DM(郵送)希望", "DM（はがき）希望", "郵便でのお知らせ希望"])
def test_who_wants_letters_says_nothing_of_mail(sqlite_stage: Stage, column: str) -> None:
    rows = "a@example.jp,○,×\nb@example.jp,×,○\nc@example.jp,,○\n"
    import_list(sqlite_stage, f"email,メルマガ希望,{column}\n{rows}".encode())
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}


@pytest.mark.parametrize(
    "never",
    [
        "0000/00/00 00:00",
        "9999/12/31",
        "99991231",
        "9999-12-31T23:59:59",
        "2999年12月31日",
        "31/12/9999",
        "12/31/9999 0:00",
        "31.12.2999",
        "31-DEC-9999",
        "December 31 9999",
        "1970-01-01T00:00:00Z",
        "01/01/1900",
        "1900/1/0",
        "30.12.1899",
        "0001-01-01 00:00:00",
    ],
)
def test_a_day_of_leaving_that_is_none_says_that_nobody_left(
    sqlite_stage: Stage, never: str
) -> None:
    rows = f"a@example.jp,{never}\nb@example.jp,2022/03/31\n"
    import_list(sqlite_stage, f"メールアドレス,解除日時\n{rows}".encode())
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}


@pytest.mark.parametrize("day", ["30/12/2025", "12/31/2025", "1.1.2024", "01-JAN-2024", "20250131"])
def test_a_day_of_leaving_that_is_one_says_that_its_person_left(
    sqlite_stage: Stage, day: str
) -> None:
    rows = f"a@example.jp,\nb@example.jp,{day}\n"
    import_list(sqlite_stage, f"メールアドレス,解除日時\n{rows}".encode())
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}


@pytest.mark.parametrize(
    "table",
    [
        "| Nom | Mail | status |\n|:---|:---:|---:|\n| Zoé | a@x.example | unsubscribed |\n",
        " nom | adresse | status \n-----+-------+-----\n Zoé | a@x.example | unsubscribed\n",
        "shop=# SELECT mail, status FROM p;\n mail | status \n---+---\n a@x.example | unsubscribed",
        "+-----+-----+\n| mail | status |\n+-----+-----+\n| a@x.example | unsubscribed |\n+----+",
    ],
    ids=["Markdown", "psql", "query", "mysql"],
)
def test_a_ruled_line_is_neither_heading_nor_row(sqlite_stage: Stage, table: str) -> None:
    _, problems = import_list(sqlite_stage, table.encode())
    assert states_of(sqlite_stage.engine) == {"a": _U}
    assert problems == []


@pytest.mark.parametrize("text", ["{}\nmori＠example.jp\n", "mori＠example.jp\n{}\n"])
def test_an_address_with_a_wide_at_sign_is_one_among_lines_of_addresses(
    sqlite_stage: Stage, text: str
) -> None:
    import_list(sqlite_stage, text.format("a@example.jp").encode())
    assert states_of(sqlite_stage.engine) == {"a": _C, "mori": _C}


def test_a_heading_with_a_line_drawn_below_it_is_said_of_the_addresses_below_wherever_it_stands(
    sqlite_stage: Stage,
) -> None:
    people = "\n".join(f"a{number}@example.jp" for number in range(40))
    text = f"現在の会員\n----------\n{people}\n\n退会した方\n----------\nb@example.jp\n"
    import_list(sqlite_stage, text.encode())
    states = states_of(sqlite_stage.engine)
    assert (states.pop("b"), set(states.values()), len(states)) == (_U, {_C}, 40)


def test_a_line_that_only_begins_like_a_rule_is_read_in_the_time_of_its_length() -> None:
    def read(text: str) -> int:
        return sum(1 for _ in list_records(io.BytesIO(text.encode()), file_name="l", source="l"))

    for line in ("---- " * 20_000 + "x", "-" * 100_000 + "x", ":---:|" * 20_000 + "x"):
        assert read(f"email|a\n{line}\na@x.example|b\n") == 3


def test_bars_part_the_cells_of_a_table(sqlite_stage: Stage) -> None:
    import_list(sqlite_stage, "Namn|E-post|Status\nÅsa|a@example.org|avregistrerad\n".encode())
    assert states_of(sqlite_stage.engine) == {"a": _U}


@pytest.mark.parametrize("sign", ["<", "(", "※", "* ", "(a"])
def test_a_name_without_end_is_read_at_once(sqlite_stage: Stage, sign: str) -> None:
    begun = process_time()
    import_list(sqlite_stage, f"email,name\na@x.jp,{sign * 100_000}\n".encode(), name="l.csv")
    assert process_time() - begun < 10
