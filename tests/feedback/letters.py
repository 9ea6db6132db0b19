"""Returned mail, and mail written by people."""

from __future__ import annotations

READER = "reader@example.jp"


def notice(
    to: str = "bounces@example.jp", *, about: str = READER, message_id: str = "", mark: str = "1"
) -> bytes:
    """Return a delivery status notification (RFC 3464): the mailbox does not exist."""
    return f"""Return-Path: <>
Delivered-To: {to}
From: MAILER-DAEMON@mx.example.net
To: {to}
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b{mark}"

--b{mark}
Content-Type: text/plain

The mail could not be delivered.

--b{mark}
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; {about}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <{about}>: user unknown

--b{mark}
Content-Type: text/rfc822-headers

From: digest@example.jp
To: {about}
Message-ID: {message_id or "<unknown@example.jp>"}
Subject: digest

--b{mark}--
""".replace("\n", "\r\n").encode()


def letter(subject: str, *, sender: str = READER, body: str = "", **headers: str) -> bytes:
    """Return a mail written by a person."""
    more = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in headers.items())
    text = f"""Return-Path: <{sender}>
From: A reader <{sender}>
To: unsubscribe@example.jp
Subject: {subject}
{more}
{body}
"""
    return text.replace("\n", "\r\n").encode()


def complaint(to: str, *, about: str = READER, message_id: str = "", mark: str = "1") -> bytes:
    """Return a report (RFC 5965) that a mail of ours is spam."""
    return f"""From: fbl@isp.example
To: {to}
Subject: complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b{mark}"

--b{mark}
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Isp/1
Version: 1
Original-Rcpt-To: {about}

--b{mark}
Content-Type: message/rfc822

From: digest@example.jp
To: {about}
Message-ID: {message_id or "<unknown@example.jp>"}

--b{mark}--
""".encode()
