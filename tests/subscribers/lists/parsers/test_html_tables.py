"""Lists as tables of HTML, as pages are saved and many systems write their ``.xls``."""

from __future__ import annotations

import io

import pytest

from newsletter.database.vocabulary import SubscriptionState
from newsletter.errors import ListError
from subscribers.lists.parsers.encodings import require_encoding
from subscribers.lists.parsers.files import encoding_of, list_records
from tests.subscribers.lists.columns.test_states import import_list, states_of
from tests.support.stage import Stage

_C, _U = SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED


def _row(*cells: str, tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"


_HEAD = _row("Email", "Name", tag="th")
_LEFT = _row("Email", "Name", "Status") + _row("a@x.jp", "Ann", "active")
_SPREADSHEET = (
    '<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook xmlns:ss="urn:s">'
    "<Worksheet><Table><Row><Cell><Data>Email</Data></Cell><Cell><Data>Name</Data></Cell>"
    "<Cell><Data>Status</Data></Cell></Row><Row><Cell><Data>a@x.jp</Data></Cell>"
    '<Cell ss:Index="3"><Data>active</Data></Cell></Row><Row><Cell><Data>b@x.jp</Data></Cell>'
    '<Cell ss:Index="3"><Data>unsubscribed</Data></Cell></Row></Table></Worksheet></Workbook>'
)


@pytest.mark.parametrize(
    "page",
    [
        f"<html><body><table>{_LEFT}{_row('b@x.jp', 'Bo', 'unsubscribed')}</table></body></html>",
        "<table><tr><td>Email<td>Status<tr><td>a@x.jp<td>active<tr><td>b@x.jp<td>unsubscribed",
        (
            "<table><tr><th rowspan=2>メール</th><th colspan=2>メール配信</th></tr>"
            f"<tr><th>希望</th><th>備考</th></tr>{_row('a@x.jp', 'する')}{_row('b@x.jp', 'しない')}"
        ),
        (
            f"<table>{_HEAD}{_row('a@x.jp', 'A')}<tr><td colspan=2>退会者</td></tr>"
            f"{_row('b@x.jp', 'B')}"
        ),
        (
            f"<h2>Members</h2><table>{_HEAD}{_row('a@x.jp', 'A')}</table>"
            f"<h2>Unsubscribed</h2><table>{_HEAD}{_row('b@x.jp', 'B')}</table>"
        ),
        (
            f"<table>{_HEAD}{_row('a@x.jp', 'A')}</table>"
            f"<table><caption>退会者</caption>{_HEAD}{_row('b@x.jp', 'B')}</table>"
        ),
        (
            f"<table>{_row('member address<br>member name', 'nomail [reason]')}"
            f"{_row('a@x.jp<br><input value=Ann>', '<input type=checkbox>')}"
            f"{_row('b@x.jp', '[U]<input type=checkbox checked>')}</table>"
        ),
        (
            f"<table>{_row('Email', 'Newsletter')}{_row('a@x.jp', '<input type=checkbox checked>')}"
            f"{_row('b@x.jp', '<input type=checkbox>')}</table>"
        ),
        (
            f"<table>{_row('Email', 'Status')}"
            f"{_row('a@x.jp', '<select><option selected>active<option>unsubscribed</select>')}"
            f"{_row('b@x.jp', '<select><option>active<option selected>unsubscribed</select>')}"
        ),
        (
            f"<table>{_row('Email', 'Subscribed')}{_row('a@x.jp', '<img alt=yes>')}"
            f"{_row('b@x.jp', '<img alt=no>')}</table>"
        ),
        _SPREADSHEET,
    ],
    ids=[
        *("plain", "unclosed", "merged headings", "section", "two tables", "caption"),
        *("name below", "boxes", "choices", "pictures", "workbook"),
    ],
)
def test_who_left_by_a_table_of_html_gets_no_mail(page: str, sqlite_stage: Stage) -> None:
    _, problems = import_list(sqlite_stage, page.encode(), name="l.xls")
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}, problems


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("cp932", "Shift_JIS"),
        ("cp932", ""),
        ("utf-8", "Shift_JIS"),
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("euc_jp", "EUC-JP"),
        ("iso2022_jp", "ISO-2022-JP"),
    ],
)
def test_a_page_is_read_in_the_encoding_that_it_is_in(encoding: str, said: str) -> None:
    meta = f"<meta charset={said}>" if said else ""
    people = _row("メールアドレス", "氏名") + _row("a@x.jp", "山田&nbsp;花子")
    octets = f"<html>{meta}<table>{people}</table>".encode(encoding)
    found = encoding_of(io.BytesIO(octets), file_name="l.xls", source="l.xls")
    assert require_encoding(found.encoding) == require_encoding(encoding)
    records = [*list_records(io.BytesIO(octets), file_name="l.xls", source="l.xls")]
    assert records[1].values == {"メールアドレス": "a@x.jp", "氏名": "山田 花子"}


@pytest.mark.parametrize(
    "row",
    [
        "<tr style='display: none'><td>b@x.jp</td><td>B</td></tr>",
        "<tr hidden><td>b@x.jp</td><td>B</td></tr>",
        "<tr><td><s>b@x.jp</s></td><td>B</td></tr>",
        "<tr><td style='text-decoration:line-through'>b@x.jp</td><td>B</td></tr>",
        "<tr style='text-decoration:line-through'><td>b@x.jp</td><td>B</td></tr>",
        "<tr><td class='xl66 gone'>b@x.jp</td><td>B</td></tr>",
        "<tr class=off><td>b@x.jp</td><td>B</td></tr>",
    ],
)
def test_a_row_that_is_hidden_or_struck_out_is_told_and_not_taken(
    row: str, sqlite_stage: Stage
) -> None:
    styles = "td.gone {color:red; text-decoration:line-through} .off{display:none}"
    page = f"<style><!-- {styles} --></style><table>{_HEAD}{_row('a@x.jp', 'A')}{row}</table>"
    _, problems = import_list(sqlite_stage, page.encode(), name="l.html")
    assert states_of(sqlite_stage.engine) == {"a": _C}
    assert [problem.line for problem in problems] == [3]


def test_an_address_that_only_a_link_has_is_found(sqlite_stage: Stage) -> None:
    page = f"<table>{_row('Name', 'Email')}{_row('Ann', '<a href=mailto:a%40x.jp>Write</a>')}"
    import_list(sqlite_stage, page.encode(), name="l.html")
    assert states_of(sqlite_stage.engine) == {"a": _C}


def test_what_lays_out_a_page_is_no_list(sqlite_stage: Stage) -> None:
    page = (
        f"<table><tr><td>Menu</td><td><table>{_HEAD}{_row('a@x.jp', 'A')}</table></td></tr>"
        f"<tr><td>info@corp.jp</td></tr></table><table>{_row('Help', 'help@corp.jp')}</table>"
    )
    _, problems = import_list(sqlite_stage, page.encode(), name="l.html")
    assert states_of(sqlite_stage.engine) == {"a": _C}
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("<html><p>a@x.jp</p></html>", "no table"),
        ("<table><tr><td>email" + "<table><tr><td>" * 100_000, "nested"),
        (f"<table>{_HEAD}" + "<tr></tr>" * 300_000, "are empty"),
        ("<table><tr>" + "<td></td>" * 300_000, "more than 1,?000 cells"),
        (f"<table>{_HEAD}<tr><td>" + "x" * 3_000_000, "larger than 1 MiB"),
        (
            f"<table>{_HEAD}" + "<tr><td colspan=1000 rowspan=9999>a@x.jp</td></tr>" * 10_000,
            "more than 100 cells",
        ),
    ],
    ids=["no table", "nested", "rows", "cells", "a cell", "merged"],
)
def test_a_page_that_is_no_list_or_endless_is_refused_soon(page: str, message: str) -> None:
    with pytest.raises(ListError, match=message):
        for _ in list_records(io.BytesIO(page.encode()), file_name="l.html", source="l.html"):
            pass


def test_lines_that_begin_with_addresses_in_brackets_are_no_page(sqlite_stage: Stage) -> None:
    import_list(sqlite_stage, b"<a@x.jp>\n<b@x.jp>\n", name="l.txt")
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _C}


def test_of_the_page_of_members_of_mailman_a_ticked_nomail_has_left(sqlite_stage: Stage) -> None:
    heads = "unsub,member address<br>member name,mod,hide,nomail<br>[reason],ack,nodupes,digest"
    box = '<td><input type="CHECKBOX"{}></td>'.format
    rows = "".join(
        f"<tr>{box('')}<td><a>{one}@x.example</a><br><input type='TEXT' value='Ann'></td>"
        f"{box(' CHECKED')}{box('')}<td><input type='CHECKBOX'{ticked}>{reason}</td>"
        f"{box('')}{box(' CHECKED')}{box('')}</tr>"
        for one, ticked, reason in (("a", "", ""), ("b", " CHECKED", "[B]"), ("c", " CHECKED", ""))
    )
    head = "".join(f"<th>{each}</th>" for each in heads.split(","))
    page = f"<html><body><table><tr>{head}</tr>{rows}</table></body></html>"
    import_list(sqlite_stage, page.encode(), name="members.html", is_answered=False)
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U, "c": _U}
