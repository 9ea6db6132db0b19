"""Each mail system's notice names its recipient, and has the expected meaning."""

from __future__ import annotations

import pytest

from newsletter.bounces.reading import read_report
from tests.bounces.formats import FORMATS, READER, RETURNED, Format

BY_NAME = [pytest.param(one, id=one.name) for one in FORMATS]
RETURNING = [pytest.param(one, id=one.name) for one in FORMATS if one.returned]
NAMING = [pytest.param(one, id=one.name) for one in FORMATS if one.name != "fml"]


@pytest.mark.parametrize("notice", BY_NAME)
def test_what_it_means(notice: Format) -> None:
    report = read_report(notice.raw)
    (recipient,) = report.recipients
    assert (report.kind, recipient.reason, recipient.hard) == (
        notice.kind,
        notice.reason,
        notice.hard,
    )


@pytest.mark.parametrize("notice", NAMING)
def test_whom_it_is_about(notice: Format) -> None:
    """A mailing list's notice (fml) names only the list."""
    (recipient,) = read_report(notice.raw).recipients
    assert recipient.address == READER


@pytest.mark.parametrize("notice", RETURNING)
def test_which_mail_it_returns(notice: Format) -> None:
    assert read_report(notice.raw).message_id == "<7.abcdefghijklmnopqrstuvwx@example.jp>"


@pytest.mark.parametrize("notice", BY_NAME)
def test_the_returned_mails_text_is_ignored(notice: Format) -> None:
    """The returned mail's own text must not be read as the remote server's."""
    said = b"Hello\n\nYour mailbox is full, the user is unknown, relay access denied.\n"
    louder = notice.raw.replace(b"Hello\n", said) if notice.returned == RETURNED else notice.raw
    assert read_report(louder).recipients == read_report(notice.raw).recipients


@pytest.mark.parametrize("notice", BY_NAME)
def test_line_ends_make_no_difference(notice: Format) -> None:
    assert read_report(notice.raw.replace(b"\n", b"\r\n")) == read_report(notice.raw)


@pytest.mark.parametrize(
    "name", ["kijitora", "mailbox-full", "no.such.user", "recipient", "rcpt-to"]
)
@pytest.mark.parametrize("notice", FORMATS, ids=lambda notice: notice.name)
def test_words_of_notices_within_an_address_say_nothing(notice: Format, name: str) -> None:
    address = f"{name}@example.com"
    report = read_report(notice.raw.replace(READER.encode(), address.encode()))
    told = read_report(notice.raw)
    assert [one.address for one in report.recipients] == [
        address if one.address == READER else one.address for one in told.recipients
    ]
    assert [(one.reason, one.hard) for one in report.recipients] == [
        (one.reason, one.hard) for one in told.recipients
    ]
