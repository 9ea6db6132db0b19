"""Lists in and out: encodings, columns, terms, and what a kill leaves."""

from __future__ import annotations

import csv
import io
import itertools
import json
import time
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import DataError

from newsletter.addresses import parse_address
from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import (
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
)
from newsletter.database.vocabulary import SubscriptionState, SuppressionReason, UnsubscribeWay
from newsletter.errors import ListError
from newsletter.i18n.language import Language
from newsletter.newsletters.publications import find_newsletter
from newsletter.tokens import Pseudonyms
from subscribers.leaving import unsubscribe
from subscribers.lists.columns import Problem
from subscribers.lists.entries import Entry
from subscribers.lists.exports import exported, write_csv, write_json_lines
from subscribers.lists.files import Record, csv_records, digest_of, json_records, text_lines
from subscribers.lists.imports import ImportOptions, ImportReport, import_records
from subscribers.lists.staging import encode
from subscribers.lists.writing import Terms, write_chunk
from tests.support.stage import Stage, set_stage

_LIST = "メールアドレス,氏名,都市\na@example.jp,佐藤,東京\n"
_OPTIONS = ImportOptions(source="l.csv", basis="form")
_KEY = b"k" * 32


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return set_stage(engine)


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
    with pytest.raises(ListError, match=r"l\.csv:20001: This line is not in utf-8"):
        list(text_lines(io.BytesIO(data), source="l.csv"))


def test_ten_thousand_columns_of_one_name_are_told_apart_in_time() -> None:
    lines = ["email" + ",c" * 10_000 + "\n", "a@example.jp" + ",1" * 10_000 + "\n"]
    began = time.process_time()
    *_, record = csv_records(lines, source="list")
    assert (len(record.values), record.values["c (10000)"]) == (10_001, "1")
    assert time.process_time() - began < 5


def test_other_columns_become_attributes_when_asked(stage: Stage) -> None:
    options = ImportOptions(source="l.csv", basis="form", keep_others=True, tags=("press",))
    _import(stage, _LIST, options)
    assert _known(stage).attributes == {"都市": "東京"}
    with reading(stage.engine) as session:
        assert session.scalars(select(TagRow.tag)).all() == ["press"]


def test_a_mapping_names_any_column(stage: Stage) -> None:
    columns = {"wer": "address", "wo": "attributes.city"}
    options = ImportOptions(source="l.csv", basis="form", columns=columns)
    _import(stage, "wer,wo\na@example.jp,Köln\n", options)
    assert _known(stage).attributes == {"city": "Köln"}


def test_json_lines_keep_their_types(stage: Stage) -> None:
    lines = ['{"email": "a@example.jp", "attributes": {"age": 30}, "tags": ["x"]}\n', "nonsense\n"]
    records = json_records(lines, source="l.jsonl")
    report = import_records(stage.engine, stage.newsletter_id, records, _OPTIONS)
    assert (report.added, report.refusals) == (1, 1)
    assert _known(stage).attributes == {"age": 30}


def test_what_is_known_is_kept_unless_updating_is_asked(stage: Stage) -> None:
    _import(stage, _LIST)
    changed = _LIST.replace("佐藤", "鈴木")
    assert _import(stage, changed).updated == 0
    assert _known(stage).name == "佐藤"
    update = ImportOptions(source="l.csv", basis="form", update=True, keep_others=True)
    assert _import(stage, changed, update).updated == 1
    assert (_known(stage).name, _known(stage).attributes) == ("鈴木", {"都市": "東京"})
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


def test_an_import_cut_short_goes_on_where_it_was(stage: Stage) -> None:
    text = "email\n" + "".join(f"r{number}@example.jp\n" for number in range(6000))
    options = ImportOptions(source="l.csv", basis="form", digest=digest_of(io.BytesIO(b"x"), "a"))

    def killed(rows: int) -> None:
        raise KeyboardInterrupt(rows)

    with pytest.raises(KeyboardInterrupt):
        import_records(stage.engine, stage.newsletter_id, _records(text), options, progress=killed)
    report = _import(stage, text, options)
    assert report.resumed_after == 5000
    assert (report.added, report.refusals) == (6000, 0)
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
    *("suppression_evidence", "unsubscribed_at", "attributes.city"),
)


def test_a_nul_in_any_text_refuses_its_line_alone(stage: Stage) -> None:
    problems: list[Problem] = []
    broken = [
        json.dumps({"email": f"a{number}@example.jp", "suppressed": "manual", name: "x\0y"})
        for number, name in enumerate(_TEXTS)
    ]
    lines = [*broken, '{"email": "b@example.jp", "consent_wording": ["x\\u0000y"]}']
    records = json_records(lines, source="l.jsonl")
    options = ImportOptions(source="l.jsonl", basis="form", keep_others=True)
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
    entry = Entry(2, parse_address("a@example.jp"), "x\0y", "", {})
    terms = Terms(
        newsletter_id=stage.newsletter_id,
        basis="form",
        source="l.csv",
        wording="",
        language=Language.JAPANESE,
        update=False,
    )
    with pytest.raises(DataError) as caught, engine.begin() as connection:
        write_chunk(connection, encode([entry], "postgresql"), terms)
    assert "a@example.jp" not in str(caught.value)
    with engine.begin() as connection:
        staged = encode([entry._replace(name="x")], "postgresql")
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
    out = io.StringIO()
    assert write_csv(exported(stage.engine, _newsletter(stage)), out) == 1
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert rows[0]["name"] == f"'{sign}1+1"


def test_what_is_exported_as_json_lines_can_be_imported(stage: Stage) -> None:
    options = ImportOptions(source="l.csv", basis="form", keep_others=True, tags=("press",))
    _import(stage, _LIST, options)
    out = io.StringIO()
    write_json_lines(exported(stage.engine, _newsletter(stage), segment='tag = "press"'), out)
    records = json_records(io.StringIO(out.getvalue()), source="l.jsonl")
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
