"""Several people on one line of a list: each is a row of their own, whatever is odd about one."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from newsletter.database.engine import transaction
from newsletter.database.vocabulary import SubscriptionState, SuppressionReason
from subscribers.lists.columns.columns import ColumnAnswers
from subscribers.lists.parsers.text_lists import BESIDE, NAMES, SECTION
from subscribers.suppression import suppress
from tests.subscribers.lists.columns.test_states import import_list, states_of
from tests.support.stage import Stage, set_stage

_C = SubscriptionState.CONFIRMED
#: Nothing is said of the people: what is read of them is theirs alone.
_ANSWERS = ColumnAnswers(unrelated=[SECTION, BESIDE, NAMES[1]])


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return set_stage(engine)


@pytest.mark.parametrize(
    "line",
    [
        "Ann <a@x.example>, b@x.example",
        "a@x.example; Ben <b@x.example> 様",
        "a@x.example, a@x.example, b@x.example",
        "a@x.example, A <a@x.example>, b@x.example, B@X.example",
    ],
)
def test_each_address_of_a_line_is_added_once(sqlite_stage: Stage, line: str) -> None:
    report, _ = import_list(sqlite_stage, f"{line}\n日時: 9:00\n".encode(), name="l.txt")
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _C}
    assert report.added == 2


def test_who_is_refused_takes_nobody_along_from_the_same_line(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        suppress(session, address_key="a@x.example", reason=SuppressionReason.COMPLAINT)
    text = b"a@x.example, b@x.example, Cy <c@x.example>\n"
    report, problems = import_list(stage, text, name="l.txt")
    assert states_of(stage.engine) == {"b": _C, "c": _C}
    assert [one.address for one in problems if not one.taken] == ["a@x.example"]
    assert (report.added, report.refusals, report.unchanged) == (2, 1, 0)


_PIECES = st.sampled_from(
    [
        *("a@x.example", "b@x.example", "Cy <c@x.example>", "'d@x.example'", "E@X.example"),
        *("Ann <a@x.example>", "丸山様 <f@x.example>", "ｇ@x.example", "h@x..example"),
        *("件名: 案内", "退会者", "---", "日時: 9:00", "※印", '"', "j@x.example（退会）"),
    ]
)
_LINES = st.lists(st.lists(_PIECES, min_size=1, max_size=5), min_size=1, max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(lines=_LINES, sign=st.sampled_from([", ", "; ", "、", " "]))
def test_whatever_stands_on_its_lines_each_row_of_a_list_ends_as_one_result(
    sqlite_stage: Stage, lines: list[list[str]], sign: str
) -> None:
    text = "z@x.example\n" + "\n".join(map(sign.join, lines)) + "\n"
    report, _ = import_list(
        sqlite_stage, text.encode(), name="l.txt", answers=_ANSWERS, dry_run=True, keeps_chunks=True
    )
    told = [(row.address, row.result) for row in report.checked]
    taken = [address for address, result in told if result not in {"repeated", "refused"}]
    assert len({address.lower() for address in taken}) == len(taken)
    assert len(told) == report.records - 1 or "@" not in text
