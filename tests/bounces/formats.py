"""Notices in the formats of mail systems: a specification for the reader, without a corpus."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.bounces.model import Reason, ReportKind

READER = "reader@example.com"
OURS = "news@example.jp"
RETURNED = f"""Return-Path: <{OURS}>
Received: from nl.example.jp by mx.example.net; Thu, 1 Oct 2026 08:00:00 +0900
Message-ID: <7.abcdefghijklmnopqrstuvwx@example.jp>
From: News <{OURS}>
To: {READER}
Subject: October
Date: Thu, 1 Oct 2026 08:00:00 +0900

Hello
"""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A notice and its expected result.

    Attributes:
        divider: The line between the notice's own text and the returned mail.
        returned: The returned mail; empty if the system returns none.
    """

    name: str
    sender: str = "MAILER-DAEMON@mx.example.net"
    subject: str = "Returned mail"
    headers: str = ""
    body: str
    divider: str = ""
    returned: str = RETURNED
    reason: Reason
    hard: bool = False
    kind: ReportKind = ReportKind.BOUNCE

    @property
    def raw(self) -> bytes:
        head = f"From: {self.sender}\nTo: {OURS}\nSubject: {self.subject}\n{self.headers}"
        return f"{head}\n{self.body}\n{self.divider}\n{self.returned}".encode()


FORMATS = (
    Format(
        name="sendmail 5",
        subject="Returned mail: User unknown",
        body=f"""   ----- Transcript of session follows -----
While talking to mx.example.com:
>>> RCPT To:<{READER}>
<<< 550 <{READER}>, User Unknown
550 <{READER}>... User unknown
""",
        divider="   ----- Unsent message follows -----",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="sendmail 8, refused after DATA as a carrier does",
        subject="Returned mail: see transcript for details",
        body=f"""The original message was received at Thu, 1 Oct 2026 08:00:00 +0900

   ----- The following addresses had permanent fatal errors -----
<{READER}>
    (reason: 550 Unknown user {READER})

   ----- Transcript of session follows -----
... while talking to mfsmax.example.com.:
>>> DATA
<<< 550 Unknown user {READER}
554 5.0.0 Service unavailable
""",
        divider="   ----- Original message follows -----",
        reason=Reason.FILTERED,
    ),
    Format(
        name="sendmail, host unknown",
        subject="Returned mail: Host unknown",
        body=f"""   ----- The following addresses had permanent fatal errors -----
<{READER}>

   ----- Transcript of session follows -----
550 5.1.2 <{READER}>... Host unknown (Name server: example.com: host not found)
""",
        divider="   ----- Original message follows -----",
        reason=Reason.HOST_UNKNOWN,
        hard=True,
    ),
    Format(
        name="qmail, refused recipient",
        subject="failure notice",
        body=f"""Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{READER}>:
192.0.2.153 does not like recipient.
Remote host said: 550 <{READER}>... No such user here
Giving up on 192.0.2.153.
""",
        divider="--- Below this line is a copy of the message.\n",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="qmail, no mailbox",
        subject="failure notice",
        body=f"""Hi. This is the qmail-send program at mx.example.net.

<{READER}>:
Sorry, no mailbox here by that name. (#5.1.1)
""",
        divider="--- Below this line is a copy of the message.\n",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="qmail, full",
        subject="failure notice",
        body=f"""Hi. This is the qmail-send program at mx.example.net.

<{READER}>:
user is over quota. (#5.1.1)
""",
        divider="--- Below this line is a copy of the message.\n",
        reason=Reason.MAILBOX_FULL,
    ),
    Format(
        name="postfix, plain text",
        subject="Undelivered Mail Returned to Sender",
        body=f"""This is the mail system at host mx.example.net.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients.

                   The mail system

<{READER}>: host mx.example.com[192.0.2.5] said: 550 5.7.1 Message rejected
    due to the sender's DMARC policy (in reply to end of DATA command)
""",
        reason=Reason.AUTHENTICATION,
    ),
    Format(
        name="exim, refused recipient",
        sender="Mail Delivery System <Mailer-Daemon@mx.example.net>",
        subject="Mail delivery failed: returning message to sender",
        headers=f"X-Failed-Recipients: {READER}\n",
        body=f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {READER}
    SMTP error from remote mail server after RCPT TO:<{READER}>:
    host mx.example.com [192.0.2.222]: 550 <{READER}>: unknown user
""",
        divider="------ This is a copy of the message, including all the headers. ------\n",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="exim, unrouteable",
        sender="Mail Delivery System <Mailer-Daemon@mx.example.net>",
        subject="Mail delivery failed: returning message to sender",
        body=f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {READER}
    Unrouteable address
""",
        divider="------ This is a copy of the message, including all the headers. ------\n",
        reason=Reason.HOST_UNKNOWN,
        hard=True,
    ),
    Format(
        name="exim, delayed",
        sender="Mail Delivery System <Mailer-Daemon@mx.example.net>",
        subject="Warning: message 1P1YNN-0003AD-Ga delayed 24 hours",
        body=f"""This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on mx.example.net.

The address to which the message has not yet been delivered is:

  {READER}

No action is required on your part. Delivery attempts will continue for
some time, and this warning may be repeated at intervals.
""",
        returned="",
        reason=Reason.EXPIRED,
        kind=ReportKind.DELAY,
    ),
    Format(
        name="gmx",
        sender="GMX Mailer Daemon <mailer-daemon@gmx.example>",
        subject="Mail delivery failed: returning message to sender",
        headers="X-GMX-Antispam: 0\n",
        body=f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of
its recipients. This is a permanent error. The following address
failed:

"{READER}":
SMTP error from remote server after RCPT command:
host: mx.example.com
5.1.1 <{READER}>... User Unknown
""",
        divider="--- The header of the original message is following. ---\n",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="mail.ru",
        sender="mailer-daemon@corp.mail.ru",
        subject="Mail failure.",
        body=f"""Это письмо создано автоматически сервером Mail.Ru, отвечать на него не нужно.

К сожалению, Ваше письмо не может быть доставлено одному или нескольким получателям:

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {READER}
    SMTP error from remote mail server after RCPT TO:<{READER}>:
    host mxs.mail.ru [192.0.2.20]: 550 Message was not accepted -- invalid mailbox.
    Local mailbox {READER} is unavailable: user not found
""",
        divider="------ This is a copy of the message, including all the headers. ------\n",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="gmail, old",
        sender="Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        subject="Delivery Status Notification (Failure)",
        body=f"""Delivery to the following recipient failed permanently:

     {READER}

Technical details of permanent failure:
Google tried to deliver your message, but it was rejected by the recipient domain. We recommend
contacting the other email provider for further information about the cause of this error. The
error that the other server returned was: 550 550 Unknown user {READER} (state 14).
""",
        divider="----- Original message -----\n",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="gmail, old, after DATA",
        sender="Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        subject="Delivery Status Notification (Failure)",
        body=f"""Delivery to the following recipient failed permanently:

     {READER}

Technical details of permanent failure:
The error that the other server returned was: 550 550 Unknown user {READER} (state 18).
""",
        divider="----- Message header follows -----\n",
        reason=Reason.FILTERED,
    ),
    Format(
        name="google groups",
        sender="Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        subject="Delivery Status Notification (Failure)",
        headers=f"X-Failed-Recipients: {READER}\n",
        body=f"""Hello {OURS},

We're writing to let you know that the group you tried to contact (cats) may not exist, or you may
not have permission to post messages to the group.

If you have questions related to this or any other Google Group, visit the Help Center at
https://groups.google.com/support/.
""",
        divider="----- Original message -----\n",
        reason=Reason.SENDER_REJECTED,
    ),
    Format(
        name="yahoo",
        sender="MAILER-DAEMON@yahoo.example",
        subject="Failure Notice",
        body=f"""Sorry, we were unable to deliver your message to the following address.

<{READER}>:
Remote host said:
550 <{READER}>... User Unknown
[RCPT_TO]
""",
        divider="--- Below this line is a copy of the message.\n",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="domino",
        sender="Postmaster <postmaster@example.com>",
        subject="DELIVERY FAILURE: User reader (reader@example.com) not listed in Domino Directory",
        body=f"""Your message

  Subject: October

was not delivered to:

  {READER}

because:

  User reader ({READER}) not listed in Domino Directory
""",
        returned="",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="notes",
        sender="postmaster@example.com",
        subject="Undeliverable message",
        body=f"""------- Failure Reasons  --------

User not listed in public Name & Address Book
{READER}


""",
        divider="------- Returned Message --------\n",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="kddi, full",
        sender="no-reply@kddi.example",
        subject="Undelivered mail",
        body=f"""Your mail sent on: Thu, 1 Oct 2026 08:00:00 +0900
    Could not be delivered to: <{READER}>
    As their mailbox is full.
""",
        reason=Reason.MAILBOX_FULL,
    ),
    Format(
        name="au, rejected by another server",
        sender="Mail Administrator <Postmaster@ezweb.ne.jp>",
        subject="Mail System Error - Returned Mail",
        body=f"""Each of the following recipients was rejected by a remote
mail server.

    Recipient: <{READER}>
    >>> RCPT TO:<{READER}>
    <<< 550 <{READER}>: User unknown
""",
        divider="--------------------------------------------------\n",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="au, suspended behind a cover",
        sender="Mail Administrator <Postmaster@ezweb.ne.jp>",
        subject="Mail System Error - Returned Mail",
        body=f"""The user(s) account is disabled.


<{READER}>: 550 user unknown (in reply to RCPT TO command)
""",
        reason=Reason.SUSPENDED,
    ),
    Format(
        name="biglobe",
        sender="postmaster@biglobe.ne.jp",
        subject="Returned mail: Mail Box full",
        body=f"""   ----- The following addresses had delivery problems -----
{READER}

   ----- Non-delivered information -----
The number of messages in recipient's mailbox exceeded the local limit.
""",
        reason=Reason.MAILBOX_FULL,
    ),
    Format(
        name="a Japanese provider in its own words",
        sender="postmaster@isp.example",
        subject="メール送信エラーのお知らせ",
        body=f"""下記の宛先へのメールは配信できませんでした。

宛先: {READER}
理由: 宛先のメールボックスがいっぱいです。
""",
        reason=Reason.MAILBOX_FULL,
    ),
    Format(
        name="surfcontrol",
        sender="postmaster@example.net",
        subject="Message could not be sent",
        headers="X-Mailer: SurfControl E-mail Filter\n",
        body=f"""Your message could not be sent.
A transcript of the attempts to send the message follows.
The number of attempts made: 1
Addressed To: {READER}

Thu 1 Oct 2026 08:00:00 +0900
Failed to send to identified host,
{READER}: [192.0.2.5], 550 {READER}... Mailbox full
--- Message non-deliverable.
""",
        reason=Reason.MAILBOX_FULL,
    ),
    Format(
        name="mailfoundry",
        sender="postmaster@example.net",
        subject="Message delivery has failed",
        body=f"""Unable to deliver message to: <{READER}>
Delivery failed for the following reason:
Server mx.example.com[192.0.2.222] failed with: 552 <{READER}> Mailbox full

This has been a permanent failure.  No further delivery attempts will be made.
""",
        reason=Reason.MAILBOX_FULL,
    ),
    Format(
        name="verizon",
        sender="post_master@vtext.com",
        subject="Re: October",
        body=f"""Error: Invalid user address

Error message below:
550 - Requested action not taken: no such user here

Message details:
  Subject: October
  Sent date: Wed Oct 1 08:00:00 GMT 2026
  MAIL FROM: {OURS}
  RCPT TO: {READER}
""",
        returned="",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="verizon pictures",
        sender="sysadmin@mms.example",
        subject="Undeliverable Message",
        body=f"""Message could not be delivered to mobile.
Error: No valid recipients for this MM

Original Message:
From: News <{OURS}>
To: {READER}
Subject: October
Date: Thu, 1 Oct 2026 08:00:00 +0900
""",
        returned="",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="exchange 2003",
        sender="System Administrator <postmaster@example.com>",
        subject="Undeliverable: October",
        body=f"""Your message

  To:      {READER}
  Subject: October
  Sent:    Thu, 1 Oct 2026 08:00:00 +0900

did not reach the following recipient(s):

{READER} on Thu, 1 Oct 2026 08:00:05 +0900
    The recipient name is not recognized
\tThe MTS-ID of the original message is: c=jp;a= ;p=example
    MSEXCH:IMS:example:KYOTO:NEKO 0 (000C05A6) Unknown Recipient
""",
        returned="",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="exchange 2007",
        sender="postmaster@example.com",
        subject="Undeliverable: October",
        body=f"""Delivery has failed to these recipients or distribution lists:

{READER}
The recipient's e-mail address was not found in the recipient's e-mail system.

Diagnostic information for administrators:

Generating server: mail.example.com

{READER}
#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##
""",
        divider="Original message headers:\n",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="exchange, the list is for members",
        sender="postmaster@example.com",
        subject="Undeliverable: October",
        body=f"""Delivery has failed to these recipients or distribution lists:

{READER}
You do not have permission to send to this recipient.

Diagnostic information for administrators:

Generating server: mail.example.com

{READER}
#550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized ##
""",
        divider="Original message headers:\n",
        reason=Reason.SENDER_REJECTED,
    ),
    Format(
        name="office 365",
        sender="postmaster@example.onmicrosoft.com",
        subject="Undeliverable: October",
        body=f"""Delivery has failed to these recipients or groups:

{READER}<mailto:{READER}>
The email address you entered couldn't be found. Please check the recipient's email address.

Original Message Details
Created Date:   10/1/2026 8:00:00 AM
Sender Address: {OURS}
Recipient Address:      {READER}
Subject:        October

Error Details
Reported error: 550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address
lookup
DSN generated by:       TY2PR0000.apcprd01.prod.outlook.com
""",
        divider="Original message headers:\n",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="imail",
        sender="Postmaster <postmaster@example.com>",
        subject="Undeliverable Mail",
        headers="X-Mailer: <SMTP32 v8.22>\n",
        body=f"""Unknown user: {READER}
""",
        divider="Original message follows.\n",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="opensmtpd",
        sender="Mailer Daemon <MAILER-DAEMON@mx.example.net>",
        subject="Delivery status notification: error",
        body=f"""    Hi!

    This is the MAILER-DAEMON, please DO NOT REPLY to this e-mail.

    An error has occurred while attempting to deliver a message for
    the following list of recipients:

{READER}: Invalid recipient
""",
        divider="    Below is a copy of the original message:\n",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="dragonfly",
        sender="MAILER-DAEMON <>",
        subject="Mail delivery failed",
        body=f"""This is the DragonFly Mail Agent v0.13 at df.example.net.

There was an error delivering your mail to <{READER}>.

mx.example.com [192.0.2.25] did not like our RCPT TO:
550 <{READER}>: User unknown
""",
        divider="Message headers follow.\n",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="powermta-like, a block list",
        subject="Delivery report",
        body=f"""Hello, this is the mail server on mta.example.net.

The following message(s) could not be delivered:

 <{READER}>   (delivery attempts: 1)
    smtp;554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org
""",
        reason=Reason.BLOCKED,
    ),
    Format(
        name="message labs",
        sender="MAILER-DAEMON@messagelabs.example",
        subject="Mail Delivery Failure",
        body=f"""This is the mail delivery agent at messagelabs.example.
I was not able to deliver your message to the following addresses.

<{READER}>:
192.0.2.250 does not like recipient.
Remote host said: 550 {READER} Invalid recipient
""",
        divider="--- Below this line is a copy of the message.\n",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="mfilter",
        sender="postmaster@example.com",
        subject="failure notice",
        headers="X-Mailer: m-FILTER\n",
        body=f"""-------server message
550 5.1.1 unknown user <{READER}>
-------SMTP command
RCPT TO
-------original message
""",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="mfilter, after DATA",
        sender="postmaster@example.com",
        subject="failure notice",
        headers="X-Mailer: m-FILTER\n",
        body=f"""このメールは「m-FILTER」が自動的に生成して送信しています。

以下のメールアドレスへの送信に失敗しました。
{READER}

-------server message
550 unknown user <{READER}>

-------SMTP command
DATA

-------original message
""",
        reason=Reason.FILTERED,
    ),
    Format(
        name="verizon, pictures",
        sender="post_master@vzwpix.com",
        subject="Undeliverable Message",
        body=f"""Message could not be delivered to mobile.

Error: No valid recipients for this MM

TO: {READER}
""",
        returned="",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="interscan",
        sender='"InterScan MSS" <postmaster@example.net>',
        subject="Mail could not be delivered",
        body=f"""****** Message from InterScan Messaging Security Suite ******

Sent <<< RCPT TO:<{READER}>
Received >>> 550 5.2.2 <{READER}>... Mailbox full

************************     End of message     **********************
""",
        reason=Reason.MAILBOX_FULL,
    ),
    Format(
        name="interscan in Japanese",
        sender="postmaster@example.net",
        subject="メッセージを配信できません。",
        body=f"""次の受信者にメッセージを配信できませんでした。

送信 >>> RCPT TO:<{READER}>
応答 <<< 550 <{READER}>: User unknown
""",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="mailmarshal",
        sender="postmaster@example.net",
        subject='Undeliverable Mail: "October"',
        body=f"""Your message:
   From:    {OURS}
   Subject: October

Could not be delivered because of

550 5.1.1 User unknown

The following recipients were affected:
    {READER}

Additional Information
======================
Original Sender:    <{OURS}>
Sender-MTA:         <192.0.2.9>
""",
        returned="",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="smail",
        sender="<MAILER-DAEMON@t-online.example>",
        subject="mail failed, returning to sender",
        body=f"""|------------------------- Message log follows: -------------------------|
 no valid recipients were found for this message
|------------------------- Failed addresses follow: ---------------------|
 <{READER}> ... unknown host
|------------------------- Message text follows: ------------------------|
""",
        reason=Reason.HOST_UNKNOWN,
        hard=True,
    ),
    Format(
        name="zoho",
        sender="mailer-daemon@zoho.example",
        subject="Undelivered Mail Returned to Sender",
        headers="X-ZohoMail: Si\n",
        body=f"""This message was created automatically by mail delivery software.
A message that you sent could not be delivered to one or more of its recipients.

{READER} Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 <{READER}>... User Unknown
""",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="hmailserver",
        sender="mailer-daemon@example.net",
        subject="Message undeliverable: October",
        body=f"""Your message did not reach some or all of the intended recipients.

   Sent: Thu, 1 Oct 2026 08:00:00 +0900
   Subject: October

The following recipient(s) could not be reached:

   {READER}
      Error Type: SMTP
      Remote server (192.0.2.5) issued an error.
      hMailServer sent: RCPT TO:<{READER}>
      Remote server replied: 550 No such user here
""",
        returned="",
        reason=Reason.USER_UNKNOWN,
        hard=True,
    ),
    Format(
        name="an unknown sender is no unknown recipient",
        subject="Undelivered Mail Returned to Sender",
        body=f"""<{READER}>: host mx.example.com[192.0.2.5] said: 550 5.7.1
    <{OURS}>: Sender address rejected: undeliverable address: User unknown
    (in reply to RCPT TO command)
""",
        reason=Reason.SENDER_REJECTED,
    ),
    Format(
        name="fml",
        sender="cats-admin@lists.example.com",
        subject="You news@example.jp are not member (cats ML)",
        body="""You are not a member of this mailing list <cats@lists.example.com>.

If you know the general guide of this list, please send mail with
the mail body

	guide
""",
        returned="",
        reason=Reason.SENDER_REJECTED,
    ),
)
