"""An operator brings a list in the browser, tries it, imports it, and reads what was refused."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AuditEventRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
)
from newsletter.database.vocabulary import Role, SuppressionReason
from newsletter.errors import ListError
from newsletter.i18n.language import Language
from newsletter.tokens import Pseudonyms
from subscribers.lists.uploads import (
    ImportTerms,
    find_upload,
    import_upload,
    keep_upload,
    look_into,
    order_import,
    progress_of,
)
from tests.support.ports import await_condition
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of

pytestmark = pytest.mark.servers

_BASE = "/newsletters/digest/subscribers/import"
_LIST = "連絡先,お名前,会員番号\nanna@example.jp,安奈,1\nbad,悪,2\nben@example.jp,弁,3\n"
_PSEUDONYMS = Pseudonyms([b"k" * 40])


def _bring(client: httpx.Client, octets: bytes, name: str = "会員.csv") -> httpx.Response:
    csrf = csrf_of(client.get(_BASE).text)
    return client.post(_BASE, data={"csrf": csrf}, files={"file": (name, octets, "text/csv")})


def _form(page: httpx.Response, **more: object) -> dict[str, object]:
    return {
        "csrf": csrf_of(page.text),
        "basis": "form 2026",
        "tags": "member, press",
        "column": ["連絡先", "お名前", "会員番号"],
        "ours": ["address", "name", "-"],
        "keep_others": "1",
        **more,
    }


def _addresses(stage: Stage) -> set[str | None]:
    with reading(stage.engine) as session:
        return set(session.scalars(select(SubscriberRow.address)))


def test_a_list_is_tried_then_imported_and_its_refusals_downloaded(
    stage: Stage, sign_in: SignIn
) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    page = _bring(client, _LIST.encode("cp932"))
    assert "連絡先" in page.text
    assert "anna@example.jp" in page.text

    tried = client.post(str(page.url), data=_form(page, verb="try"))
    assert "nothing is changed yet" in tried.text
    assert "is no mail address" in tried.text
    assert _addresses(stage) == set()

    client.post(str(page.url), data=_form(tried, verb="import"))
    await_condition(
        lambda: ">Done<" in client.get(str(page.url)).text, seconds=20, what="the import"
    )
    assert _addresses(stage) == {"anna@example.jp", "ben@example.jp"}
    with reading(stage.engine) as session:
        person = session.scalars(
            select(SubscriptionRow)
            .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
            .where(SubscriberRow.address == "anna@example.jp")
        ).one()
        basis = session.scalars(select(SubscriptionRow.consent_basis)).first()
        tags = set(session.scalars(select(TagRow.tag)))
        event = session.scalars(
            select(AuditEventRow).where(AuditEventRow.action == "subscriber.import")
        ).one()
    assert (person.name, person.attributes) == ("安奈", {"会員番号": "1"})
    assert (basis, tags) == ("form 2026", {"member", "press"})
    assert (event.object, event.details["rows"]) == ("会員.csv", 3)
    report = client.get(f"{page.url}/problems.csv")
    assert report.text.splitlines()[1].startswith("3,address,bad,")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"basis": " "}, "needs the basis of consent"),
        ({"ours": ["-", "name", "-"]}, "no column of email addresses"),
    ],
)
def test_what_is_missing_is_told_and_nothing_is_imported(
    stage: Stage, sign_in: SignIn, change: dict[str, object], said: str
) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    page = _bring(client, _LIST.encode())
    answer = client.post(str(page.url), data=_form(page, verb="import") | change)
    assert answer.status_code == 400
    assert said in answer.text
    assert _addresses(stage) == set()


@pytest.mark.parametrize("octets", [b"", b'"email\nnever closed\n'])
def test_a_file_that_is_no_list_is_refused_clearly(
    stage: Stage, sign_in: SignIn, octets: bytes
) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    answer = _bring(client, octets)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert _addresses(stage) == set()


@pytest.mark.usefixtures("stage")
def test_only_operators_import(sign_in: SignIn) -> None:
    client = sign_in("editor@example.jp", Role.EDITOR)
    assert client.get(_BASE).status_code == 403


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize("token", ["x", "..%2F..%2Fetc", "A" * 22])
def test_a_list_that_is_not_there_is_not_found(sign_in: SignIn, token: str) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    assert client.get(f"{_BASE}/{token}").status_code == 404


def test_another_newsletter_s_list_is_not_found(tmp_path: Path) -> None:
    upload = keep_upload(tmp_path, [b"email\n"], name="a.csv", newsletter_id=1)
    assert find_upload(tmp_path, upload.token, 1).name == "a.csv"
    with pytest.raises(Exception, match="list no longer exists"):
        find_upload(tmp_path, upload.token, 2)


def test_a_list_that_is_too_large_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscribers.lists.uploads.LARGEST", 10)
    with pytest.raises(ListError):
        keep_upload(tmp_path, [b"email\n", b"anna@example.jp\n"], name="a.csv", newsletter_id=1)
    assert list(tmp_path.iterdir()) == []


_IMPORT_APART = """
import sys
from pathlib import Path
from newsletter.database.engine import open_engine
from newsletter.i18n.language import Language
from newsletter.tokens import Pseudonyms
from subscribers.lists.uploads import find_upload, import_upload
url, folder, token, newsletter = sys.argv[1:]
upload = find_upload(Path(folder), token, int(newsletter))
import_upload(
    open_engine(url), upload, language=Language.JAPANESE, pseudonyms=Pseudonyms([b"k" * 40])
)
"""


def test_one_whose_process_is_killed_is_shown_as_stopped_and_goes_on_where_it_was(
    stage: Stage, database_url: str, tmp_path: Path
) -> None:
    people = 60_000
    lines = b"email\n" + b"".join(b"r%d@example.jp\n" % number for number in range(people))
    upload = keep_upload(tmp_path, [lines], name="a.csv", newsletter_id=stage.newsletter_id)
    ordered = order_import(upload, ImportTerms(basis="form"))
    words = (database_url, str(tmp_path), ordered.token, str(stage.newsletter_id))
    command = [sys.executable, "-c", _IMPORT_APART, *words]
    process = subprocess.Popen(command)  # noqa: S603 - our own program
    await_condition(
        lambda: progress_of(stage.engine, ordered).counts.get("added", 0) > 0,
        seconds=30,
        what="the first rows",
    )
    assert progress_of(stage.engine, ordered).running
    process.kill()
    process.wait()
    stopped = progress_of(stage.engine, ordered)
    assert (stopped.running, stopped.finished) == (False, False)
    assert 0 < stopped.counts["added"] < people

    import_upload(stage.engine, ordered, language=Language.JAPANESE, pseudonyms=_PSEUDONYMS)
    done = progress_of(stage.engine, ordered)
    assert (done.finished, done.counts["added"]) == (True, people)
    assert not ordered.is_there


def test_two_at_once_import_it_once(stage: Stage, tmp_path: Path) -> None:
    upload = keep_upload(
        tmp_path, [b"email\na@example.jp\n"], name="a.csv", newsletter_id=stage.newsletter_id
    )
    ordered = order_import(upload, ImportTerms(basis="form"))
    with (ordered.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        import_upload(stage.engine, ordered, language=Language.JAPANESE, pseudonyms=_PSEUDONYMS)
        assert progress_of(stage.engine, ordered).running
    assert _addresses(stage) == set()


def test_who_is_suppressed_is_refused_and_counted(stage: Stage, tmp_path: Path) -> None:
    with transaction(stage.engine) as session:
        session.add(SuppressionRow(address_key="gone@example.jp", reason=SuppressionReason.MANUAL))
    upload = keep_upload(
        tmp_path,
        [b"email\ngone@example.jp\nnew@example.jp\n"],
        name="a.csv",
        newsletter_id=stage.newsletter_id,
    )
    ordered = order_import(upload, ImportTerms(basis="form"))
    import_upload(stage.engine, ordered, language=Language.JAPANESE, pseudonyms=_PSEUDONYMS)
    assert _addresses(stage) == {"new@example.jp"}
    assert progress_of(stage.engine, ordered).counts["refusals"] == 1
    assert "suppressed" in ordered.report.read_text(encoding="utf-8")


def test_json_lines_are_looked_into_too(tmp_path: Path) -> None:
    upload = keep_upload(
        tmp_path, [b'{"mail": "a@example.jp", "age": 3}\n'], name="a.jsonl", newsletter_id=1
    )
    glance = look_into(upload)
    assert glance.columns == {"mail": "address", "age": ""}
    assert glance.rows == [["a@example.jp", "3"]]


def test_an_import_that_has_not_come_to_its_first_rows_shows_what_it_will_count(
    stage: Stage, tmp_path: Path
) -> None:
    octets = b"email\nanna@example.jp\n"
    upload = keep_upload(tmp_path, [octets], name="a.csv", newsletter_id=stage.newsletter_id)
    counts = progress_of(stage.engine, upload).counts
    assert {"added", "unsubscribed", "pending", "suppressed", "refusals"} <= set(counts)
    assert not any(counts.values())
