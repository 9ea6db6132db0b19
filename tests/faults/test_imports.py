"""Lists that workers import: killed amid one, taken for lost, cancelled, stopped."""

from __future__ import annotations

import csv
import subprocess
import sys

import pytest
from sqlalchemy import Engine, select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import SubscriberRow, SubscriptionRow
from newsletter.database.vocabulary import ListUploadState
from newsletter.errors import ConflictError
from newsletter.i18n.language import Language
from subscribers.lists.imports.imports import import_records
from subscribers.lists.imports.runs import (
    claim_upload,
    held_uploads,
    next_upload,
    problem_lines,
    release_upload,
)
from subscribers.lists.imports.uploads import ListUpload, cancel_upload, order_upload
from tests.faults.conftest import SetScene
from tests.support.imports import PSEUDONYMS, again, order, progress, work_on
from tests.support.ports import await_condition
from tests.support.stage import Stage

_IMPORTING = ListUploadState.IMPORTING
#: As many as last for a while, and as many as do where nobody is killed.
_MANY, _FEW = 21_000, 900
_CHUNK = 200


def _faulty(people: int) -> list[int]:
    return list(range(100, people, people // 5))


def _list(people: int) -> bytes:
    """Return a list some of whose rows are refused, and whose last names its eighth again."""
    lines = ["email,name"]
    for number in range(people):
        wrong = number in _faulty(people)
        lines.append("no address,x" if wrong else f"r{number}@example.jp,name {number}")
    lines += ["r7@example.jp,another name"]
    return "\n".join(lines).encode()


@pytest.fixture
def upload(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> ListUpload:
    monkeypatch.setattr("subscribers.lists.imports.imports._CHUNK", _CHUNK)
    return order(stage.engine, stage.newsletter_id, _list(_FEW))


def _problems(engine: Engine, upload: ListUpload, language: Language) -> list[list[str]]:
    return list(csv.reader("".join(problem_lines(engine, upload, language)).splitlines()))


def _is_counted(stage: Stage, upload: ListUpload, people: int) -> None:
    done = progress(stage.engine, again(stage.engine, upload))
    refused = len(_faulty(people))
    assert done.rows == people + 1
    assert {name: count for name, count in done.counts.items() if count} == {
        "added": people - refused,
        "refusals": refused,
        "updated": 1,
        "records": people + 2,
    }


def _is_whole(stage: Stage, upload: ListUpload) -> None:
    """Every row was done once: added, refused with its problem, or what its last row says."""
    people = again(stage.engine, upload).rows - 1
    _is_counted(stage, upload, people)
    header, *rows = _problems(stage.engine, upload, Language.JAPANESE)
    assert header == ["line", "field", "value", "problem"]
    assert [int(row[0]) for row in rows] == [number + 2 for number in _faulty(people)]
    assert all("メールアドレス" in row[3] for row in rows)
    assert "email address" in _problems(stage.engine, upload, Language.ENGLISH)[1][3]
    with reading(stage.engine) as session:
        names = session.scalars(
            select(SubscriptionRow.name)
            .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
            .where(SubscriberRow.address_key == "r7@example.jp")
        ).all()
    assert names == ["another name"]


_WORKER = """
import sys
from newsletter.database.engine import open_engine
from newsletter.tokens import Pseudonyms
from subscribers.lists.imports.runs import ImportRun, claim_upload
engine = open_engine(sys.argv[1])
upload = claim_upload(engine, int(sys.argv[2]), token="killed", lease_seconds=60)
ImportRun(
    engine=engine, upload=upload, token="killed", lease_seconds=60,
    pseudonyms=Pseudonyms([b"k" * 40]),
).go()
"""


def test_killed_amid_a_list_another_worker_does_each_row_once(
    stage: Stage, database_url: str
) -> None:
    upload = order(stage.engine, stage.newsletter_id, _list(_MANY))
    command = [sys.executable, "-c", _WORKER, database_url, str(upload.id)]
    process = subprocess.Popen(command)  # noqa: S603 - our own program
    await_condition(
        lambda: progress(stage.engine, upload).rows > 0, seconds=60, what="the first rows"
    )
    process.kill()
    process.wait()
    assert 0 < progress(stage.engine, upload).rows < _MANY
    # Until its lease is lost nobody else may begin.
    assert work_on(stage.engine, upload).state is _IMPORTING
    (lease,) = held_uploads(stage.engine)
    release_upload(stage.engine, lease.upload_id, lease.token)

    ended = work_on(stage.engine, upload, token="other")
    assert (ended.state, ended.pieces) == (ListUploadState.FINISHED, 0)
    _is_whole(stage, upload)


def test_a_worker_that_was_taken_for_lost_writes_nothing_more(
    stage: Stage, upload: ListUpload
) -> None:
    def give_to_another() -> bool:
        (lease,) = held_uploads(stage.engine)
        release_upload(stage.engine, lease.upload_id, lease.token)
        assert claim_upload(stage.engine, upload.id, token="another", lease_seconds=60)
        return False

    assert work_on(stage.engine, upload, stopping=give_to_another).state is _IMPORTING
    # The first chunk's; of the second, which was written under the lost lease, nothing stays.
    assert progress(stage.engine, upload).rows == _CHUNK - 1
    release_upload(stage.engine, upload.id, "another")
    work_on(stage.engine, upload, token="third")
    _is_whole(stage, upload)


def test_a_list_that_two_processes_import_at_once_is_one_s(
    stage: Stage, upload: ListUpload
) -> None:
    """As by the command while a worker is at it: whoever comes second to a checkpoint stops."""
    options = upload.options(Language.JAPANESE, PSEUDONYMS)

    def overtake(_rows: int) -> None:
        if not progress(stage.engine, upload).counts["updated"]:
            work_on(stage.engine, upload)

    with (
        upload.records(stage.engine) as records,
        pytest.raises(ConflictError, match="Another process"),
    ):
        import_records(stage.engine, stage.newsletter_id, records, options, progress=overtake)
    _is_counted(stage, upload, _FEW)


def test_a_worker_that_is_to_end_gives_the_list_back(stage: Stage, upload: ListUpload) -> None:
    assert work_on(stage.engine, upload, stopping=lambda: True).state is ListUploadState.QUEUED
    assert 0 < progress(stage.engine, upload).rows < _FEW
    assert next_upload(stage.engine) == upload.id
    work_on(stage.engine, upload)
    _is_whole(stage, upload)


def test_what_is_cancelled_stops_at_the_next_rows_and_can_go_on(
    stage: Stage, upload: ListUpload
) -> None:
    def cancel() -> bool:
        with transaction(stage.engine) as session:
            cancel_upload(session, upload)
        return False

    stopped = work_on(stage.engine, upload, stopping=cancel)
    assert stopped.state is ListUploadState.CANCELLED
    assert 0 < progress(stage.engine, upload).rows < _FEW
    with transaction(stage.engine) as session, pytest.raises(ConflictError):
        cancel_upload(session, upload)
    with transaction(stage.engine) as session:
        order_upload(session, again(stage.engine, upload), None)
    work_on(stage.engine, upload)
    _is_whole(stage, upload)


def test_a_list_that_ends_three_workers_in_a_row_waits_for_a_person(
    stage: Stage, upload: ListUpload
) -> None:
    for number in range(3):
        assert claim_upload(stage.engine, upload.id, token=f"w{number}", lease_seconds=60)
        release_upload(stage.engine, upload.id, f"w{number}")
    ended = again(stage.engine, upload)
    assert ended.state is ListUploadState.FAILED
    assert ended.error is not None
    assert "3回" in ended.error.in_language(Language.JAPANESE)
    assert next_upload(stage.engine) is None


def test_lists_are_imported_one_at_a_time_in_the_order_they_were_ordered(stage: Stage) -> None:
    first, second = (
        order(stage.engine, stage.newsletter_id, b"email\na@example.jp\n", name=name)
        for name in ("a.csv", "b.csv")
    )
    assert next_upload(stage.engine) == first.id
    assert claim_upload(stage.engine, first.id, token="w", lease_seconds=60)
    assert next_upload(stage.engine) is None
    release_upload(stage.engine, first.id, "w")
    work_on(stage.engine, first)
    assert next_upload(stage.engine) == second.id


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_real_workers_finish_a_list_though_the_process_at_it_is_killed(
    set_scene: SetScene,
) -> None:
    with set_scene(people=0, LEASE_SECONDS="10") as scene:
        engine = scene.stage.engine
        upload = order(engine, scene.stage.newsletter_id, _list(_MANY))
        await_condition(lambda: progress(engine, upload).rows > 0, seconds=60, what="first rows")
        scene.workers.kill_pool("control")
        await_condition(
            lambda: again(engine, upload).state is ListUploadState.FINISHED,
            seconds=90,
            what="the end of the import",
        )
        _is_whole(scene.stage, upload)
