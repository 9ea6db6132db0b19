"""A comment on a cell is a remark on its row: one that speaks of leaving is asked about."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import pytest
from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.worksheet.worksheet import Worksheet

from newsletter.database.vocabulary import SubscriptionState
from newsletter.errors import ListError
from subscribers.lists.columns.columns import ColumnAnswers
from subscribers.lists.columns.questions import QuestionKind, UnclearColumnError
from subscribers.lists.parsers import workbook_comments, workbook_parts
from subscribers.lists.parsers.text_lists import BESIDE, COMMENTS
from tests.subscribers.lists.columns.test_states import import_list, states_of
from tests.subscribers.lists.parsers.test_opendocument import document, row, sheet
from tests.support.stage import Stage

_C, _U = SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED
_THREADED = "http://schemas.microsoft.com/office/2017/10/relationships/threadedComment"
_ROWS = (("Name", "Email"), ("Ann", "ann@x.example"), ("Bo", "bo@x.example"))


def _workbook(comments: Mapping[str, str], *, author: str = "Office") -> bytes:
    book = Workbook()
    written = book.active
    assert isinstance(written, Worksheet)
    for cells in _ROWS:
        written.append(cells)
    for place, text in comments.items():
        written[place].comment = Comment(text, author)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _with_thread(octets: bytes, place: str, *texts: str) -> bytes:
    """Return a workbook with a thread of comments, as Excel keeps it beside a note."""
    said = "".join(
        f'<threadedComment ref="{place}" id="{{{at}}}"><text>{text}</text></threadedComment>'
        for at, text in enumerate(texts)
    )
    link = f'<Relationship Id="t" Type="{_THREADED}" Target="../threadedComments/t1.xml"/>'
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(octets)) as given, zipfile.ZipFile(stream, "w") as made:
        for name in given.namelist():
            part = given.read(name)
            if name.endswith("sheet1.xml.rels"):
                part = part.replace(b"</Relationships>", f"{link}</Relationships>".encode())
            made.writestr(name, part)
        made.writestr("xl/threadedComments/t1.xml", f"<ThreadedComments>{said}</ThreadedComments>")
    return stream.getvalue()


def _sheets(comment: str) -> bytes:
    note = (
        '<office:annotation xmlns:dc="urn:dc"><dc:creator>Unsubscribe Ltd</dc:creator>'
        f"<dc:date>2026-01-05</dc:date><text:p>{comment}</text:p></office:annotation>"
    )
    cell = f"<table:table-cell>{note}<text:p>bo@x.example</text:p></table:table-cell>"
    return document(sheet(row("Name", "Email"), row("Ann", "ann@x.example"), row("Bo", cell)))


def _xml_spreadsheet(comment: str) -> bytes:
    def row_of(*cells: str) -> str:
        return f"<Row>{''.join(f'<Cell><Data>{cell}</Data></Cell>' for cell in cells)}</Row>"

    note = f'</Data><Comment ss:Author="Office"><ss:Data>{comment}</ss:Data></Comment><Data>'
    rows = row_of("Name", "Email") + row_of("Ann", "ann@x.example")
    rows += row_of("Bo", f"bo@x.example{note}")
    text = (
        '<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook xmlns:ss="urn:s">'
        f"<Worksheet><Table>{rows}</Table></Worksheet></Workbook>"
    )
    return text.encode()


@pytest.mark.parametrize(
    ("name", "octets", "said"),
    [
        (
            "l.xlsx",
            _workbook({"B3": "Rief an: möchte keinen Newsletter mehr.", "B2": "Spricht Dänisch."}),
            "Rief an: möchte keinen Newsletter mehr.",
        ),
        ("l.xlsx", _workbook({"A3": "Office:\n退会（3月）"}), "退会（3月）"),
        ("l.xlsx", _workbook({"E3": "left in 2023"}), "left in 2023"),
        (
            "l.xlsx",
            _with_thread(
                _workbook({"B3": "[Threaded comment] Edits to it will get removed."}),
                "B3",
                "Is she still there?",
                "No, unsubscribed in May.",
            ),
            "No, unsubscribed in May.",
        ),
        ("l.ods", _sheets("Has unsubscribed"), "Has unsubscribed"),
        ("l.xls", _xml_spreadsheet("Has unsubscribed"), "Has unsubscribed"),
    ],
)
def test_a_comment_that_speaks_of_leaving_is_asked_about(
    name: str, octets: bytes, said: str, sqlite_stage: Stage
) -> None:
    with pytest.raises(UnclearColumnError) as asked:
        import_list(sqlite_stage, octets, name=name, is_answered=False)
    (question,) = asked.value.questions
    assert (question.column, question.kind) == (COMMENTS, QuestionKind.REMARKS)
    assert question.values == ((said, 1),)
    assert states_of(sqlite_stage.engine) == {}


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("l.xlsx", _workbook({"B3": "Vorsitzende seit 2019", "A1": "Family name first"})),
        ("l.ods", _sheets("Chairs the choir")),
        ("l.xls", _xml_spreadsheet("Chairs the choir")),
    ],
)
def test_a_comment_that_says_nothing_of_mail_is_not_asked_about(
    name: str, octets: bytes, sqlite_stage: Stage
) -> None:
    import_list(sqlite_stage, octets, name=name, is_answered=False)
    assert states_of(sqlite_stage.engine) == {"ann": _C, "bo": _C}


@pytest.mark.parametrize(
    ("answers", "states"),
    [
        (ColumnAnswers(heeded=[COMMENTS]), {"ann": _C}),
        (ColumnAnswers(unrelated=[COMMENTS]), {"ann": _C, "bo": _C}),
    ],
)
def test_a_commented_row_is_as_somebody_answers(
    answers: ColumnAnswers, states: dict[str, SubscriptionState], sqlite_stage: Stage
) -> None:
    octets = _workbook({"B3": "Rief an: möchte keinen Newsletter mehr."})
    import_list(sqlite_stage, octets, name="l.xlsx", answers=answers, is_answered=False)
    assert states_of(sqlite_stage.engine) == states


def test_a_comment_beyond_what_was_looked_at_refuses_itsrow(sqlite_stage: Stage) -> None:
    octets = _workbook({"B3": "Rief an: möchte keinen Newsletter mehr."})
    _, problems = import_list(sqlite_stage, octets, name="l.xlsx")
    assert [problem.line for problem in problems] == [3]
    assert states_of(sqlite_stage.engine) == {"ann": _C}


@pytest.mark.parametrize("place", ["A1", "F1", "B9"])
def test_a_comment_on_no_row_is_a_note_beside_the_list(place: str, sqlite_stage: Stage) -> None:
    octets = _workbook({place: "Unsubscribed, see ann@x.example"})
    with pytest.raises(UnclearColumnError) as asked:
        import_list(sqlite_stage, octets, name="l.xlsx", is_answered=False)
    assert BESIDE in {each.column for each in asked.value.questions}


def test_comments_are_bounded(monkeypatch: pytest.MonkeyPatch, sqlite_stage: Stage) -> None:
    monkeypatch.setattr(workbook_comments, "_MOST_KEPT", 20)
    octets = _workbook({"B2": "Has unsubscribed", "B3": "Has unsubscribed"})
    with pytest.raises(ListError, match="comments of the workbook are larger"):
        import_list(sqlite_stage, octets, name="l.xlsx")
    monkeypatch.setattr(workbook_parts, "MOST_NAMED", 1)
    with pytest.raises(ListError, match="more than 1"):
        import_list(sqlite_stage, octets, name="l.xlsx")
