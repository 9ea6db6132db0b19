"""Manners: the layouts in which mail systems pass on another server's reply, without comment."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.bounces.formats import OURS, READER, RETURNED
from tests.bounces.sayings import Saying

_NAMES = {
    "RCPT": "RCPT TO",
    "DATA": "end of DATA",
    "MAIL": "MAIL FROM",
    "HELO": "HELO",
    "CONN": "CONN",
}
_SENT = {
    "RCPT": f"RCPT To:<{READER}>",
    "DATA": "DATA",
    "MAIL": f"MAIL From:<{OURS}>",
    "HELO": "HELO nl.example.jp",
}


class Said(NamedTuple):
    """A saying about our reader."""

    text: str
    status: str
    command: str

    @property
    def where(self) -> str:
        """The command by the name that most systems use."""
        return _NAMES.get(self.command, "")

    @property
    def sent(self) -> str:
        """The command as it was sent."""
        return _SENT.get(self.command, "")


def said_of(saying: Saying) -> Said:
    """Return a saying with our reader's address and domain inserted."""
    words = saying.words.format(READER, READER.partition("@")[2])
    parts = (saying.reply, saying.status, words)
    return Said(text=" ".join(filter(None, parts)), status=saying.status, command=saying.command)


def _mail(body: str, *, sender: str, subject: str, headers: str = "") -> bytes:
    head = f"From: {sender}\nTo: {OURS}\nSubject: {subject}\n{headers}"
    return f"{head}Content-Type: text/plain; charset=utf-8\n\n{body}".encode()


def _postfix(said: Said) -> bytes:
    place = f" (in reply to {said.where} command)" if said.where and said.command != "CONN" else ""
    body = f"""This is the mail system at host mx.example.net.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

<{READER}>: host mx.example.com[192.0.2.5] said: {said.text}{place}
"""
    return _mail(body, sender="MAILER-DAEMON@mx.example.net", subject="Undelivered Mail Returned")


def _postfix_report(said: Said) -> bytes:
    words = _postfix(said).decode().partition("\n\n")[2]
    status = said.status or "5.0.0"
    return f"""From: MAILER-DAEMON@mx.example.net
To: {OURS}
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

{words}
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; {READER}
Action: failed
Status: {status}
Diagnostic-Code: smtp; {said.text}

--b
Content-Type: message/rfc822

{RETURNED}
--b--
""".encode()


def _sendmail(said: Said) -> bytes:
    sent = f">>> {said.sent}\n" if said.sent else ""
    body = f"""The original message was received at Thu, 1 Oct 2026 08:00:00 +0900

   ----- The following addresses had permanent fatal errors -----
<{READER}>
    (reason: {said.text})

   ----- Transcript of session follows -----
... while talking to mx.example.com.:
{sent}<<< {said.text}
554 5.0.0 Service unavailable

   ----- Original message follows -----

{RETURNED}"""
    return _mail(
        body, sender="MAILER-DAEMON@mx.example.net", subject="Returned mail: see transcript"
    )


def _qmail(said: Said) -> bytes:
    lead = {
        "RCPT": "192.0.2.5 does not like recipient.",
        "DATA": "192.0.2.5 failed after I sent the message.",
        "MAIL": "Connected to 192.0.2.5 but sender was rejected.",
        "HELO": "Connected to 192.0.2.5 but my name was rejected.",
        "CONN": "Connected to 192.0.2.5 but greeting failed.",
    }.get(said.command, "")
    heard = f"{lead}\nRemote host said: {said.text}" if lead else said.text
    body = f"""Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{READER}>:
{heard}
Giving up on 192.0.2.5.

--- Below this line is a copy of the message.

{RETURNED}"""
    return _mail(body, sender="MAILER-DAEMON@mx.example.net", subject="failure notice")


def _exim(said: Said) -> bytes:
    lead = {
        "RCPT": f"SMTP error from remote mail server after RCPT TO:<{READER}>:",
        "DATA": "SMTP error from remote mail server after end of data:",
        "MAIL": f"SMTP error from remote mail server after MAIL FROM:<{OURS}> SIZE=102:",
        "HELO": "SMTP error from remote mail server after EHLO nl.example.jp:",
        "CONN": "SMTP error from remote mail server after initial connection:",
    }.get(said.command, "")
    host = "host mx.example.com [192.0.2.5]: " if lead else ""
    body = f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {READER}
    {lead}
    {host}{said.text}

------ This is a copy of the message, including all the headers. ------

{RETURNED}"""
    return _mail(
        body,
        sender="Mail Delivery System <Mailer-Daemon@mx.example.net>",
        subject="Mail delivery failed: returning message to sender",
    )


def _courier(said: Said) -> bytes:
    sent = f">>> {said.sent}\n" if said.sent else ""
    body = f"""This is a delivery status notification from mx.example.net,
running the Courier mail server, version 1.0.

The original message was received on Thu, 1 Oct 2026 08:00:00 +0900

UNDELIVERABLE MAIL

Your message to the following recipients cannot be delivered:

<{READER}>:
    mx.example.com [192.0.2.5]:
{sent}<<< {said.text}

If your message was also sent to additional recipients, their delivery
status is not included in this report.
"""
    return _mail(
        body,
        sender='"Courier mail server at mx" <@mx.example.net>',
        subject="NOTICE: mail delivery status.",
    )


def _opensmtpd(said: Said) -> bytes:
    body = f"""    Hi!

    This is the MAILER-DAEMON, please DO NOT REPLY to this email.

    An error has occurred while attempting to deliver a message for
    the following list of recipients:

{READER}: {said.text}

    Below is a copy of the original message:

{RETURNED}"""
    return _mail(
        body,
        sender="Mailer Daemon <MAILER-DAEMON@mx.example.net>",
        subject="Delivery status notification: error",
    )


def _gmail_old(said: Said) -> bytes:
    state = {"RCPT": "14", "DATA": "18", "MAIL": "13", "HELO": "8", "CONN": "2"}.get(said.command)
    place = f" (state {state})" if state else ""
    body = f"""Delivery to the following recipient failed permanently:

     {READER}

Technical details of permanent failure:
Google tried to deliver your message, but it was rejected by the server for the recipient
domain example.com by mx.example.com. [192.0.2.5].

The error that the other server returned was:
{said.text}{place}

----- Original message -----

{RETURNED}"""
    return _mail(
        body,
        sender="Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        subject="Delivery Status Notification (Failure)",
    )


def _yahoo(said: Said) -> bytes:
    name = {"RCPT": "RCPT_TO", "DATA": "BODY", "MAIL": "MAIL_FROM", "HELO": "HELO"}.get(
        said.command
    )
    place = f"\n[{name}]" if name else ""
    body = f"""Sorry, we were unable to deliver your message to the following address.

<{READER}>:
Remote host said:
{said.text}{place}

--- Below this line is a copy of the message.

{RETURNED}"""
    return _mail(body, sender="MAILER-DAEMON@yahoo.example", subject="Failure Notice")


def _exchange(said: Said) -> bytes:
    body = f"""Delivery has failed to these recipients or groups:

{READER}<mailto:{READER}>
Your message couldn't be delivered.

Diagnostic information for administrators:

Generating server: mail.example.net

{READER}
mx.example.com #<mx.example.com #{said.text}> #SMTP#

Original message headers:

{RETURNED}"""
    return _mail(body, sender="postmaster@example.net", subject="Undeliverable: October")


def _microsoft_365(said: Said) -> bytes:
    body = f"""mx.example.com rejected your message to the following email addresses:

{READER}<mailto:{READER}>
Your message wasn't delivered.

mx.example.com gave this error:
{said.text}

Diagnostic information for administrators:

Generating server: TY2PR0000.apcprd01.prod.outlook.com

{READER}
mx.example.com
Remote server returned '{said.text}'

Original message headers:

{RETURNED}"""
    return _mail(
        body,
        sender="Microsoft Outlook <MicrosoftExchange1@example.net>",
        subject="Undeliverable: October",
    )


def _hmailserver(said: Said) -> bytes:
    sent = f"      hMailServer sent: {said.sent}\n" if said.sent else ""
    body = f"""Your message did not reach some or all of the intended recipients.

   Sent: Thu, 1 Oct 2026 08:00:00 +0900
   Subject: October

The following recipient(s) could not be reached:

   {READER}
      Error Type: SMTP
      Remote server (192.0.2.5) issued an error.
{sent}      Remote server replied: {said.text}

hMailServer
"""
    return _mail(body, sender="mailer-daemon@example.net", subject="Message undeliverable: October")


def _dragonfly(said: Said) -> bytes:
    name = {"DATA": "final DATA"}.get(said.command, said.where)
    lead = f"mx.example.com [192.0.2.5] did not like our {name}:\n" if name else ""
    body = f"""This is the DragonFly Mail Agent v0.13 at df.example.net.

There was an error delivering your mail to <{READER}>.

{lead}{said.text}

Message headers follow.

{RETURNED}"""
    return _mail(body, sender="MAILER-DAEMON <>", subject="Mail delivery failed")


def _mfilter(said: Said) -> bytes:
    body = f"""以下のメールアドレスへの送信に失敗しました。
{READER}

-------server message
{said.text}

-------SMTP command
{said.sent.partition(":")[0]}

-------original message
{RETURNED}"""
    return _mail(
        body,
        sender="postmaster@example.net",
        subject="failure notice",
        headers="X-Mailer: m-FILTER\n",
    )


def _gmx(said: Said) -> bytes:
    name = {"DATA": "TEXT"}.get(said.command, said.command)
    lead = (
        f"SMTP error from remote server after {name} command:\nhost: mx.example.com\n"
        if name
        else ""
    )
    body = f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of
its recipients. This is a permanent error. The following address
failed:

"{READER}":
{lead}{said.text}

--- The header of the original message is following. ---

{RETURNED}"""
    return _mail(
        body,
        sender="GMX Mailer Daemon <mailer-daemon@gmx.example>",
        subject="Mail delivery failed: returning message to sender",
    )


def _interscan(said: Said) -> bytes:
    sent = f"Sent >>> {said.sent}\n" if said.sent else ""
    body = f"""Unable to deliver message to <{READER}>:
{sent}Received <<< {said.text}

Original message header:

{RETURNED}"""
    return _mail(body, sender="postmaster@example.net", subject="Mail could not be delivered")


def _groupwise(said: Said) -> bytes:
    body = f"""The message that you sent was undeliverable to the following:
	reader (reader@example.com ({said.text}))

Possibly truncated original message follows:
"""
    return _mail(
        body, sender="Mailer-Daemon@gw.example.net", subject="Message status - undeliverable"
    )


def _zimbra(said: Said) -> bytes:
    return _postfix(said).replace(b"MAILER-DAEMON", b"postmaster")


def _sun(said: Said) -> bytes:
    name = {"DATA": "data"}.get(said.command, said.sent)
    lead = f"  SMTP error from mx.example.com, in response to {name}\n" if name else ""
    body = f"""This report relates to a message you sent with the following header fields:

  Message-id: <7.abcdefghijklmnopqrstuvwx@example.jp>
  Date: Thu, 1 Oct 2026 08:00:00 +0900
  From: {OURS}
  To: {READER}
  Subject: October

Your message cannot be delivered to the following recipients:

  Recipient address: {READER}
  Reason: Remote SMTP server has rejected address
  Diagnostic code: smtp;{said.text}
  Remote system: dns;mx.example.com (TCP|192.0.2.1|25) (mx ESMTP)
"""
    if said.command != "RCPT":
        body = body.replace("  Reason: Remote SMTP server has rejected address\n", lead)
    return _mail(
        body,
        sender="Internet Mail Delivery <postmaster@example.net>",
        subject="Delivery Notification: Delivery has failed",
    )


def _powermta(said: Said) -> bytes:
    place = f" (in reply to {said.where})" if said.where and said.command != "CONN" else ""
    body = f"""Hello, this is the mail server on mta.example.net.

I am sending you this message to inform you on the delivery status of a
message you previously sent.

The following message(s) could not be delivered:

 <{READER}>   (delivery attempts: 1)
    smtp;{said.text}{place}
"""
    return _mail(body, sender="postmaster@mta.example.net", subject="Delivery report")


def _plain(said: Said) -> bytes:
    sent = f"Command: {said.sent}\n" if said.sent else ""
    body = f"""Your message could not be delivered.

Recipient: <{READER}>
{sent}Response: {said.text}
"""
    return _mail(body, sender="postmaster@example.net", subject="Mail delivery failure")


def _japanese(said: Said) -> bytes:
    sent = f"送信コマンド: {said.sent}\n" if said.sent else ""
    body = f"""お客様が送信されたメールは、次の宛先に配信できませんでした。

宛先メールアドレス: {READER}
{sent}相手サーバの応答: {said.text}

--- 元のメール ---
"""
    return _mail(body, sender="postmaster@isp.example", subject="メール送信エラーのお知らせ")


def _gmail(said: Said) -> bytes:
    body = f"""** Message not delivered **

Your message wasn't delivered to {READER} because of the following.

The response from the remote server was:
{said.text}
"""
    return _mail(
        body,
        sender="Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        subject="Delivery Status Notification (Failure)",
        headers=f"X-Failed-Recipients: {READER}\nAuto-Submitted: auto-replied\n",
    )


def _mdaemon(said: Said) -> bytes:
    at = " Thu 2026-10-01 08:00:00:"
    sent = f"{at} --> {said.sent}\n" if said.sent else ""
    body = f"""Your message could not be delivered to the following:

  From      : {OURS}
  To        : {READER}

Session Transcript:
{at} Attempting SMTP connection to [192.0.2.5:25]
{sent}{at} <-- {said.text}
{at} --> QUIT
"""
    return _mail(body, sender="MDaemon at x <MDaemon@example.net>", subject="Undeliverable Mail")


def _kerio(said: Said) -> bytes:
    sent = said.sent or "CONNECT"
    body = f"""Your message has been undelivered to the following recipient(s):

{READER} : Remote host mx.example.com (192.0.2.5) replied to command {sent} with: {said.text}
"""
    return _mail(body, sender="postmaster@example.net", subject="Undeliverable: October")


def _mercury(said: Said) -> bytes:
    sent = f"    >> {said.sent}\n" if said.sent else ""
    body = f"""Mercury has been unable to deliver your message to the following addresses:

 *  {READER}
{sent}    << {said.text}
"""
    return _mail(body, sender="postmaster@example.net", subject="Postmaster notify: failure")


def _table(said: Said) -> bytes:
    body = f"""The message you sent could not be delivered.

Recipient      : {READER}
Remote server  : mx.example.com (192.0.2.5)
Failed at      : {said.where}
Failure reason : {said.text}
"""
    return _mail(body, sender="postmaster@example.net", subject="Email Delivery Failure")


def _xmail(said: Said) -> bytes:
    body = f"""[<01>] XMail bounce: Rcpt=[{READER}];Error=[{said.text}]

[<02>] The reason of the delivery failure was:

{said.text}

[<05>] Here is listed the initial part of the message:

{RETURNED}"""
    return _mail(body, sender="postmaster@example.net", subject="Error sending message [1]")


Manner = Callable[[Said], bytes]
#: With whether they tell which command was refused.
MANNERS: dict[str, tuple[Manner, bool]] = {
    "postfix": (_postfix, True),
    "postfix, report": (_postfix_report, True),
    "sendmail": (_sendmail, True),
    "qmail": (_qmail, True),
    "exim": (_exim, True),
    "courier": (_courier, True),
    "opensmtpd": (_opensmtpd, False),
    "gmail, old": (_gmail_old, True),
    "yahoo": (_yahoo, True),
    "exchange": (_exchange, False),
    "microsoft 365": (_microsoft_365, False),
    "hmailserver": (_hmailserver, True),
    "dragonfly": (_dragonfly, True),
    "m-filter": (_mfilter, True),
    "gmx": (_gmx, True),
    "interscan": (_interscan, True),
    "groupwise": (_groupwise, False),
    "zimbra": (_zimbra, True),
    "sun": (_sun, True),
    "powermta": (_powermta, True),
    "gmail": (_gmail, False),
    "mdaemon": (_mdaemon, True),
    "kerio": (_kerio, True),
    "mercury": (_mercury, True),
    "a table": (_table, True),
    "xmail": (_xmail, False),
    "in a few words": (_plain, True),
    "japanese": (_japanese, True),
}
