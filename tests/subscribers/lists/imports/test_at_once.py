"""Lists imported at once, and rows that are read many at a time."""

from __future__ import annotations

import csv
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event, func, select, text
from sqlalchemy.exc import IntegrityError

from newsletter.database.engine import open_engine, reading
from newsletter.database.tables import SubscriberRow, SubscriptionRow
from subscribers.lists.imports.import_report import ImportReport
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.parsers.files import list_records
from subscribers.lists.parsers.tables import csv_records
from tests.support.stage import Stage, set_stage

_PEOPLE = 1200


def _import(engine: Engine, stage: Stage, name: str, *, backwards: bool = False) -> ImportReport:
    numbers = range(_PEOPLE)
    rows = [f"r{number}@example.jp,{name}\n" for number in numbers]
    lines = ["email,name\n", *(reversed(rows) if backwards else rows)]
    records = csv_records(lines, source="l.csv")
    options = ImportOptions(source="l.csv", basis="form", update=True)
    return import_records(engine, stage.newsletter_id, records, options)


def test_two_lists_of_the_same_people_at_once_add_each_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscribers.lists.imports.imports._CHUNK", 300)
    with ThreadPoolExecutor(2) as threads:
        running = [
            threads.submit(_import, stage.engine, stage, name, backwards=backwards)
            for name, backwards in (("葵", False), ("蓮", True))
        ]
        reports = [one.result(timeout=60) for one in running]
    assert sum(report.added for report in reports) == _PEOPLE
    assert sum(report.refusals for report in reports) == 0
    with reading(stage.engine) as session:
        for table in (SubscriberRow, SubscriptionRow):
            assert session.scalar(select(func.count()).select_from(table)) == _PEOPLE


def test_people_known_only_later_in_a_list_are_met_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscribers.lists.imports.imports._CHUNK", 50)
    options = ImportOptions(source="l.csv", basis="form", update=True)
    reports = []
    for numbers, name in ((range(120, 180), "葵"), (range(200), "蓮")):
        rows = [f"r{number}@example.jp,{name}\n" for number in numbers]
        records = csv_records(["email,name\n", *rows], source="l.csv")
        reports.append(import_records(stage.engine, stage.newsletter_id, records, options))
    assert (reports[1].added, reports[1].updated) == (140, 60)
    with reading(stage.engine) as session:
        assert set(session.scalars(select(SubscriptionRow.name))) == {"蓮"}
        assert session.scalar(select(func.count()).select_from(SubscriberRow)) == 200


def test_a_chunk_of_long_rows_has_fewer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subscribers.lists.columns.validation._MOST_CHARACTERS", 10_000)
    rows = [f"r{number}@example.jp,{'葵' * (4000 if number < 9 else 4)}\n" for number in range(30)]
    chunks: list[int] = []
    records = csv_records(["email,note\n", *rows], source="l.csv")
    options = ImportOptions(source="l.csv", basis="form", is_answered=True)
    report = import_records(
        stage.engine, stage.newsletter_id, records, options, progress=chunks.append
    )
    assert (report.added, chunks) == (30, [3, 3, 3, 21])


def test_a_chunk_has_no_more_rows_than_it_may(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscribers.lists.imports.imports._CHUNK", 96)
    rows = [f"r{number}@example.jp\n" for number in range(500)]
    chunks: list[int] = []
    records = csv_records(["email\n", *rows], source="l.csv")
    options = ImportOptions(source="l.csv", basis="form")
    import_records(stage.engine, stage.newsletter_id, records, options, progress=chunks.append)
    assert chunks == [95, 96, 96, 96, 96, 21]


def test_a_user_who_may_not_leave_out_checks_of_keys_imports_as_well(postgres_url: str) -> None:
    stage = set_stage(engine := open_engine(postgres_url))
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE plain"))
        for kind in ("TABLES", "SEQUENCES"):
            connection.execute(text(f"GRANT ALL ON ALL {kind} IN SCHEMA public TO plain"))
    plain = open_engine(postgres_url)
    event.listen(plain, "begin", lambda connection: connection.exec_driver_sql("SET ROLE plain"))
    try:
        assert _import(plain, stage, "葵").added == _PEOPLE
    finally:
        plain.dispose()
        with engine.begin() as connection:
            connection.execute(text("DROP OWNED BY plain"))
            connection.execute(text("DROP ROLE plain"))
        engine.dispose()


def test_an_import_that_the_database_refuses_ends_and_does_not_try_for_ever(
    postgres_url: str,
) -> None:
    engine = open_engine(postgres_url)
    stage = set_stage(engine)
    stage.subscribe("a@example.jp")
    with engine.begin() as connection:
        # As after a restore that forgot the sequences.
        connection.execute(text("SELECT setval('subscriber_id_seq', 1, false)"))
    records = csv_records(["email\n", "b@example.jp\n"], source="l.csv")

    with pytest.raises(IntegrityError):
        import_records(
            engine, stage.newsletter_id, records, ImportOptions(source="l.csv", basis="form")
        )
    engine.dispose()


def test_keys_are_checked_again_after_an_import(postgres_url: str) -> None:
    stage = set_stage(engine := open_engine(postgres_url))
    roles: list[object] = []
    event.listen(
        engine,
        "commit",
        lambda connection: roles.append(
            connection.exec_driver_sql("SHOW session_replication_role").scalar()
        ),
    )
    _import(engine, stage, "葵")
    engine.dispose()
    assert set(roles) == {"origin"}


def test_a_chunk_with_its_checkpoint_does_not_wait_for_the_disk_and_the_end_does(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = set_stage(engine := open_engine(postgres_url))
    monkeypatch.setattr("subscribers.lists.imports.imports._CHUNK", 2)
    forced: list[object] = []
    event.listen(
        engine,
        "commit",
        lambda connection: forced.append(
            connection.exec_driver_sql("SHOW synchronous_commit").scalar()
        ),
    )
    for digest in ("d" * 64, ""):
        rows = ["email\n", "a@example.jp\n", "b@example.jp\n"]
        options = ImportOptions(source="l.csv", basis="form", digest=digest)
        records = csv_records(rows, source="l.csv")
        import_records(engine, stage.newsletter_id, records, options)
    engine.dispose()
    # Zone, checkpoint, two chunks, end; without a checkpoint all is waited for.
    assert forced == ["on", "on", "off", "off", "on", *["on"] * 4]


#: Without texts that are written as formulas, and lines drawn below a heading.
_CELLS = st.text("aあ,\"\n ;'=", max_size=6).filter(
    lambda cell: '="' not in cell and "===" not in cell
)


@given(st.lists(st.lists(_CELLS, min_size=2, max_size=2), max_size=150), st.booleans())
def test_rows_are_read_alike_one_by_one_and_many_at_once(rows: list[list[str]], bare: bool) -> None:  # noqa: FBT001 - drawn
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=csv.QUOTE_MINIMAL if bare else csv.QUOTE_ALL)
    # A row without an address right below the header may go on with its names.
    rows = [["a@example.jp", "A"], *rows]
    writer.writerows([["email", "name"], *rows])
    octets = io.BytesIO(stream.getvalue().encode())
    _, *records = list_records(octets, file_name="l.csv", source="l.csv")
    assert [[record.values["email"], record.values["name"]] for record in records] == [
        row for row in rows if any(row)
    ]


@pytest.mark.parametrize("encoding", ["cp932", "euc_jp", "iso2022_jp", "utf-8"])
def test_a_long_list_is_decoded_alike_wherever_its_parts_end(encoding: str) -> None:
    lines = [f"r{number}@example.jp,髙橋{'ソ表' * (number % 40)}\r\n" for number in range(3000)]
    octets = io.BytesIO("".join(["email,name\r\n", *lines]).replace("髙", "高").encode(encoding))
    _, *records = list_records(octets, file_name="l.csv", source="l.csv")
    assert [record.line for record in records] == [*range(2, 3002)]
    assert records[-1].values["name"] == "高橋" + "ソ表" * (2999 % 40)
