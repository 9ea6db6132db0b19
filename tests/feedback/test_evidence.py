"""The stored part of a report: enough to judge it, and nothing that allows acting as a reader."""

from __future__ import annotations

import base64
import json
import quopri
import re
from email.header import Header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.feedback.evidence import evidence_of_call, evidence_of_mail, without_secrets
from newsletter.message.identifiers import return_path
from newsletter.tokens import DeliveryRef, Purpose, TokenSigner, without_tokens

SIGNER = TokenSigner([b"e" * 40])
REF = DeliveryRef(newsletter_id=1, mailing_id=712, subscriber_id=90_211)
TOKENS = {purpose: SIGNER.sign_delivery(purpose, REF) for purpose in Purpose}
LINK = f"https://news.example.jp/p/{TOKENS[Purpose.PREFERENCES]}"
BODY = f"Dear reader, see {LINK} or https://news.example.jp/welcome/{TOKENS[Purpose.ACCOUNT]} soon."
HEAD = f"""Return-Path: <{return_path(SIGNER, "bounces@example.jp", REF)}>
Received: from a.example.jp by b.example.net; Thu, 1 Oct 2026 10:00:00 +0900
From: Digest <digest@example.jp>
To: reader@example.jp
Subject: {Header("週報 " + LINK, "utf-8", maxlinelen=60).encode(linesep=chr(10))}
Message-ID: <712.abc@example.jp>
List-Unsubscribe: <https://news.example.jp/u/{TOKENS[Purpose.UNSUBSCRIBE]}>,
 <mailto:unsubscribe@example.jp?subject=unsubscribe%20{TOKENS[Purpose.UNSUBSCRIBE]}>"""
IN_BASE64 = base64.encodebytes(BODY.encode()).decode()
IN_QUOTED_PRINTABLE = quopri.encodestring((BODY + "é").encode()).decode()
PLAIN = f"{HEAD}\n\n{BODY}\n"
ENCODED = f"{HEAD}\nContent-Transfer-Encoding: base64\n\n{IN_BASE64}"
SOFT = f"{HEAD}\nContent-Transfer-Encoding: quoted-printable\n\n{IN_QUOTED_PRINTABLE}"
TOP = """Return-Path: <>
From: MAILER-DAEMON@mx.example.net
To: bounces@example.jp
Subject: Undelivered"""
SAID = "reader@example.jp: 550 5.1.1 user unknown"


def _report(kind: str, returned: str, more: str = "") -> str:
    return f"""{TOP}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

{SAID}

--b
Content-Type: message/delivery-status

Final-Recipient: rfc822; reader@example.jp
Action: failed
Status: 5.1.1

--b
Content-Type: {kind}
{more}
{returned}
--b--
"""


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.split("\n"))


REPORTS = {
    "as the standard says": _report("message/rfc822", PLAIN),
    "with a body in base64": _report("message/rfc822", ENCODED),
    "wholly in base64": _report(
        "message/rfc822",
        base64.encodebytes(PLAIN.encode()).decode(),
        "Content-Transfer-Encoding: base64\n",
    ),
    "as headers that are all of it": _report("text/rfc822-headers", SOFT),
    "as a file": _report(
        'application/octet-stream; name="returned.eml"',
        base64.encodebytes(PLAIN.encode()).decode(),
        "Content-Transfer-Encoding: base64\n",
    ),
    "as text": _report("text/plain", ENCODED),
    "as HTML": _report("text/html", f'<p>See <a href="{LINK}">{LINK}</a></p>'),
    "beneath a line": f"{TOP}\n\n{SAID}\n\n"
    f"--- Below this line is a copy of the message.\n\n{ENCODED}",
    "beneath Exim's words": f"{TOP}\n\n{SAID}\n\n"
    f"------ This is a copy of the message, including all the headers. ------\n\n{SOFT}",
    "beneath nothing": f"{TOP}\n\n{SAID}\n\n{PLAIN}",
    "as a body alone": f"{TOP}\n\n{SAID}\n\n{IN_BASE64}",
    "as short lines alone": f"{TOP}\n\n{SAID}\n\n"
    + "\n".join(re.findall(".{1,20}", IN_BASE64.replace("\n", ""))),
    "as soft lines alone": f"{TOP}\n\n{SAID}\n\n{IN_QUOTED_PRINTABLE}",
    "in a quoted answer": f"{TOP}\n\n{SAID}\n\n{_quoted(PLAIN)}",
    "in a quoted body": f"{TOP}\n\n{SAID}\n\n{_quoted(IN_BASE64)}",
    "without a boundary": _report("message/rfc822", ENCODED).replace("boundary=b", "x=y"),
    "passed on": f"{TOP}\nContent-Type: multipart/mixed; boundary=o\n\n--o\n\nfor you\n"
    f"--o\nContent-Type: message/rfc822\n\n{_report('message/rfc822', ENCODED)}\n--o--\n",
}


def _held(text: str) -> set[str]:
    """Return the tokens that an attacker could extract from a text."""
    joined = re.sub(r"=?\n[ >]*", "", text)
    decoded = [
        base64.b64decode(run[at : at + (len(run) - at) // 4 * 4]).decode("latin-1")
        for run in re.findall(r"[A-Za-z0-9+/]{8,}", joined)
        for at in range(4)
    ]
    words = [text, joined, *decoded]
    return {token for token in TOKENS.values() if any(token in one for one in words)}


@pytest.mark.parametrize("way", REPORTS)
def test_no_link_of_a_returned_message_is_kept_however_it_is_returned(way: str) -> None:
    raw = REPORTS[way].encode()
    kept = evidence_of_mail(raw.replace(b"\n", b"\r\n"))
    assert not _held(kept)
    assert "Dear reader" not in kept or way in {"as soft lines alone", "in a quoted answer"}
    assert "MAILER-DAEMON@mx.example.net" in kept
    assert "550 5.1.1 user unknown" in kept


def test_what_a_report_says_and_the_returned_headers_are_kept() -> None:
    kept = evidence_of_mail(REPORTS["with a body in base64"].encode())
    for words in (SAID, "Status: 5.1.1", "Message-Id: <712.abc@example.jp>", "Subject: 週報"):
        assert words in kept


def test_of_a_notice_headers_and_status_alone_are_kept() -> None:
    raw = _report("text/plain", "Somebody made a link for you: it works for 4 hours.").encode()
    kept = evidence_of_mail(raw, has_words=False)
    assert "4 hours" not in kept
    assert "Status: 5.1.1" in kept


@pytest.mark.parametrize(
    "event",
    [
        {"Content": REPORTS["with a body in base64"], "Type": "HardBounce"},
        {"mail": {"headers": [{"name": "List-Unsubscribe", "value": f"<{LINK}>"}]}},
        {"content": base64.b64encode(PLAIN.encode()).decode()},
        {"Message": json.dumps({"content": IN_BASE64})},
        {"message": {"body-plain": _quoted(BODY)}, "url": LINK},
    ],
)
def test_no_link_within_a_provider_s_event_is_kept(event: dict[str, object]) -> None:
    kept = evidence_of_call(json.dumps(event).encode())
    assert not _held(kept)
    assert not _held(kept.replace("\\\\n", "\n").replace("\\n", "\n"))
    assert json.loads(kept).keys() == event.keys()


@given(
    st.sampled_from(Purpose),
    st.lists(st.integers(0, 2**63), min_size=1, max_size=4),
    st.sampled_from(["/p/", "unsubscribe%20", "unsubscribe+", "3A2F2F_p_", "=20", '"', "リンク"]),
    st.integers(1, 25),
    st.sampled_from(["", "=\n", "\n ", "\r\n\t", "\n> "]),
)
def test_every_token_is_recognised_wherever_it_stands_and_breaks(
    purpose: Purpose, numbers: list[int], before: str, at: int, between: str
) -> None:
    # A return path always holds the five numbers of a delivery, with a shorter signature.
    more = (0, 0, 0, 0) if purpose is Purpose.RETURN_PATH else ()
    token = SIGNER.sign(purpose, *numbers, *more)
    kept = without_tokens(f"see {before}{token[:at]}{between}{token[at:]}. Next")
    assert kept == f"see {before}[…]. Next"


def test_a_lone_surrogate_in_a_forwarded_report_is_accepted() -> None:
    inner = REPORTS["with a body in base64"].replace(SAID, "+2AA-")
    raw = REPORTS["passed on"].split("Content-Type: message/rfc822")[0]
    raw += (
        f"Content-Type: message/rfc822; charset=utf-7\n\n{inner.replace('bounces+', 'x')}\n--o--\n"
    )
    assert "Status: 5.1.1" in evidence_of_mail(raw.encode())


@given(st.text())
def test_any_octets_give_evidence(text: str) -> None:
    assert without_tokens(evidence_of_mail(text.encode("utf-8", "replace"))) is not None
    assert evidence_of_call(text.encode("utf-8", "replace")) is not None


def test_ordinary_words_stay_as_they_are() -> None:
    text = (
        "550 5.7.1 [203.0.113.9] blocked, see https://help.example.net/AQ/?q=EhAAAA.\nQueue 4AQXyz"
    )
    assert without_secrets(text) == text


def test_of_a_notice_within_a_provider_s_event_headers_and_status_alone_are_kept() -> None:
    notice = _report("text/plain", "Somebody made a link for you: it works for 4 hours.")
    kept = evidence_of_call(json.dumps({"Content": notice}).encode(), has_words=False)
    assert "4 hours" not in kept
    assert "Status: 5.1.1" in kept
