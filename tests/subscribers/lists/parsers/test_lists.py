"""Lists in and out: encodings, columns, terms, and what a kill leaves."""

from __future__ import annotations

import csv
import io
import itertools
import json
import weakref
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import DataError

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.addresses import parse_address
from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import (
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
)
from newsletter.database.vocabulary import (
    FieldType,
    SubscriptionState,
    SuppressionReason,
    UnsubscribeWay,
)
from newsletter.errors import ConflictError, ListError
from newsletter.i18n.language import Language
from newsletter.newsletters.publications import create_newsletter, find_newsletter
from newsletter.tokens import Pseudonyms
from subscribers.fields.actions import delete_field
from subscribers.fields.model import Field
from subscribers.fields.store import list_fields
from subscribers.leaving import unsubscribe
from subscribers.lists.columns.entries import ListEntry
from subscribers.lists.columns.new_fields import NewFields, find_new_fields
from subscribers.lists.columns.plain_rows import PlainRows
from subscribers.lists.exports.csv_export import csv_pages
from subscribers.lists.exports.exports import exported, json_pages
from subscribers.lists.imports.import_report import ImportReport
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.imports.staging import encode
from subscribers.lists.imports.writing import Terms, write_chunk
from subscribers.lists.parsers.column_guesses import find_addressed
from subscribers.lists.parsers.decoding import text_lines
from subscribers.lists.parsers.files import digest_of, list_records, opened_list
from subscribers.lists.parsers.headings import distinct_names
from subscribers.lists.parsers.json_lines import json_records
from subscribers.lists.parsers.tables import csv_records
from subscribers.lists.records import Problem, Record
from tests.support import fields
from tests.support.growth import assert_linear
from tests.support.stage import DRAFT, Stage, set_stage

_LIST = "メールアドレス,氏名,都市\na@example.jp,佐藤,東京\n"
_OPTIONS = ImportOptions(source="l.csv", basis="form")
_KEY = b"k" * 32


def _records(text: str) -> Iterator[Record]:
    return csv_records(text.splitlines(keepends=True), source="l.csv")


def _import(stage: Stage, text: str, options: ImportOptions = _OPTIONS) -> ImportReport:
    return import_records(stage.engine, stage.newsletter_id, _records(text), options)


def _person(stage: Stage, key: str = "a@example.jp") -> SubscriberRow:
    with reading(stage.engine) as session:
        return session.scalars(select(SubscriberRow).where(SubscriberRow.address_key == key)).one()


def _known(stage: Stage, key: str = "a@example.jp") -> SubscriptionRow:
    with reading(stage.engine) as session:
        return session.scalars(
            select(SubscriptionRow)
            .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
            .where(SubscriberRow.address_key == key)
        ).one()


def _state(stage: Stage) -> SubscriptionState:
    with reading(stage.engine) as session:
        return session.scalars(select(SubscriptionRow.state)).one()


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("inner", ["\r", "\n", "\r\n"])
def test_cells_hold_line_ends_of_any_kind_whatever_ends_the_rows(end: str, inner: str) -> None:
    rows = [
        "名簿",
        "",
        'email,"氏名"',
        f'a@x.example,"甲{inner}乙"',
        f'"b@x.example","丙{inner}"',
        "",
    ]
    octets = end.join(rows).encode()
    records = list_records(io.BytesIO(octets), file_name="l.csv", source="l.csv")
    read = [record.values for record in records if not record.header]
    assert [values["email"] for values in read] == ["a@x.example", "b@x.example"]
    assert ["".join(str(values["氏名"]).split()) for values in read] == ["甲乙", "丙"]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "cp932", "euc_jp", "iso2022_jp"]
)
def test_encodings_of_japan_are_recognised(encoding: str) -> None:
    text = "email,name\nascii@example.jp,A\n" * 3 + "b@example.jp,さとう あおいさま\n"
    lines = list(text_lines(io.BytesIO(text.encode(encoding)), source="l.csv"))
    assert "".join(lines).removeprefix("\ufeff") == text


def test_a_list_in_utf_16_stays_open_to_tell_how_far_it_was_read() -> None:
    stream = io.BytesIO("email\na@example.jp\n".encode("utf-16"))
    list(text_lines(stream, source="l.csv"))
    assert stream.tell() == len(stream.getvalue())


def test_a_list_in_utf_16_that_ends_amid_a_character_is_refused() -> None:
    stream = io.BytesIO("email\na@example.jp\n".encode("utf-16")[:-1])
    with pytest.raises(ListError, match=r"l\.csv:2: .*UTF-16"):
        list(text_lines(stream, source="l.csv"))


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_the_sign_between_columns_is_recognised(sign: str) -> None:
    text = f'email{sign}name\na@example.de{sign}"Groß, Änne; Frau"\n'
    (_, record) = csv_records([*text.splitlines(keepends=True)], source="l.csv")
    assert record.values == {"email": "a@example.de", "name": "Groß, Änne; Frau"}


def test_texts_that_are_written_as_formulas_are_read_as_texts() -> None:
    text = 'コード,氏名,Eメール\n="007",="飯野 ""恒""",="iino@example.com"\n'
    _, record = list_records(io.BytesIO(text.encode()), file_name="l.csv", source="l")
    assert list(record.cells) == ["007", '飯野 "恒"', "iino@example.com"]


@pytest.mark.parametrize("cell", [";=", ',="a",', '\n;="",', "\n,=\n"])
def test_what_looks_like_a_text_as_a_formula_stays_within_a_cell(cell: str) -> None:
    escaped = cell.replace('"', '""')
    text = f'"email","name"\n="a@example.jp","{escaped}"\n"{escaped}",=";"\n'
    _, *records = list_records(io.BytesIO(text.encode()), file_name="l.csv", source="l")
    assert [list(record.cells) for record in records] == [["a@example.jp", cell], [cell, ";"]]


def test_a_quote_that_never_ends_stops_its_own_row_alone() -> None:
    lines = ["email,name\n", '"a@example.jp,葵\n', "b@example.jp,蓮\n", 'c@example.jp,"茜"\n']
    _, broken, *others = csv_records(lines, source="l.csv")
    assert (broken.line, "quotation mark" in str(broken.fault)) == (2, True)
    assert [(row.line, row.values["email"]) for row in others] == [
        (3, "b@example.jp"),
        (4, "c@example.jp"),
    ]


class _Line(str):  # noqa: SLOT000 - weak references need its __dict__
    """A line of which one can tell whether somebody still holds it."""


def test_lines_are_let_go_of_as_the_list_goes_on() -> None:
    alive: weakref.WeakSet[_Line] = weakref.WeakSet()

    def lines() -> Iterator[str]:
        yield "email\n"
        for number in range(2_000):
            line = _Line(f"reader{number}@example.jp\n")
            alive.add(line)
            yield line

    held = max(len(alive) for _record in csv_records(lines(), source="l.csv"))
    assert held < 100


@pytest.mark.parametrize(
    "broken",
    [
        ['a","\n'] * 20_000,
        [*['a","\n'] * 400, 'a,"b" c\n'] * 50,
        ['"a\n', *["b@example.jp,c\n"] * 30] * 600,
        ['"' + "a" * 2000 + '","\n'] * 3000,
    ],
)
def test_broken_quotes_cost_no_more_than_the_list_is_long(
    broken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = 0
    plain = csv.reader

    def counting(lines: Iterator[str], **options: Any) -> Iterator[list[str]]:
        def counted() -> Iterator[str]:
            nonlocal read
            for line in lines:
                read += 1
                yield line

        return plain(counted(), **options)

    monkeypatch.setattr(csv, "reader", counting)
    lines = ["email,name\n", *broken, "z@example.jp,葵\n"]
    *_, last = csv_records(lines, source="l.csv")
    assert (last.line, last.values) == (len(lines), {"email": "z@example.jp", "name": "葵"})
    assert read < 6 * len(lines)


def test_a_quote_that_never_ends_holds_a_bounded_part_of_the_list() -> None:
    alive: weakref.WeakSet[_Line] = weakref.WeakSet()

    def lines() -> Iterator[str]:
        yield "email,name\n"
        for number in range(10_000):
            line = _Line(f'{number}","\n')
            alive.add(line)
            yield line

    held = max(len(alive) for _record in csv_records(lines(), source="l.csv"))
    assert held < 1100


def test_a_cell_of_many_lines_is_one_row_and_one_beyond_all_measure_a_fault() -> None:
    notes = "".join(f"note {number}\n" for number in range(900))
    text = f'email,note\na@example.jp,"{notes}"\nb@example.jp,"{notes}{notes}"\nc@example.jp,x\n'
    _, first, *others = _records(text)
    assert (first.line, first.values["note"]) == (2, notes)
    fault = next(one for one in others if one.fault)
    assert (fault.line, "1,000 lines" in str(fault.fault)) == (903, True)
    assert others[-1].values == {"email": "c@example.jp", "note": "x"}


def test_a_header_whose_quote_never_ends_is_told_with_its_line() -> None:
    with pytest.raises(ListError, match=r"l\.csv:1: .*quotation mark"):
        list(csv_records(['email,"name\n', "b@example.jp,蓮\n"], source="l.csv"))


def test_a_list_that_mixes_encodings_is_refused_by_line() -> None:
    text = "a@example.jp,さとう\n" * 20_000
    data = text.encode() + "z@example.jp,さとう\n".encode("cp932")
    with pytest.raises(ListError, match=r"l\.csv:20001: This line is not in UTF-8"):
        list(text_lines(io.BytesIO(data), source="l.csv"))


def test_a_thousand_columns_of_one_name_are_told_apart() -> None:
    lines = ["email" + ",c" * 999 + "\n", "a@example.jp" + ",1" * 999 + "\n"]
    *_, record = csv_records(lines, source="list")
    assert (len(record.values), record.values["c (999)"]) == (1000, "1")
    assert_linear(distinct_names, lambda size: ["c"] * size, size=80_000)


_TOWN = fields.a_field("town", labels={"ja": "都市", "en": "Town"})


def _add(stage: Stage, *added: Field) -> None:
    fields.set_fields(stage.engine, stage.newsletter_id, *added)


@pytest.mark.parametrize("column", ["都市", "town", "TOWN"])
def test_a_column_is_the_field_of_its_key_or_label(stage: Stage, column: str) -> None:
    _add(stage, _TOWN)
    options = ImportOptions(source="l.csv", basis="form", tags=("press",))
    _import(stage, _LIST.replace("都市", column), options)
    assert _known(stage).attributes == {"town": "東京"}
    with reading(stage.engine) as session:
        assert session.scalars(select(TagRow.tag)).all() == ["press"]


def test_a_mapping_names_any_column(stage: Stage) -> None:
    _add(stage, fields.CITY)
    columns = {"wer": "address", "wo": "field.city"}
    options = ImportOptions(source="l.csv", basis="form", columns=columns)
    _import(stage, "wer,wo\na@example.jp,Köln\n", options)
    assert _known(stage).attributes == {"city": "Köln"}
    wrong = ImportOptions(source="l.csv", basis="form", columns={"wo": "field.town"})
    with pytest.raises(ListError, match="wo"):
        _import(stage, "email,wo\na@example.jp,Köln\n", wrong)


@pytest.mark.parametrize("broken", ["", '"葵\nmore",x@example.jp\n'])
def test_cells_beyond_the_header_are_named(stage: Stage, broken: str) -> None:
    problems: list[Problem] = []
    text = f"name,email\n葵,a@example.jp,千葉,,031\n蓮,b@example.jp,, \n{broken}"
    report = import_records(
        stage.engine, stage.newsletter_id, _records(text), _OPTIONS, on_problem=problems.append
    )
    assert (report.added, report.warnings, report.refusals) == (2 + bool(broken), 1, 0)
    assert [(one.line, one.value, one.taken) for one in problems] == [(2, "千葉, 031", True)]
    assert "more cells" in str(problems[0].problem)


def test_the_first_warning_of_each_kind_is_named_however_late_it_comes(stage: Stage) -> None:
    rows = [f"r{number}@example.jp,klingon{number}" for number in range(40)]
    rows += ["late@example.jp,ja,more", "later@example.jp,ja,more"]
    report = _import(stage, "\n".join(["email,language", *rows]) + "\n")
    assert (report.added, report.warnings) == (42, 42)
    assert [one.line for one in report.warned] == [*range(2, 12), 42]


def test_values_are_read_by_the_types_of_their_fields(stage: Stage) -> None:
    _add(stage, *fields.ALL)
    problems: list[Problem] = []
    text = (
        "email,年齢,生年月日,会員,プラン,topics\n"
        "a@example.jp,３０,昭和30年1月5日,はい,有料,文化、防災\n"
        "b@example.jp,old,,,gold,\n"
    )
    report = import_records(
        stage.engine, stage.newsletter_id, _records(text), _OPTIONS, on_problem=problems.append
    )
    assert _known(stage).attributes == {
        "age": 30,
        "birthday": "1955-01-05",
        "member": True,
        "plan": "paid",
        "topic": ["防災", "文化"],
    }
    # What is no value is left out and said; the person is taken all the same.
    assert (report.added, report.warnings, _known(stage, "b@example.jp").attributes) == (2, 2, {})
    assert {(one.line, one.field, one.value) for one in problems} == {
        (3, "age", "old"),
        (3, "plan", "gold"),
    }


def _new_fields(stage: Stage, text: str) -> NewFields:
    with reading(stage.engine) as session:
        known = list_fields(session, stage.newsletter_id)
    return find_new_fields(
        _records(text), {}, known=known, language=Language.JAPANESE, source="l.csv"
    )


def test_a_cell_that_is_nested_without_end_defines_no_field(stage: Stage) -> None:
    assert _new_fields(stage, f"email,attributes\na@example.jp,{'[' * 100_000}\n").fields == ()


def test_other_columns_become_fields_of_the_type_of_all_their_values(stage: Stage) -> None:
    _add(stage, fields.CITY)
    text = (
        "email,City,Age,登録年月,郵便番号,会員,Note,Empty,status\n"
        "a@example.jp,x,30,2026/1/5,0600001,はい,12,,active\n"
        "b@example.jp,y,2.5,令和8年2月1日,1000001,いいえ,many,,\n"
    )
    new = _new_fields(stage, text)
    assert {field.label(Language.JAPANESE): field.type for field in new.fields} == {
        "Age": FieldType.NUMBER,
        "登録年月": FieldType.DATE,
        "郵便番号": FieldType.TEXT,
        "会員": FieldType.YES_NO,
        "Note": FieldType.TEXT,
    }
    keys = [field.key for field in new.fields]
    assert (keys[0], keys[-1], len(set(keys))) == ("age", "note", 5)
    _add(stage, *new.fields)
    assert _new_fields(stage, text) == NewFields()
    _import(stage, text, ImportOptions(source="l.csv", basis="form", columns=new.columns))
    assert _known(stage).attributes == {
        "city": "x",
        **dict(zip(keys, [30, "2026-01-05", "0600001", True, "12"], strict=True)),
    }


def test_cells_that_name_several_things_become_a_field_of_options(sqlite_stage: Stage) -> None:
    cells = ("防災、子育て", "子育て", "防災", "文化、防災", "文化")
    rows = "".join(f"a{at}@x.example,{cell},東京都、北区\n" for at, cell in enumerate(cells))
    new = _new_fields(sqlite_stage, f"email,分野,住所\n{rows}")
    area, home = new.fields
    assert (area.type, home.type) == (FieldType.CHOICES, FieldType.TEXT)
    assert {option.value for option in area.options} == {"防災", "子育て", "文化"}


def test_a_telephone_that_may_have_lost_its_zero_is_kept_and_told(sqlite_stage: Stage) -> None:
    text = "email,携帯電話\na@example.jp,9012345678\nb@example.jp,8012345678\n"
    new = _new_fields(sqlite_stage, text)
    assert [field.type for field in new.fields] == [FieldType.TEXT]
    _add(sqlite_stage, *new.fields)
    terms = ImportOptions(source="l.csv", basis="form", columns=new.columns)
    report = _import(sqlite_stage, text, terms)
    assert [each.value for each in report.warned] == ["9012345678", "8012345678"]
    assert [*_known(sqlite_stage).attributes.values()] == ["9012345678"]


def test_a_column_that_is_left_out_becomes_no_new_field() -> None:
    new = find_new_fields(
        _records("email,City,Note,memo\na@example.jp,x,y,z\n"),
        {"Note": "-"},
        known=(),
        language=Language.JAPANESE,
        source="l.csv",
        left_out={"Note"},
    )
    assert {field.key for field in new.fields} == {"city", "memo"}


def test_an_object_of_another_system_becomes_fields(stage: Stage) -> None:
    text = 'email,attributes\na@example.jp,"{""Plan"": ""x"", ""ids"": [""a"", ""b""], ""n"": 1}"\n'
    new = _new_fields(stage, text)
    assert {field.key: field.type for field in new.fields} == {
        "plan": FieldType.TEXT,
        "ids": FieldType.CHOICES,
        "n": FieldType.NUMBER,
    }
    _add(stage, *new.fields)
    _import(stage, text)
    assert _known(stage).attributes == {"plan": "x", "ids": ["a", "b"], "n": 1}


@pytest.mark.parametrize(("update", "city"), [(False, "千葉"), (True, "東京")])
def test_a_list_speaks_for_all_newsletters_that_share_its_fields(
    stage: Stage, *, update: bool, city: str
) -> None:
    _add(stage, fields.CITY, fields.AGE)
    with transaction(stage.engine) as session:
        second = create_newsletter(
            session, replace(DRAFT, slug="second"), sharing=_newsletter(stage)
        ).id
        own = create_newsletter(session, replace(DRAFT, slug="own")).id
    fields.set_fields(stage.engine, own, fields.CITY)
    _import(stage, "email,city\na@example.jp,千葉\n")
    text = "email,city,age\na@example.jp,東京,30\nb@example.jp,船橋,\n"
    options = replace(_OPTIONS, update=update)
    import_records(stage.engine, own, _records(text), options)
    import_records(stage.engine, second, _records(text), options)
    with reading(stage.engine) as session:
        found = {
            (row.newsletter_id, row.subscriber_id): row.attributes
            for row in session.scalars(select(SubscriptionRow))
        }
    person, other = (stage.subscriber_id(f"{name}@example.jp") for name in "ab")
    assert found == {
        (stage.newsletter_id, person): {"city": city, "age": 30},
        (second, person): {"city": city, "age": 30},
        (second, other): {"city": "船橋"},
        (own, person): {"city": "東京"},
        (own, other): {"city": "船橋"},
    }


def test_a_field_that_is_deleted_amid_an_import_ends_it(stage: Stage) -> None:
    _add(stage, fields.CITY)

    def records() -> Iterator[Record]:
        yield from _records("email,city\na@example.jp,千葉\n")
        with transaction(stage.engine) as session:
            delete_field(session, COMMAND_LINE, stage.newsletter_id, "city")

    with pytest.raises(ConflictError, match="deleted"):
        import_records(stage.engine, stage.newsletter_id, records(), _OPTIONS)
    with reading(stage.engine) as session:
        assert session.scalar(select(func.count()).select_from(SubscriptionRow)) == 0


def test_json_lines_keep_their_types(stage: Stage) -> None:
    _add(stage, fields.AGE)
    lines = ['{"email": "a@example.jp", "attributes": {"age": 30}, "tags": ["x"]}\n', "nonsense\n"]
    records = json_records(lines, source="l.jsonl")
    report = import_records(stage.engine, stage.newsletter_id, records, _OPTIONS)
    assert (report.added, report.refusals) == (1, 1)
    assert _known(stage).attributes == {"age": 30}


def test_what_is_known_is_kept_unless_updating_is_asked(stage: Stage) -> None:
    _add(stage, _TOWN)
    _import(stage, _LIST.replace("東京", "千葉"))
    changed = _LIST.replace("佐藤", "鈴木")
    assert _import(stage, changed).updated == 0
    assert _known(stage).name == "佐藤"
    update = ImportOptions(source="l.csv", basis="form", update=True)
    assert _import(stage, changed, update).updated == 1
    assert (_known(stage).name, _known(stage).attributes) == ("鈴木", {"town": "東京"})
    assert _import(stage, changed, update).updated == 0


@pytest.mark.parametrize(
    ("days", "state"),
    [
        (-1, SubscriptionState.CONFIRMED),
        (-3, SubscriptionState.UNSUBSCRIBED),
        (1, SubscriptionState.UNSUBSCRIBED),
    ],
)
def test_only_a_consent_newer_than_the_leaving_brings_back(
    stage: Stage, days: int, state: SubscriptionState
) -> None:
    stage.subscribe("a@example.jp")
    with transaction(stage.engine) as session:
        unsubscribe(
            session,
            newsletter_id=stage.newsletter_id,
            subscriber_id=stage.subscriber_id("a@example.jp"),
            mailing_id=None,
            way=UnsubscribeWay.PAGE,
        )
        session.execute(
            update(SubscriptionRow).values(unsubscribed_at=datetime.now(UTC) - timedelta(days=2))
        )
    consent = datetime.now(UTC) + timedelta(days=days)
    _import(stage, f"email,consented_at\na@example.jp,{consent.isoformat()}\n")
    assert _state(stage) is state


def test_an_address_known_only_by_hash_is_refused(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        hashed = Pseudonyms((_KEY,)).of("a@example.jp")
        session.add(SuppressionRow(address_hash=hashed, reason=SuppressionReason.ERASED))
    options = ImportOptions(
        source="l.csv", basis="form", pseudonyms=Pseudonyms((b"new" * 16, _KEY))
    )
    report = _import(stage, _LIST, options)
    assert (report.added, report.refused[0].line) == (0, 2)


def test_an_import_cut_short_goes_on_where_it_was(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscribers.lists.imports.imports._CHUNK", 500)
    text = "email\n" + "".join(f"r{number}@example.jp\n" for number in range(600))
    options = ImportOptions(source="l.csv", basis="form", digest=digest_of(io.BytesIO(b"x"), "a"))

    def killed(rows: int) -> None:
        raise KeyboardInterrupt(rows)

    with pytest.raises(KeyboardInterrupt):
        import_records(stage.engine, stage.newsletter_id, _records(text), options, progress=killed)
    report = _import(stage, text, options)
    assert report.resumed_after == 500
    assert (report.added, report.refusals) == (600, 0)
    assert _import(stage, text, options).added == 0


def test_every_problem_is_told_by_line_and_field(stage: Stage) -> None:
    problems: list[Problem] = []
    text = "email,tags\nnobody,\na..b.@docomo.ne.jp,\nb@example.jp,a\x01b\n"
    report = import_records(
        stage.engine, stage.newsletter_id, _records(text), _OPTIONS, on_problem=problems.append
    )
    assert [(one.line, one.field) for one in problems] == [
        (2, "address"), (3, "address"), (4, "tags"),
    ]  # fmt: skip
    assert (report.added, report.warnings, report.refusals) == (1, 1, 2)


def test_a_line_that_is_no_json_and_one_without_an_address_say_so(stage: Stage) -> None:
    problems: list[Problem] = []
    lines = ['{"email": "a@example.jp"}\n', "{bad\n", '["a@example.jp"]\n', '{"name": "葵"}\n']
    records = json_records(lines, source="l.jsonl")
    import_records(stage.engine, stage.newsletter_id, records, _OPTIONS, on_problem=problems.append)
    assert [(one.line, str(one.problem)) for one in problems] == [
        (2, "This line is not a JSON object."),
        (3, "This line is not a JSON object."),
        (4, "An email address is missing."),
    ]


def test_half_of_a_character_refuses_its_line_alone(stage: Stage) -> None:
    problems: list[Problem] = []
    lines = [
        '{"email": "a@example.jp", "name": "葵\\ud83d"}\n',
        '{"email": "b@example.jp", "名\\udc00": "葵"}\n',
        '{"email": "c@example.jp", "attributes": "{\\"city\\": \\"\\\\ud83d\\"}"}\n',
        '{"email": "d@example.jp", "name": "葵\\ud83c\\udf31"}\n',
    ]
    records = json_records(lines, source="l.jsonl")
    report = import_records(
        stage.engine, stage.newsletter_id, records, _OPTIONS, on_problem=problems.append
    )
    assert [(one.line, "half of a character" in str(one.problem)) for one in problems] == [
        (1, True),
        (2, True),
        (3, True),
    ]
    assert (report.added, _known(stage, "d@example.jp").name) == (1, "葵🌱")


_TEXTS = (
    *("name", "given_name", "language", "time_zone", "format", "tags", "state", "paused_until"),
    *("consent_basis", "consent_source", "consent_wording", "consented_at", "suppressed"),
    *("suppression_evidence", "unsubscribed_at", "city"),
)


def test_a_nul_in_any_text_refuses_its_line_alone(stage: Stage) -> None:
    _add(stage, fields.CITY)
    problems: list[Problem] = []
    broken = [
        json.dumps({"email": f"a{number}@example.jp", "suppressed": "manual", name: "x\0y"})
        for number, name in enumerate(_TEXTS)
    ]
    lines = [*broken, '{"email": "b@example.jp", "consent_wording": ["x\\u0000y"]}']
    records = json_records(lines, source="l.jsonl")
    columns = {name: name for name in _TEXTS if name != "city"}
    options = ImportOptions(source="l.jsonl", basis="form", columns=columns)
    report = import_records(
        stage.engine, stage.newsletter_id, records, options, on_problem=problems.append
    )
    assert [(one.line, one.field, str(one.problem)) for one in problems] == [
        (number, name, "The value contains a control character.")
        for number, name in enumerate(_TEXTS, start=1)
    ]
    assert (report.added, report.refusals) == (1, len(_TEXTS))


def test_what_the_database_refuses_of_a_chunk_is_its_error(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    stage = set_stage(engine)
    entry = ListEntry(2, parse_address("a@example.jp"), "x\0y", "", {})
    terms = Terms(
        newsletter_id=stage.newsletter_id,
        basis="form",
        source="l.csv",
        wording="",
        language=Language.JAPANESE,
        update=False,
    )
    with pytest.raises(DataError) as caught, engine.begin() as connection:
        write_chunk(connection, encode(PlainRows(), [entry], "postgresql"), terms)
    assert "a@example.jp" not in str(caught.value)
    with engine.begin() as connection:
        staged = encode(PlainRows(), [entry._replace(name="x")], "postgresql")
        assert write_chunk(connection, staged, terms).added == 1
    engine.dispose()


def test_an_address_in_full_width_characters_is_read_as_usual_ones(stage: Stage) -> None:
    problems: list[Problem] = []
    text = "email\nａｏｉ＠ｅｘａｍｐｌｅ．ｊｐ\u3000\n"
    report = import_records(
        stage.engine, stage.newsletter_id, _records(text), _OPTIONS, on_problem=problems.append
    )
    assert (report.added, report.warnings) == (1, 1)
    assert _person(stage, "aoi@example.jp").address == "aoi@example.jp"
    assert "Full-width" in str(problems[0].problem)


def _newsletter(stage: Stage) -> NewsletterRow:
    with reading(stage.engine) as session:
        return find_newsletter(session, None)


@pytest.mark.parametrize("sign", "=+-@＝")
def test_formulas_are_defused_on_the_way_out(stage: Stage, sign: str) -> None:
    _import(stage, f"email,name\na@example.jp,{sign}1+1\n")
    pages = list(csv_pages(stage.engine, _newsletter(stage)))
    assert sum(page.people for page in pages) == 1
    rows = list(csv.DictReader(io.StringIO("".join(page.text for page in pages))))
    assert rows[0]["name"] == f"'{sign}1+1"


def test_what_is_exported_as_json_lines_can_be_imported(stage: Stage) -> None:
    _add(stage, _TOWN)
    options = ImportOptions(source="l.csv", basis="form", tags=("press",))
    _import(stage, _LIST, options)
    people = exported(stage.engine, _newsletter(stage), segment='tag = "press"')
    lines = [page.text for page in json_pages(people)]
    records = json_records(io.StringIO("".join(lines)), source="l.jsonl")
    again = import_records(stage.engine, stage.newsletter_id, records, _OPTIONS)
    assert (again.unchanged, again.refusals) == (1, 0)


def test_export_goes_on_past_its_pages(stage: Stage) -> None:
    _import(stage, "email\n" + "".join(f"r{number}@example.jp\n" for number in range(4500)))
    found = exported(stage.engine, _newsletter(stage), state=SubscriptionState.CONFIRMED)
    assert sum(1 for _ in itertools.islice(found, 9999)) == 4500
    with reading(stage.engine) as session:
        assert session.scalar(select(func.count()).select_from(SubscriptionRow)) == 4500


def test_a_moment_without_a_zone_is_on_the_newsletters_clock(stage: Stage) -> None:
    lines = "email,consented_at\na@example.jp,2026-01-31 08:00\n"
    _import(stage, lines, ImportOptions(source="l.csv", basis="form"))
    with reading(stage.engine) as session:
        consented_at = session.scalars(select(SubscriptionRow.consented_at)).one()
    assert consented_at == datetime(2026, 1, 30, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"PK\x03\x04\x14\x00", "workbook is broken"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old office program"),
        (b"\x89PNG\r\n", "a picture"),
        (b'[{"email": "a@example.jp"}]', "This is JSON"),
        (b'\xef\xbb\xbf\n{ "email": "a@example.jp" }', "This is JSON"),
    ],
)
def test_what_is_no_list_is_named_with_what_to_do(octets: bytes, said: str) -> None:
    stream = io.BytesIO(octets)
    with (
        pytest.raises(ListError, match=said) as refused,
        opened_list(stream, name="list.csv", source="list.csv") as listed,
    ):
        list(listed.records())
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("姓名,邮箱\n王芳,wang@example.org\n", ("邮箱",)),
        ("氏名,保護者\n青井,aoi@example.jp\n上田,\n江口,eguchi@example.jp\n", ("保護者",)),
        ("Name;Your e-mail?\nAnouk;Anouk <anouk@example.org>\n", ("Your e-mail?",)),
        ("氏名,保護者,担任\n青井,aoi@example.jp,sensei@example.jp\n", ("保護者", "担任")),
        ("氏名,備考\n青井,twitter @aoi\n上田,なし\n", ()),
    ],
)
def test_columns_of_addresses_are_known_by_their_values(
    text: str, columns: tuple[str, ...]
) -> None:
    assert find_addressed(_records(text)) == columns


def test_whose_address_a_list_means_is_asked_where_several_columns_hold_some(stage: Stage) -> None:
    with pytest.raises(ListError, match="Several columns hold email addresses: 保護者 and 担任"):
        _import(stage, "氏名,保護者,担任\n青井,aoi@example.jp,sensei@example.jp\n")


def test_a_column_of_addresses_that_holds_none_is_named_with_the_one_that_does(
    stage: Stage,
) -> None:
    answers = "メール,名前,連絡先\nanonymous,青木,aoki@example.jp\nanonymous,宇野,uno@example.jp\n"
    with pytest.raises(ListError, match=r"“メール” holds no email addresses; .*連絡先"):
        _import(stage, answers)
    _import(stage, answers, replace(_OPTIONS, columns={"連絡先": "address"}, is_answered=True))
    with reading(stage.engine) as session:
        assert set(session.scalars(select(SubscriberRow.address))) == {
            "aoki@example.jp",
            "uno@example.jp",
        }


def test_a_list_whose_column_of_addresses_has_a_name_of_its_own_is_imported(stage: Stage) -> None:
    _import(stage, "姓名,邮箱\n王芳,wang@example.org\n")
    with reading(stage.engine) as session:
        assert session.scalars(select(SubscriberRow.address)).all() == ["wang@example.org"]
