"""Read returned mail: machine-readable parts, recipients, and mail without consequences."""

from __future__ import annotations

from base64 import b64encode

import pytest

from newsletter.bounces.addresses import Parties, find_addresses
from newsletter.bounces.mail import open_mail
from newsletter.bounces.model import Reason, Report, ReportKind
from newsletter.bounces.reading import read_report
from newsletter.message.identifiers import return_path
from newsletter.tokens import DeliveryRef, TokenSigner
from tests.bounces.formats import OURS, READER, RETURNED

SIGNED = return_path(
    TokenSigner([b"k" * 32]),
    "b@example.jp",
    DeliveryRef(newsletter_id=1, mailing_id=7, subscriber_id=42),
)


def notification(
    fields: str,
    *,
    words: str = "It could not be delivered.",
    to: str = OURS,
    returned: str = RETURNED,
) -> bytes:
    """Return a delivery status notification (RFC 3464) with these fields of recipients."""
    return f"""From: MAILER-DAEMON@mx.example.net
To: {to}
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=us-ascii

{words}

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

{fields}
--b
Content-Type: message/rfc822

{returned}
--b--
""".encode()


def recipient(
    *,
    address: str = READER,
    action: str = "failed",
    status: str = "5.0.0",
    diagnostic: str = "",
) -> str:
    code = f"Diagnostic-Code: {diagnostic}\n" if diagnostic else ""
    return f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\n{code}"


def complaint(fields: str, *, returned: str = RETURNED) -> bytes:
    """Return a feedback report (RFC 5965)."""
    return f"""From: Feedback <fbl@isp.example>
To: abuse@example.jp
Subject: FW: October
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.

--b
Content-Type: message/feedback-report

User-Agent: Somebody/1.0
Version: 1
{fields}
--b
Content-Type: message/rfc822

{returned}
--b--
""".encode()


def only(report: Report) -> tuple[str, Reason, bool]:
    (one,) = report.recipients
    return one.address, one.reason, one.hard


class TestDeliveryStatus:
    def test_a_specific_code_is_enough(self) -> None:
        report = read_report(notification(recipient(status="5.1.1")))
        assert report.kind is ReportKind.BOUNCE
        assert only(report) == (READER, Reason.USER_UNKNOWN, True)

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ("550 5.1.1 mailbox is full", Reason.MAILBOX_FULL),
            ("550 5.1.1 Relay access denied", Reason.RELAYING_DENIED),
            ("550 5.1.1 blocked using zen.spamhaus.org", Reason.BLOCKED),
            ("550 5.1.1 the account has been suspended", Reason.SUSPENDED),
            ("550 5.7.1 this message looks like spam", Reason.SPAM),
            ("550 5.7.1 DMARC policy of the domain is reject", Reason.AUTHENTICATION),
            ("552 5.7.1 message size exceeds fixed maximum message size", Reason.MESSAGE_TOO_BIG),
            ("554 5.7.1 too many messages from your server", Reason.RATE_LIMITED),
        ],
    )
    def test_words_say_more_than_the_code_that_goes_with_them(
        self, words: str, reason: Reason
    ) -> None:
        fields = recipient(status=words[4:9], diagnostic=f"smtp; {words}")
        assert only(read_report(notification(fields))) == (READER, reason, False)

    @pytest.mark.parametrize(
        ("action", "status", "kind"),
        [
            ("delivered", "2.0.0", ReportKind.OTHER),
            ("relayed", "2.0.0", ReportKind.OTHER),
            ("delayed", "4.4.1", ReportKind.BOUNCE),
            ("failed", "5.2.2", ReportKind.BOUNCE),
        ],
    )
    def test_an_alias_lives_while_anybody_behind_it_does(
        self, action: str, status: str, kind: ReportKind
    ) -> None:
        gone = recipient(address="agnes@example.com", status="5.1.1")
        there = recipient(address="noa@example.com", action=action, status=status)
        fields = "\n".join(f"Original-Recipient: rfc822;{READER}\n{one}" for one in (gone, there))
        report = read_report(notification(fields))
        assert report.kind is kind
        assert not any(one.hard for one in report.recipients)

    def test_an_alias_behind_which_nobody_is_left_is_gone(self) -> None:
        each = (recipient(address=f"{one}@example.com", status="5.1.1") for one in ("a", "b"))
        fields = "\n".join(f"Original-Recipient: rfc822;{READER}\n{one}" for one in each)
        assert only(read_report(notification(fields))) == (READER, Reason.USER_UNKNOWN, True)

    def test_a_system_at_rest_is_soft_and_a_host_without_mail_is_hard(self) -> None:
        words = "5.3.2 System not accepting network messages"
        resting = recipient(status="5.3.2", diagnostic=f"smtp; 550 {words}")
        never = recipient(status="5.3.2", diagnostic=f"smtp; 521 {words}")
        assert not read_report(notification(resting)).recipients[0].hard
        assert read_report(notification(never)).recipients[0].hard

    def test_the_same_words_after_data_are_a_filters(self) -> None:
        fields = recipient(diagnostic="smtp; 550 Unknown user")
        refused = notification(fields, words=f"<{READER}>: 550 (in reply to RCPT TO command)")
        filtered = notification(fields, words=f"<{READER}>: 550 (in reply to end of DATA command)")
        assert only(read_report(refused)) == (READER, Reason.USER_UNKNOWN, True)
        assert only(read_report(filtered)) == (READER, Reason.FILTERED, False)

    def test_an_unknown_sender_says_nothing_of_the_recipient(self) -> None:
        words = "550 5.1.0 <news@example.jp>: Sender address rejected: User unknown"
        fields = recipient(status="5.1.0", diagnostic=f"smtp; {words}")
        told = notification(fields, words=f"<{READER}>: {words} (in reply to RCPT TO command)")
        assert only(read_report(told)) == (READER, Reason.SENDER_REJECTED, False)

    def test_unknown_recipients_by_the_number_are_the_senders_fault(self) -> None:
        words = "550 5.1.1 too many unknown recipients from your host"
        fields = recipient(status="5.1.1", diagnostic=f"smtp; {words}")
        assert not read_report(notification(fields)).recipients[0].hard

    def test_a_number_of_the_other_sides_own_is_no_reply(self) -> None:
        words = "Adresse destinataire invalide [416]"
        fields = recipient(status="5.1.1", diagnostic=f"smtp; {words}")
        assert only(read_report(notification(fields))) == (READER, Reason.USER_UNKNOWN, True)

    def test_what_holds_for_now_is_not_hard(self) -> None:
        fields = recipient(status="4.1.1", diagnostic="smtp; 450 4.1.1 user unknown")
        assert not read_report(notification(fields)).recipients[0].hard

    def test_a_name_server_without_an_answer_proves_nothing(self) -> None:
        words = "Host or domain name not found. Name service error: Host not found, try again"
        fields = recipient(status="5.4.3", diagnostic=f"X-Postfix; {words}")
        assert only(read_report(notification(fields))) == (READER, Reason.NETWORK, False)

    def test_a_delay_is_no_bounce(self) -> None:
        fields = recipient(action="delayed", status="4.4.1")
        report = read_report(notification(fields))
        assert report.kind is ReportKind.DELAY
        assert not report.recipients[0].hard

    @pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
    def test_success_is_none_either(self, action: str) -> None:
        report = read_report(notification(recipient(action=action, status="2.1.5")))
        assert report.kind is ReportKind.OTHER
        assert report.recipients == ()

    def test_several_recipients_have_their_own_fates(self) -> None:
        fields = "\n".join(
            (
                recipient(address="a@example.com", status="5.1.1"),
                recipient(address="b@example.com", status="5.2.2"),
                recipient(address="c@example.com", action="delivered", status="2.0.0"),
            )
        )
        report = read_report(notification(fields))
        assert [(one.address, one.reason, one.hard) for one in report.recipients] == [
            ("a@example.com", Reason.USER_UNKNOWN, True),
            ("b@example.com", Reason.MAILBOX_FULL, False),
        ]

    def test_the_original_recipient_is_whom_we_wrote_to(self) -> None:
        fields = f"Original-Recipient: rfc822;{READER}\n{recipient(address='other@example.org')}"
        assert read_report(notification(fields)).recipients[0].address == READER

    @pytest.mark.parametrize(
        "field",
        [
            "x400; /G=Reader/S=Example/O=Example/C=JP/",
            "rfc822; @example.com",
            "unknown; reader",
            "local; reader",
        ],
    )
    def test_an_address_of_another_type_is_taken_from_the_returned_mail(self, field: str) -> None:
        fields = f"Final-Recipient: {field}\nAction: failed\nStatus: 5.1.1\n"
        assert only(read_report(notification(fields))) == (READER, Reason.USER_UNKNOWN, True)

    def test_a_program_that_fails_is_the_systems_fault(self) -> None:
        fields = recipient(status="5.3.0", diagnostic="x-unix; 255")
        assert only(read_report(notification(fields))) == (READER, Reason.SYSTEM, False)

    def test_fields_written_into_the_text_are_read(self) -> None:
        raw = f"From: MAILER-DAEMON@mx.example.net\nTo: {OURS}\nSubject: Delivery failure\n\n"
        fields = recipient(status="5.1.1", diagnostic="smtp; 550 5.1.1 User Unknown")
        report = read_report(f"{raw}Technical report:\n\n{fields}".encode())
        assert only(report) == (READER, Reason.USER_UNKNOWN, True)

    def test_codes_are_kept(self) -> None:
        fields = recipient(diagnostic="smtp; 550-5.7.26 This mail is unauthenticated")
        (one,) = read_report(notification(fields)).recipients
        assert (one.status, one.reply) == ("5.7.26", "550")


class TestWhomItIsAbout:
    def test_the_signed_return_path_that_it_came_to(self) -> None:
        raw = notification(recipient(status="5.1.1"), to=SIGNED)
        assert read_report(raw).return_path == SIGNED

    def test_what_the_way_in_knows_goes_first(self) -> None:
        raw = notification(recipient(status="5.1.1"), to="bounces@example.jp")
        assert read_report(raw, envelope_to=SIGNED).return_path == SIGNED

    def test_the_return_path_within_the_returned_mail(self) -> None:
        returned = RETURNED.replace(f"Return-Path: <{OURS}>", f"Return-Path: <{SIGNED}>")
        raw = notification(recipient(status="5.1.1"), returned=returned)
        assert read_report(raw).return_path == SIGNED

    def test_our_message_id_and_feedback_id(self) -> None:
        returned = f"Feedback-ID: 1:7:news:example.jp\n{RETURNED}"
        report = read_report(notification(recipient(status="5.1.1"), returned=returned))
        assert report.message_id == "<7.abcdefghijklmnopqrstuvwx@example.jp>"
        assert report.feedback_id == "1:7:news:example.jp"

    def test_an_answer_names_the_mail_it_answers(self) -> None:
        raw = f"""From: {READER}
To: {SIGNED}
Subject: Automatic reply: October
Auto-Submitted: auto-replied
In-Reply-To: <7.abcdefghijklmnopqrstuvwx@example.jp>

Back on Monday.
"""
        report = read_report(raw.encode())
        assert report.kind is ReportKind.AUTO_REPLY
        assert report.message_id == "<7.abcdefghijklmnopqrstuvwx@example.jp>"
        assert report.return_path == SIGNED


class TestComplaints:
    def test_each_person_named_complains(self) -> None:
        fields = "Feedback-Type: abuse\n" + "".join(
            f"Original-Rcpt-To: <{name}@example.com>\n" for name in ("a", "b")
        )
        report = read_report(complaint(fields))
        assert report.kind is ReportKind.COMPLAINT
        assert [one.address for one in report.recipients] == ["a@example.com", "b@example.com"]
        assert not any(one.hard for one in report.recipients)

    def test_a_provider_that_names_nobody_returns_the_mail(self) -> None:
        report = read_report(complaint("Feedback-Type: abuse\n"))
        assert only(report) == (READER, Reason.COMPLAINT, False)

    def test_the_envelope_sender_is_our_signed_return_path(self) -> None:
        fields = f"Feedback-Type: abuse\nOriginal-Mail-From: <{SIGNED}>\n"
        assert read_report(complaint(fields)).return_path == SIGNED

    def test_microsofts_reports_have_no_machines_part(self) -> None:
        raw = f"""From: staff@hotmail.com
To: abuse@example.jp
Subject: complaint about message from 192.0.2.1
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: message/rfc822

X-HmXmrOriginalRecipient: {READER}
Message-ID: <7.abcdefghijklmnopqrstuvwx@example.jp>
From: {OURS}
To: undisclosed
Subject: October

Hello
--b--
"""
        report = read_report(raw.encode())
        assert report.kind is ReportKind.COMPLAINT
        assert only(report) == (READER, Reason.COMPLAINT, False)

    def test_that_mail_is_not_spam_is_no_complaint(self) -> None:
        report = read_report(complaint(f"Feedback-Type: not-spam\nOriginal-Rcpt-To: {READER}\n"))
        assert report.kind is ReportKind.OTHER

    def test_failed_authentication_is_told_apart_by_its_reason(self) -> None:
        fields = f"Feedback-Type: auth-failure\nOriginal-Rcpt-To: {READER}\n"
        assert only(read_report(complaint(fields))) == (READER, Reason.AUTHENTICATION, False)

    def test_a_mail_programs_wish_to_leave(self) -> None:
        head = f"From: {READER}\nTo: leave@example.jp\nSubject: unsubscribe\n"
        raw = f"{head}Auto-Submitted: auto-replied\n\n".encode()
        assert only(read_report(raw)) == (READER, Reason.COMPLAINT, False)


class TestAnswers:
    @pytest.mark.parametrize(
        "headers",
        [
            "Subject: Re: October\nAuto-Submitted: auto-replied",
            "Subject: Re: October\nX-Autoreply: yes",
            "Subject: Re: October\nPrecedence: auto_reply",
            "Subject: Re: October\nX-Auto-Response-Suppress: OOF, AutoReply",
            "Subject: Out of Office: October",
            "Subject: Automatic reply: October",
            "Subject: =?iso-2022-jp?B?GyRCIVo8K0YwMX5FeiFbGyhC?= October",
            "Subject: 自動返信：お問い合わせありがとうございます",
            "Subject: 不在通知",
            "Subject: Abwesenheitsnotiz",
            "Subject: 自动回复: October",
            "Subject: Absent du bureau",
            "Subject: Fuera de la oficina",
            "Subject: Odpowiedź automatyczna: October",
            "Subject: Undeliverable: October\nAuto-Submitted: auto-replied",
            "Subject: 自动答复: October",
            "Subject: 自動回复：October",
            "Subject: Автоматична відповідь: October",
            "Subject: Automaatvastus: October",
            "Subject: מענה אוטומטי: October",
            "Subject: رد تلقائي: October",
            "Subject: [help #5512] AutoReply: October\nPrecedence: bulk",
            "Subject: Thank you\nPrecedence: junk\nX-Mailer: qmail-autoresponder",
            "Subject: away\nPrecedence: junk\nDelivered-By-The-Graces-Of: The Vacation program",
        ],
    )
    def test_say_nothing(self, headers: str) -> None:
        body = "I am away. My mailbox is full and nobody reads it; write to boss@example.com."
        report = read_report(f"From: {READER}\nTo: {OURS}\n{headers}\n\n{body}\n".encode())
        assert report.kind is ReportKind.AUTO_REPLY
        assert only(report) == (READER, Reason.AUTO_REPLY, False)

    def test_a_notice_marked_as_automatic_is_still_a_bounce(self) -> None:
        raw = notification(recipient(status="5.1.1"))
        marked = raw.replace(b"MIME-Version", b"Auto-Submitted: auto-replied\nMIME-Version", 1)
        assert read_report(marked).kind is ReportKind.BOUNCE

    def test_a_receipt_is_one(self) -> None:
        receipt = notification(
            f"Final-Recipient: rfc822; {READER}\nDisposition: automatic-action\n"
        )
        raw = receipt.replace(b"delivery-status", b"disposition-notification")
        assert read_report(raw).kind is ReportKind.AUTO_REPLY

    def test_a_mail_systems_notice_is_none(self) -> None:
        head = f"From: MAILER-DAEMON@mx.example.net\nTo: {OURS}\nSubject: Undeliverable\n"
        words = f"<{READER}>: 550 5.1.1 User unknown"
        raw = f"{head}Auto-Submitted: auto-replied\n\n{words}\n".encode()
        assert only(read_report(raw)) == (READER, Reason.USER_UNKNOWN, True)

    def test_a_letter_is_neither(self) -> None:
        raw = f"From: {READER}\nTo: {OURS}\nSubject: Re: Undeliverable\n\nUser unknown? It is me!\n"
        assert read_report(raw.encode()).kind is ReportKind.OTHER


class TestPassedOn:
    def test_a_notice_within_a_notice(self) -> None:
        inner = notification(recipient(status="5.1.1")).decode()
        raw = f"""From: gateway@example.net
To: {OURS}
Subject: Returned mail
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

--outer
Content-Type: text/plain

A notice follows.

--outer
Content-Type: message/rfc822

{inner}
--outer--
"""
        assert only(read_report(raw.encode())) == (READER, Reason.USER_UNKNOWN, True)

    def test_a_person_forwards_a_notice(self) -> None:
        inner = f"""From: Mail Delivery Subsystem <MAILER-DAEMON@mx.example.net>
To: <{OURS}>
Subject: Returned mail

   ----- The following addresses had permanent fatal errors -----
<{READER}>
    (reason: 550 5.1.1 <{READER}>... User unknown)
"""
        quoted = "".join(f"> {line}\n" for line in inner.splitlines())
        raw = f"From: {OURS}\nTo: ops@example.jp\nSubject: Fwd: Returned mail\n\n"
        raw += f"See below.\n\nBegin forwarded message:\n\n{quoted}"
        assert only(read_report(raw.encode())) == (READER, Reason.USER_UNKNOWN, True)

    @pytest.mark.parametrize("mark", ["", "-----Original Message-----\n"])
    def test_who_runs_a_mail_system_shows_a_notice_and_tells_what_was_mended(
        self, mark: str
    ) -> None:
        raw = f"""From: Joe <postmaster@example.com>
To: {SIGNED}
Subject: Fwd: Undelivered Mail Returned to Sender

We mended the alias on Monday; {READER} is working again.

{mark}> From: MAILER-DAEMON@mx.example.com
>
> <{READER}>: host mx.example.com said: 550 5.1.1 <{READER}>: User unknown
"""
        assert read_report(raw.encode()).kind is ReportKind.OTHER

    def test_a_mail_system_marks_its_notice_as_automatic_in_the_subject(self) -> None:
        raw = f"""From: Gateway <postmaster@example.net>
To: {SIGNED}
Subject: =?utf-8?b?{b64encode("【自動通知】宛先エラーのお知らせ".encode()).decode()}?=
Auto-Submitted: auto-generated
Content-Type: text/plain; charset=utf-8

下記アドレスは廃止・削除済みのため、受信者にメールは届いておりません。

{READER}
"""
        assert only(read_report(raw.encode())) == (READER, Reason.USER_UNKNOWN, True)

    @pytest.mark.parametrize(
        ("returned", "kind"),
        [
            ("From: sue@example.org\nTo: rob@example.net\nSubject: FW: October\n", "other"),
            (RETURNED.partition("\n\n")[0].replace(f"News <{OURS}>", "sue@example.org"), "bounce"),
        ],
        ids=["theirs", "ours"],
    )
    def test_a_person_passes_on_a_notice_of_their_own_mail(self, returned: str, kind: str) -> None:
        raw = f"""From: Sue <sue@example.org>
To: {SIGNED}
Subject: Fwd: Returned mail
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

--outer
Content-Type: text/plain

I passed your digest on to Rob and got the attached back.

--outer
Content-Type: message/rfc822

From: Mail Delivery Subsystem <MAILER-DAEMON@example.org>
To: sue@example.org
Subject: Returned mail
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="inner"

--inner
Content-Type: message/delivery-status

Reporting-MTA: dns; example.org

Final-Recipient: rfc822; rob@example.net
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 User unknown

--inner
Content-Type: text/rfc822-headers

{returned}
--inner--

--outer--
"""
        assert read_report(raw.encode()).kind.value == kind


class TestTheLastResort:
    RAW = f"""From: somebody@example.net
To: {OURS}
Subject: A problem

Here is your list of failed recipients
<{READER}>
550 5.1.1 The user is unknown, says the recipient's server (in reply to RCPT TO command)
Here is your returned mail
"""

    def test_finds_addresses_where_nothing_else_does(self) -> None:
        report = read_report(self.RAW.encode())
        assert report.reader == "flufl.bounce"
        assert [one.address for one in report.recipients] == [READER]

    def test_is_never_hard_by_its_word_alone(self) -> None:
        assert not any(one.hard for one in read_report(self.RAW.encode()).recipients)


class TestCharacters:
    def test_iso_2022_jp_is_read_whatever_is_declared(self) -> None:
        words = "宛先のメールボックスがいっぱいです。".encode("iso2022_jp")
        head = f"From: postmaster@isp.example\nTo: {OURS}\nSubject: Delivery failure\n"
        raw = f"{head}Content-Type: text/plain; charset=us-ascii\n\n<{READER}>:\n".encode() + words
        assert only(read_report(raw)) == (READER, Reason.MAILBOX_FULL, False)

    def test_html_is_read_by_its_words(self) -> None:
        head = f"From: postmaster@isp.example\nTo: {OURS}\nSubject: Undeliverable: October\n"
        said = "550 5.2.2 The recipient&#39;s mailbox is full"
        body = f"<style>p{{}}</style><p>{READER}</p><p>{said}</p>"
        raw = f"{head}Content-Type: text/html; charset=utf-8\n\n<html>{body}</html>"
        assert only(read_report(raw.encode())) == (READER, Reason.MAILBOX_FULL, False)

    @pytest.mark.parametrize(
        "address", ["a..b.@docomo.ne.jp", "-x-@ezweb.ne.jp", "o'neil@example.com"]
    )
    def test_odd_addresses_are_taken_as_they_are(self, address: str) -> None:
        report = read_report(notification(recipient(address=address, status="5.1.1")))
        assert report.recipients[0].address == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("宛先：kimura@town.example.jp", "kimura@town.example.jp"),
        ("「kimura@town.example.jp」", "kimura@town.example.jp"),
        ("次の宛先kimura@town.example.jpへの配信", "kimura@town.example.jp"),
        ("收件人wang@firm.example.cn不存在", "wang@firm.example.cn"),
        ("받는사람kim@gu.example.kr에게", "kim@gu.example.kr"),
        ("<用户2@例え.jp>", "用户2@例え.jp"),
        ("müller@example.de", "müller@example.de"),
    ],
)
def test_words_without_a_blank_between_are_no_part_of_an_address(text: str, address: str) -> None:
    assert find_addresses(text) == (address,)
    about = Parties(recipient=address, ours=frozenset({"news@city.example.com"}))
    assert about.mark(text) == text.replace(address, "@")


_SAID = """下記の宛先へ配信できませんでした。

<kimura@town.example.jp>
該当するアドレスは存在しません。
"""


@pytest.mark.parametrize("written", ["euc_jp", "cp932", "iso2022_jp", "utf-8"])
@pytest.mark.parametrize("declared", ["", "us-ascii", "euc-jp", "shift_jis", "iso-2022-jp"])
def test_japanese_is_read_whatever_encoding_is_declared(written: str, declared: str) -> None:
    head = f"From: postmaster@town.example.jp\nTo: {OURS}\nSubject: failure notice\n"
    kind = f"Content-Type: text/plain; charset={declared}\n" if declared else ""
    report = read_report(f"{head}{kind}\n".encode() + _SAID.encode(written), envelope_to=OURS)
    assert report is not None
    assert [(one.address, one.reason) for one in report.recipients] == [
        ("kimura@town.example.jp", Reason.USER_UNKNOWN)
    ]


@pytest.mark.parametrize(
    "text", ["Échec de la remise à cet élève", "größe übrig", "não foi possível", "está lleno"]
)
def test_western_words_without_a_charset_are_not_taken_for_japanese(text: str) -> None:
    assert open_mail(b"Subject: x\n\n" + text.encode("cp1252")).words == text


@pytest.mark.parametrize(
    ("text", "hard"),
    [
        ("abe@town.example.jpは現在使われておりません。", True),
        ("abe@town.example.jpは容量を超えているため受信できません。", False),
        ("abe@town.example.jpは、存在しない送信者からのメールを受け取りません。", False),
        ("li@co.example.cn不存在", True),
        ("No se encontró la dirección de correo eva@ayto.example.es.", True),
        ("rui@gov.example.pt: utilizador desconhecido", True),
        ("rui@gov.example.pt: não foi encontrado o servidor", False),
    ],
)
def test_an_address_may_be_the_subject_of_what_is_said(text: str, *, hard: bool) -> None:
    head = f"From: postmaster@x.example\nTo: {OURS}\nSubject: failure notice\n"
    kind = "Content-Type: text/plain; charset=utf-8\n\n"
    report = read_report(f"{head}{kind}{text}\n".encode(), envelope_to=OURS)
    assert report is not None
    assert [one.hard for one in report.recipients] == [hard]
