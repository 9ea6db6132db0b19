"""An operator brings a list in the browser, tries it, imports it, and reads what was refused."""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import replace
from itertools import pairwise

import httpx
import pytest
from openpyxl import Workbook
from playwright.sync_api import Page
from sqlalchemy import select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AuditEventRow,
    ListImportRow,
    ListPieceRow,
    ListUploadRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
)
from newsletter.database.vocabulary import (
    Role,
    SubscriptionState,
    SuppressionReason,
    UnsubscribeWay,
)
from newsletter.errors import ConflictError, ListError, NotFoundError
from newsletter.i18n.language import Language
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter
from subscribers.fields.store import list_fields
from subscribers.leaving import unsubscribe
from subscribers.lists.imports.runs import (
    claim_upload,
    forget_address,
    problem_lines,
    release_upload,
)
from subscribers.lists.imports.trials import look_into
from subscribers.lists.imports.undo import next_undo, undo_import
from subscribers.lists.imports.uploads import (
    ImportTerms,
    ListUpload,
    file_chunks,
    find_upload,
    keep_upload,
    order_trial,
    upload_of,
)
from tests.support.databases import each_database
from tests.support.fields import a_field, set_fields
from tests.support.imports import order, progress, work_on
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of, tight

pytestmark = pytest.mark.servers

_BASE = "/newsletters/digest/subscribers/import"
_LIST = "連絡先,お名前,会員番号\nanna@example.jp,安奈,1\nbad,悪,2\nben@example.jp,弁,3\n"


def _bring(client: httpx.Client, octets: bytes, name: str = "会員.csv") -> httpx.Response:
    csrf = csrf_of(client.get(_BASE).text)
    return client.post(_BASE, data={"csrf": csrf}, files={"file": (name, octets, "text/csv")})


def _form(page: httpx.Response, **more: object) -> dict[str, object]:
    return {
        "csrf": csrf_of(page.text),
        "basis": "form 2026",
        "tags": "member, press",
        "column": ["連絡先", "お名前", "会員番号"],
        "ours": ["address", "name", "+"],
        **more,
    }


def _work(stage: Stage) -> None:
    """Do what a worker does with the list that waits."""
    with reading(stage.engine) as session:
        row = session.scalars(select(ListUploadRow)).one()
        upload = upload_of(row)
    work_on(stage.engine, upload)


def _addresses(stage: Stage) -> set[str | None]:
    with reading(stage.engine) as session:
        return set(session.scalars(select(SubscriberRow.address)))


@each_database
def test_a_list_is_tried_then_imported_and_its_refusals_downloaded(
    stage: Stage, sign_in: SignIn
) -> None:
    client = sign_in("operator@example.jp", Role.ADMINISTRATOR)
    page = _bring(client, _LIST.encode("cp932"))
    assert "連絡先" in page.text
    assert "anna@example.jp" in page.text

    tried = client.post(str(page.url), data=_form(page, verb="try"))
    assert "nothing has been imported yet" in tried.text
    assert "会員番号: Number" in tried.text
    assert "is not an email address" in tried.text
    assert "Import 3 rows" in page.text
    assert "Import 2 rows" in tried.text
    assert _addresses(stage) == set()

    waiting = client.post(str(page.url), data=_form(tried, verb="import"))
    assert ">Waiting<" in waiting.text
    assert _addresses(stage) == set()
    _work(stage)
    assert ">Done<" in client.get(str(page.url)).text
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
    assert (person.name, person.attributes) == ("安奈", {"field_1": 1})
    assert (basis, tags) == ("form 2026", {"member", "press"})
    assert (event.object, event.details["rows"]) == ("会員.csv", 3)
    report = client.get(f"{page.url}/problems.csv")
    # Without the mark, Excel takes it for Shift_JIS.
    assert report.content.startswith(codecs.BOM_UTF8)
    assert report.text.splitlines()[1].startswith("3,address,bad,")


def _workbook() -> bytes:
    """Return a workbook of two sheets, with an address that is none in the second's third row."""
    book = Workbook()
    for title, rows in (("会員", ("anna@example.jp",)), ("Sheet2", ("ben@example.jp", "bad"))):
        sheet = book.create_sheet(title)
        sheet.append(("メールアドレス", "氏名"))
        for row in rows:
            sheet.append((row, "安奈"))
    book.remove(book.worksheets[0])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


@each_database
def test_a_workbook_is_tried_and_imported_and_its_rows_named_by_their_sheet(
    stage: Stage, sign_in: SignIn
) -> None:
    client = sign_in("operator@example.jp", Role.ADMINISTRATOR)
    page = _bring(client, _workbook(), name="会員.xlsx")
    chosen = {"column": ["メールアドレス", "氏名"], "ours": ["address", "name"]}
    tried = client.post(str(page.url), data=_form(page, verb="try", **chosen))
    assert "sheet 2, row 3" in tried.text
    client.post(str(page.url), data=_form(tried, verb="import", **chosen))
    _work(stage)
    assert _addresses(stage) == {"anna@example.jp", "ben@example.jp"}
    report = client.get(f"{page.url}/problems.csv")
    assert report.text.splitlines()[1].startswith("2:3,address,bad,")


@each_database
def test_a_workbook_that_waits_is_removed_with_an_address_in_it_that_is_erased(
    stage: Stage,
) -> None:
    octets = io.BytesIO(_workbook())
    chunks = file_chunks(octets, name="会員.xlsx")
    upload = keep_upload(stage.engine, chunks, name="会員.xlsx", newsletter_id=stage.newsletter_id)
    with transaction(stage.engine) as session:
        forget_address(session, ["ben@example.jp"])
        pieces = session.scalars(
            select(ListPieceRow.number).where(ListPieceRow.upload_id == upload.id)
        ).all()
    assert not pieces


@pytest.mark.parametrize("octets", [b"PK\x03\x04broken", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"])
@pytest.mark.usefixtures("stage")
def test_what_is_no_workbook_is_told_where_it_was_chosen(octets: bytes, sign_in: SignIn) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    page = _bring(client, octets, name="会員.xlsx")
    assert "会員.xlsx" in page.text
    assert "Choose a file" in page.text


@pytest.mark.usefixtures("stage")
def test_an_encoding_that_is_unclear_is_asked_and_one_that_was_found_is_said(
    sign_in: SignIn,
) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    octets = "email,nombre\na@x.example,Muñoz\n".encode("cp1252")
    assert "Muńoz" in _bring(client, octets).text
    page = client.post(
        _BASE,
        data={"csrf": csrf_of(client.get(_BASE).text), "encoding": "cp1252"},
        files={"file": ("l.csv", octets, "text/csv")},
    )
    assert ("Muñoz" in page.text, "Muńoz" in page.text) == (True, False)
    page = _bring(client, "email,prénom\na@x.example,François Lefèvre\n".encode("cp1252"))
    assert "Windows-1252 (prénom, François and Lefèvre)" in page.text


def test_fields_are_added_by_who_administers_the_newsletter(stage: Stage, sign_in: SignIn) -> None:
    set_fields(stage.engine, stage.newsletter_id, a_field("number", labels={"ja": "番号"}))
    client = sign_in("operator@example.jp", Role.OPERATOR)
    page = _bring(client, _LIST.encode())
    assert "new field" not in page.text
    assert client.post(str(page.url), data=_form(page, verb="import")).status_code == 403
    chosen = {"ours": ["address", "name", "field.number"]}
    client.post(str(page.url), data=_form(page, verb="import", **chosen))
    _work(stage)
    with reading(stage.engine) as session:
        kept = session.scalars(select(SubscriptionRow.attributes)).all()
    assert kept == [{"number": "1"}, {"number": "3"}]


def test_each_column_is_a_new_field_or_left_out_as_it_is_chosen(
    stage: Stage, sign_in: SignIn
) -> None:
    client = sign_in("operator@example.jp", Role.ADMINISTRATOR)
    page = _bring(client, "email,地区,区分,備考\nanna@example.jp,北,A,x,y\n".encode())
    assert page.text.count("As a new field") == 4
    chosen = {"column": ["email", "地区", "区分", "備考"], "ours": ["address", "+", "-", "+"]}
    chosen |= {"asked": ["区分"], "none_asks": ["1"]}
    tried = client.post(str(page.url), data=_form(page, verb="try", **chosen))
    assert tried.text.count('value="+" selected') == 2
    assert "more cells than the header" in tried.text
    assert "Imported with a warning" not in tried.text
    client.post(str(page.url), data=_form(page, verb="import", **chosen))
    _work(stage)
    with reading(stage.engine) as session:
        labels = {each.label(Language.JAPANESE) for each in list_fields(session, 1)}
        kept = session.scalars(select(SubscriptionRow.attributes)).one()
    assert (labels, sorted(kept.values())) == ({"地区", "備考"}, ["x", "北"])


def test_fields_that_an_export_of_our_own_defines_are_chosen_to_be_made(stage: Stage) -> None:
    names = "email,state,consent_basis,consented_at,paused_until,area,fields"
    text = f"{names}\na@example.jp,confirmed,x,,,north,[]\n"
    upload = keep_upload(stage.engine, [text.encode()], name="a.csv", newsletter_id=1)
    columns = look_into(stage.engine, upload).columns
    assert (columns["area"], columns["fields"]) == ("+", "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"basis": " "}, "State the basis of consent"),
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


@pytest.mark.parametrize(
    "text",
    [
        "email\na@x.example\nb@x.example",
        "sep=,\r\nemail,name\r\na@x.example,A\r\n\r\nb@x.example,B\r\n\r\n",
        '名簿\n\nemail,note\na@x.example,"one\ntwo"\nb@x.example,\n',
    ],
)
def test_only_rows_of_people_count_as_rows(stage: Stage, text: str) -> None:
    upload = keep_upload(stage.engine, [text.encode()], name="a.csv", newsletter_id=1)
    assert upload.rows == 2


def test_another_newsletter_s_list_is_not_found(stage: Stage) -> None:
    upload = keep_upload(stage.engine, [b"email\n"], name="a.csv", newsletter_id=1)
    with reading(stage.engine) as session:
        assert find_upload(session, upload.token, 1).name == "a.csv"
        with pytest.raises(NotFoundError):
            find_upload(session, upload.token, 2)


def test_a_list_cut_short_on_its_way_in_is_not_found(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        session.add(ListUploadRow(token="A" * 22, newsletter_id=1, name="a.csv"))
    with reading(stage.engine) as session, pytest.raises(NotFoundError):
        find_upload(session, "A" * 22, 1)


def test_a_list_that_is_too_large_leaves_nothing_behind(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscribers.lists.imports.uploads.LARGEST", 300_000)
    with pytest.raises(ListError):
        keep_upload(stage.engine, [b"x" * 200_000] * 2, name="a.csv", newsletter_id=1)
    with reading(stage.engine) as session:
        assert session.scalars(select(ListUploadRow)).all() == []
        assert session.scalars(select(ListPieceRow)).all() == []


@each_database
def test_an_import_is_cancelled_and_goes_on(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    page = _bring(client, _LIST.encode())
    # Operators add no fields.
    waiting = client.post(
        str(page.url), data=_form(page, verb="import", ours=["address", "name", "-"])
    )
    cancelled = client.post(f"{page.url}/cancel", data={"csrf": csrf_of(waiting.text)})
    assert ">Cancelled<" in cancelled.text
    _work(stage)
    assert _addresses(stage) == set()
    client.post(str(page.url), data={"csrf": csrf_of(cancelled.text)})
    _work(stage)
    assert _addresses(stage) == {"anna@example.jp", "ben@example.jp"}
    with reading(stage.engine) as session:
        actions = session.scalars(select(AuditEventRow.action).order_by(AuditEventRow.id)).all()
    assert actions[-3:] == ["subscriber.import", "subscriber.import-cancel", "subscriber.import"]


def test_who_is_suppressed_is_refused_and_counted(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        session.add(SuppressionRow(address_key="gone@example.jp", reason=SuppressionReason.MANUAL))
    ordered = order(stage.engine, stage.newsletter_id, b"email\ngone@example.jp\nnew@example.jp\n")
    work_on(stage.engine, ordered)
    assert _addresses(stage) == {"new@example.jp"}
    assert progress(stage.engine, ordered).counts["refusals"] == 1
    assert "suppressed" in "".join(problem_lines(stage.engine, ordered, Language.ENGLISH))


def test_json_lines_are_looked_into_too(stage: Stage) -> None:
    upload = keep_upload(
        stage.engine,
        [b'{"mail": "a@example.jp", "age": 3, "likes": ["a", "b"], "vip": true}\n'],
        name="a.jsonl",
        newsletter_id=1,
    )
    glance = look_into(stage.engine, upload)
    assert glance.columns == {"mail": "address", "age": "", "likes": "", "vip": ""}
    assert glance.rows == [["a@example.jp", "3", "a, b", "true"]]


def test_an_import_that_has_not_come_to_its_first_rows_shows_what_it_will_count(
    stage: Stage,
) -> None:
    upload = order(stage.engine, stage.newsletter_id, b"email\nanna@example.jp\n")
    counts = progress(stage.engine, upload).counts
    assert {"added", "unsubscribed", "pending", "suppressed", "refusals"} <= set(counts)
    assert not any(counts.values())


@each_database
def test_a_mistaken_import_is_undone_by_a_worker_and_the_page_says_what_became_of_it(
    stage: Stage, sign_in: SignIn
) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    upload = order(stage.engine, stage.newsletter_id, b"email\nanna@example.jp\nben@example.jp\n")
    work_on(stage.engine, upload)
    page = client.get(_BASE)
    path = re.search(rf'href="({_BASE}/undo/\d+)"', page.text)
    assert path is not None
    asked = client.get(path[1])
    assert "<dt>Added by this import</dt><dd>2</dd>" in tight(asked.text)
    assert _addresses(stage) >= {"anna@example.jp", "ben@example.jp"}
    ordered = client.post(path[1], data={"csrf": csrf_of(asked.text)})
    assert "Being undone" in ordered.text
    number = next_undo(stage.engine)
    assert number is not None
    undo_import(stage.engine, number)
    assert "2 removed, 0 restored, 0 left as they are" in client.get(_BASE).text
    assert not _addresses(stage) & {"anna@example.jp", "ben@example.jp"}
    with reading(stage.engine) as session:
        event = session.scalars(
            select(AuditEventRow).where(AuditEventRow.action == "subscriber.import-undo")
        ).one()
    assert event.details == {"import": number}


def test_the_import_of_another_newsletter_cannot_be_undone(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    with transaction(stage.engine) as session:
        draft = NewsletterDraft(
            slug="elsewhere", name="Elsewhere", from_address="e@example.jp", postal_address="-"
        )
        other = create_newsletter(session, draft).id
    work_on(stage.engine, order(stage.engine, other, b"email\nanna@example.jp\n"))
    with reading(stage.engine) as session:
        number = session.scalars(
            select(ListImportRow.id).where(ListImportRow.newsletter_id == other)
        ).one()
    path = f"{_BASE}/undo/{number}"
    assert client.get(path).status_code == 404
    assert client.post(path, data={"csrf": csrf_of(client.get(_BASE).text)}).status_code == 404
    assert next_undo(stage.engine) is None


@each_database
def test_the_check_says_what_changes_why_rows_are_refused_and_who_is_left_alone(
    stage: Stage, sign_in: SignIn
) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    stage.subscribe("anna@example.jp", "ben@example.jp")
    with transaction(stage.engine) as session:
        unsubscribe(
            session,
            newsletter_id=stage.newsletter_id,
            subscriber_id=stage.subscriber_id("ben@example.jp"),
            mailing_id=None,
            way=UnsubscribeWay.PAGE,
        )
    csrf = csrf_of(client.get(_BASE).text)
    rows = ("email\tname", "anna@example.jp\t安奈", "ben@example.jp\t弁", "a b@example.jp\t-")
    pasted = "\n".join([*rows, "c d@example.jp\t-"])
    page = client.post(_BASE, data={"csrf": csrf, "text": pasted})
    form = {
        "csrf": csrf_of(page.text),
        "basis": "form 2026",
        "update": "1",
        "column": ["email", "name"],
        "ours": ["address", "name"],
        "verb": "try",
    }
    tried = client.post(page.url.path, data=form)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", tight(tried.text))
    changed = cells.index("anna@example.jp")
    assert cells[changed + 1] == "Name"
    assert cells[changed + 3] == "安奈"
    counted = set(pairwise(cells))
    assert ("There is a space before the @.", "2") in counted
    left = "This person unsubscribed; only their own new consent can subscribe them again."
    assert (left, "1") in counted
    lines = client.post(f"{page.url.path}/check.csv", data=form).text.splitlines()
    assert [line.split(",")[2] for line in lines[1:]] == [
        "Updated",
        "Refused",
        "Refused",
        "Refused",
    ]
    assert lines[2].endswith(f"{left}")
    with reading(stage.engine) as session:
        assert "安奈" not in session.scalars(select(SubscriptionRow.name)).all()


@each_database
def test_a_long_list_is_checked_by_a_worker_to_its_end_then_imported(
    stage: Stage, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.web.subscribers.imports.TRIED", 3)
    monkeypatch.setattr("newsletter.web.subscribers.imports.GLANCED", 1)
    client = sign_in("operator@example.jp", Role.OPERATOR)
    page = _bring(client, (_LIST + "bad\ncho@example.jp,張,4\n").encode())
    form = _form(page, ours=["address", "name", "-"], verb="try")
    wrong = client.post(page.url.path, data={**form, "basis": ""})
    assert (wrong.status_code, "State the basis of consent" in wrong.text) == (400, True)
    waiting = client.post(page.url.path, data=form)
    assert "Check of the import" in waiting.text
    _work(stage)
    checked = client.get(page.url.path).text
    assert "Every row was tried." in checked
    cells = re.findall(r"<td[^>]*>(?:<strong>)?(.*?)(?:</strong>)?</td>", tight(checked))
    assert {("Subscribed as new", "3"), ("Refused", "2"), ("All rows", "5")} <= {*pairwise(cells)}
    assert 'value="form 2026"' in checked
    assert "cho@example.jp" not in _addresses(stage)
    client.post(page.url.path, data={**form, "verb": "import"})
    _work(stage)
    assert {"anna@example.jp", "ben@example.jp", "cho@example.jp"} <= _addresses(stage)


def test_a_check_is_cancelled_given_back_or_fails_and_the_list_stays_open(
    stage: Stage, sign_in: SignIn
) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    page = _bring(client, _LIST.encode())
    token = page.url.path.rpartition("/")[2]
    terms = ImportTerms(basis="form 2026", columns={"連絡先": "address", "お名前": "name"})

    def brought() -> ListUpload:
        with reading(stage.engine) as session:
            return find_upload(session, token, stage.newsletter_id)

    def ordered(how: ImportTerms) -> ListUpload:
        with transaction(stage.engine) as session:
            order_trial(session, find_upload(session, token, stage.newsletter_id), how)
        return brought()

    waiting = ordered(terms)
    with pytest.raises(ConflictError):
        ordered(terms)
    assert work_on(stage.engine, waiting, stopping=lambda: True).is_checked
    cancelled = client.post(f"{page.url}/cancel", data={"csrf": csrf_of(page.text)})
    assert "Check the import" in cancelled.text
    work_on(stage.engine, ordered(replace(terms, basis="")))
    assert "State the basis of consent" in client.get(page.url.path).text
    assert brought().is_open
    for _ in range(3):
        upload = ordered(terms) if brought().is_open else brought()
        assert claim_upload(stage.engine, upload.id, token="gone", lease_seconds=60)
        release_upload(stage.engine, upload.id, "gone")
    assert "stopped three times" in client.get(page.url.path).text
    assert _addresses(stage) == set()


_ASKING = "email,会報\na@example.jp,要\nb@example.jp,不要\nc@example.jp,\n"


def _answered(page: httpx.Response, **more: object) -> dict[str, object]:
    return {
        "csrf": csrf_of(page.text),
        "basis": "form 2026",
        "column": ["email", "会報"],
        "ours": ["address", "-"],
        "asked": ["会報"],
        **more,
    }


@pytest.mark.parametrize("verb", ["try", "import"])
def test_nothing_is_done_until_it_is_answered_whether_a_column_asks_for_mail(
    stage: Stage, sign_in: SignIn, verb: str
) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    page = _bring(client, _ASKING.encode())
    assert "<legend>“会報”</legend>" in page.text
    assert " checked" not in page.text.partition('id="columns"')[0]
    refused = client.post(str(page.url), data=_answered(page, verb=verb))
    assert refused.status_code == 400
    assert "Please answer the questions" in refused.text
    assert _addresses(stage) == set()


@pytest.mark.usefixtures("stage")
def test_an_answer_that_comes_twice_is_none(sign_in: SignIn) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    page = _bring(client, _ASKING.encode())
    twice = {"answer-0": ["disabled", "unsubscribed_at"]}
    refused = client.post(str(page.url), data=_answered(page, verb="try", **twice))
    assert (refused.status_code, "Please answer the questions" in refused.text) == (400, True)


@pytest.mark.usefixtures("stage")
def test_a_remark_that_is_asked_about_is_shown_in_full(sign_in: SignIn) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    said = "Rang on 12 May: wants no newsletter any more"
    page = _bring(client, f"email,remarks\na@example.jp,{said}\nb@example.jp,\n".encode())
    assert f"<p>{said}: 1</p>" in tight(page.text)


@pytest.mark.parametrize(
    ("given", "checked", "subscribed"),
    [
        ({"answer-0": "opt_in"}, 'value="opt_in" checked', "a"),
        ({"answer-0": "disabled"}, 'value="disabled" checked', "c"),
        ({"none_asks": "1"}, 'value="other" checked', "abc"),
    ],
)
def test_who_is_subscribed_follows_from_the_answer(
    stage: Stage, sign_in: SignIn, given: dict[str, str], checked: str, subscribed: str
) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    page = _bring(client, _ASKING.encode())
    tried = client.post(str(page.url), data=_answered(page, verb="try", **given))
    assert checked in tight(tried.text)
    assert ("As answered above" in tried.text) is ("answer-0" in given)
    client.post(str(page.url), data=_answered(page, verb="import", **given))
    _work(stage)
    with reading(stage.engine) as session:
        query = select(SubscriberRow.address).join(
            SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id
        )
        confirmed = query.where(SubscriptionRow.state == SubscriptionState.CONFIRMED)
        assert set(session.scalars(confirmed)) == {f"{key}@example.jp" for key in subscribed}


def test_what_codes_of_a_state_mean_is_asked_and_kept(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    text = "email,会報\na@example.jp,A\nb@example.jp,U\nc@example.jp,A\n"
    page = _bring(client, text.encode())
    asked = client.post(str(page.url), data=_answered(page, verb="import", **{"answer-0": "state"}))
    assert "What do the values of “会報” mean?" in asked.text
    assert '<option value="state" selected' in tight(asked.text)
    how = {"ours": ["address", "state"], "asked": [], "word": ["A", "U"]}
    some = client.post(
        str(page.url), data=_answered(page, verb="try", **how, meaning=["confirmed", ""])
    )
    assert some.status_code == 400
    assert '<option value="confirmed" selected' in tight(some.text)
    client.post(
        str(page.url),
        data=_answered(page, verb="import", **how, meaning=["confirmed", "unsubscribed"]),
    )
    _work(stage)
    with reading(stage.engine) as session:
        states = session.execute(
            select(SubscriberRow.address, SubscriptionRow.state).join(
                SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id
            )
        ).all()
    assert {address: state.value for address, state in states} == {
        "a@example.jp": "confirmed",
        "b@example.jp": "unsubscribed",
        "c@example.jp": "confirmed",
    }


def test_a_legend_against_an_answer_is_asked_about(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    text = "0:希望 1:不要\nemail,会報\na@example.jp,1\nb@example.jp,0\n"
    page = _bring(client, text.encode())
    asked = client.post(
        str(page.url), data=_answered(page, verb="import", **{"answer-0": "opt_in"})
    )
    assert asked.status_code == 400
    assert "What do the values of “会報” mean?" in asked.text
    how = {"ours": ["address", "opt_in"], "asked": [], "word": ["0", "1"]}
    client.post(
        str(page.url),
        data=_answered(page, verb="import", **how, meaning=["confirmed", "unsubscribed"]),
    )
    _work(stage)
    with reading(stage.engine) as session:
        confirmed = session.scalars(
            select(SubscriberRow.address)
            .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
            .where(SubscriptionRow.state == SubscriptionState.CONFIRMED)
        ).all()
    assert confirmed == ["b@example.jp"]


def test_a_worker_that_finds_a_question_further_down_gives_the_list_back(
    stage: Stage, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.web.subscribers.imports.TRIED", 1)
    monkeypatch.setattr("subscribers.lists.imports.trials.TRIED", 1)
    client = sign_in("operator@example.jp", Role.OPERATOR)
    text = '{"email": "a@example.jp"}\n' * 2 + '{"email": "b@example.jp", "会報": "不要"}\n'
    page = _bring(client, text.encode(), "a.jsonl")
    assert "want your email" not in page.text
    form = {"csrf": csrf_of(page.text), "basis": "x", "column": ["email"], "ours": ["address"]}
    client.post(str(page.url), data={**form, "verb": "import"})
    _work(stage)
    again = client.get(str(page.url))
    assert "Please answer the questions" in again.text
    assert "<legend>“会報”</legend>" in again.text
    assert _addresses(stage) == set()


@pytest.mark.usefixtures("stage")
def test_a_warning_about_a_new_field_names_it_by_its_label(sign_in: SignIn) -> None:
    client = sign_in("operator@example.jp", Role.ADMINISTRATOR)
    page = _bring(client, "email,電話\na@example.jp,9012345678\n".encode())
    chosen = {"column": ["email", "電話"], "ours": ["address", "+"]}
    tried = client.post(str(page.url), data=_form(page, verb="try", **chosen))
    warned, found, _ = tried.text.partition("may have been lost")
    assert found
    assert "field_1" not in warned


def _shown_columns(page: Page) -> dict[str, str]:
    """Return what the table of columns says is done with each: what is chosen, and the hint."""
    shown = {}
    for row in page.locator("section:has(#columns) tbody tr").all():
        said = row.locator("select option:checked").all_inner_texts()
        said += row.locator(".hint").all_inner_texts()
        shown[row.locator("strong").inner_text()] = " | ".join(map(str.strip, said))
    return shown


@pytest.mark.usefixtures("stage")
def test_the_table_of_columns_says_what_is_heeded_of_those_that_are_not_kept(
    sign_in: SignIn, window: Page
) -> None:
    client = sign_in("operator@example.jp", Role.ADMINISTRATOR)
    heads = "メール,希望,案内の可否,配信エラー,備考,会員番号,参加希望"
    rows = "a@example.jp,はい,可,,,12,はい\nb@example.jp,いいえ,不可,,,13,いいえ\n"
    page = _bring(client, f"{heads}\n{rows}".encode())
    url = str(page.url)
    window.context.add_cookies(
        [{"name": n, "value": v, "url": url} for n, v in client.cookies.items()]
    )
    window.goto(url)
    no = "Not kept, but heeded | Whoever has a no here gets no email."
    assert _shown_columns(window) == {
        "メール": "Email address",
        "希望": no,
        "案内の可否": no,
        "配信エラー": "Not kept, but heeded | Whoever has an entry here gets no email.",
        "備考": "Not kept, but heeded | Whoever unsubscribed by a remark here gets no email.",
        "会員番号": "Not imported",
        "参加希望": "Not imported | Asked above.",
    }
    window.get_by_label("About something else").check()
    window.get_by_label("Basis of consent").fill("form")
    window.get_by_role("button", name="Check the import").click()
    assert _shown_columns(window)["参加希望"] == "Not imported"
    assert window.get_by_role("row", name="Kept as unsubscribed 1 b@example.jp").is_visible()


def _paste(client: httpx.Client, text: str) -> httpx.Response:
    return client.post(_BASE, data={"csrf": csrf_of(client.get(_BASE).text), "text": text})


@pytest.mark.usefixtures("stage")
def test_a_pasted_list_is_called_so_and_a_column_without_a_name_by_its_number(
    sign_in: SignIn,
) -> None:
    client = sign_in("operator@example.jp", Role.ADMINISTRATOR)
    page = _paste(client, "山田 <a@example.jp>\nb@example.jp\n")
    assert "Pasted list" in page.text
    assert "<strong>column 1</strong>" in page.text
    assert "column 2" not in page.text
    assert "#1</" not in page.text


@pytest.mark.usefixtures("stage")
def test_a_name_beside_an_address_is_kept_without_a_warning(sign_in: SignIn) -> None:
    client = sign_in("operator@example.jp", Role.ADMINISTRATOR)
    page = _paste(client, "email\n山田 <a@example.jp>\n<b@example.jp>\n")
    form = _form(page, column=["email"], ours=["address"], verb="try")
    tried = client.post(str(page.url), data=form).text
    assert "Every row was tried." in tried
    assert "a warning." not in tried


@pytest.mark.usefixtures("stage")
def test_a_pasted_list_of_json_is_read_and_its_answers_are_shown_as_it_writes_them(
    sign_in: SignIn,
) -> None:
    client = sign_in("operator@example.jp", Role.ADMINISTRATOR)
    page = _paste(
        client, '[{"email": "a@example.jp", "vip": true}, {"email": "b@example.jp", "vip": false}]'
    )
    assert "true: 1" in page.text
    assert "True: 1" not in page.text
