"""The party at fault in a reply: recipient, sender or neither, by its quotes and its command."""

from __future__ import annotations

import json

import pytest

from newsletter.bounces.model import Reason, Report, ReportKind
from newsletter.bounces.reading import read_report
from newsletter.feedback.policy import counts_towards_limit
from tests.bounces.formats import OURS, READER, RETURNED
from tests.bounces.test_reading import notification, recipient
from tests.support.growth import assert_linear

OUR_DOMAIN = OURS.partition("@")[2]
DOMAIN = READER.partition("@")[2]


def told(words: str, *, status: str = "5.0.0", command: str = "RCPT TO") -> Report:
    """Return how a reply is read from our own server's notice, as Postfix writes it."""
    place = f" (in reply to {command} command)" if command else ""
    lead = f"<{READER}>: host mx.{DOMAIN}[192.0.2.5] said: {words}{place}"
    return read_report(
        notification(recipient(status=status, diagnostic=f"smtp; {words}"), words=lead)
    )


def only(report: Report) -> tuple[Reason, bool]:
    (one,) = report.recipients
    assert one.address == READER
    return one.reason, one.hard


def notice(body: str, *, subject: str = "Returned mail", returned: str = RETURNED) -> bytes:
    head = f"From: MAILER-DAEMON@mx.example.net\nTo: {OURS}\nSubject: {subject}\n"
    return f"{head}Content-Type: text/plain; charset=utf-8\n\n{body}\n{returned}".encode()


@pytest.mark.parametrize("command", ["", "RCPT TO"])
@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("5.0.0", f"553 {OUR_DOMAIN} does not exist"),
        ("5.0.0", f"550 Domain {OUR_DOMAIN} not found in DNS, please check your MAIL FROM"),
        ("5.1.2", f"550 5.1.2 <{OURS}>: Sender address rejected: Domain not found"),
        ("5.1.2", f"550 5.1.2 <{OURS}>: Domain not found"),
        ("5.1.2", f"550 5.1.2 the domain {OUR_DOMAIN} has no such name, host unknown"),
        ("5.1.7", "550 5.1.7 Invalid address"),
        ("5.1.8", "553 5.1.8 unknown domain"),
        ("5.1.1", f"550 5.1.1 {OURS} rejected"),
        ("5.1.1", f"550 5.1.1 could not deliver a test mail to {OURS}"),
        ("5.1.1", f"550 5.1.1 calling back <{OURS}> failed: mailbox unavailable"),
        ("5.0.0", f"550-Verification failed for <{OURS}> 550 no such user there"),
        ("5.1.1", f"550 5.1.1 no such user: {OURS}"),
        ("5.1.0", f"550 5.1.0 {OURS} is unknown, bounces could not be returned"),
        ("5.0.0", "550 a.example.org does not exist"),
        ("5.0.0", "550 Domain not found"),
        ("5.0.0", "550 unknown host 192.0.2.9"),
    ],
)
def test_a_reply_on_our_address_or_domain_is_no_fault_of_the_readers(
    status: str, words: str, command: str
) -> None:
    assert only(told(words, status=status, command=command)) == (Reason.SENDER_REJECTED, False)


@pytest.mark.parametrize(
    ("status", "words", "reason"),
    [
        ("5.1.2", f"550 5.1.2 <{READER}>: Domain not found", Reason.HOST_UNKNOWN),
        ("5.1.2", f"550 5.1.2 {DOMAIN} does not exist", Reason.HOST_UNKNOWN),
        ("5.0.0", f"553 {DOMAIN} does not exist", Reason.HOST_UNKNOWN),
        ("5.0.0", "550 Host unknown", Reason.HOST_UNKNOWN),
        ("5.0.0", "550 No such domain at this location", Reason.HOST_UNKNOWN),
        ("5.1.8", f"550 5.1.8 <{READER}> is unknown", Reason.USER_UNKNOWN),
        ("5.1.1", f"550 5.1.1 no such user: {READER}", Reason.USER_UNKNOWN),
    ],
)
def test_the_same_words_of_the_readers_address_or_domain_are_hard(
    status: str, words: str, reason: Reason
) -> None:
    assert only(told(words, status=status)) == (reason, True)


@pytest.mark.parametrize(
    "mark",
    [
        "In-Reply-To: <7.abcdefghijklmnopqrstuvwx@example.jp>",
        "References: <a@b.example>\n <7.abcdefghijklmnopqrstuvwx@example.jp>",
    ],
)
def test_an_answer_to_our_mail_that_comes_back_is_no_bounce_of_ours(mark: str) -> None:
    answer = f"From: {READER}\nTo: {OURS}\nMessage-ID: <x@{DOMAIN}>\n{mark}\nSubject: Re\n"
    words = f"<{OURS}>: host mx.example.jp said: 550 5.1.1 user unknown"
    assert read_report(notice(words, returned=RETURNED)).kind is ReportKind.BOUNCE
    assert read_report(notice(words, returned=f"{answer}\nI am away\n")).kind is ReportKind.OTHER


def test_a_reader_in_our_own_domain_is_a_reader() -> None:
    own = f"clerk@{OUR_DOMAIN}"
    words = f"550 5.1.1 <{own}>: no such user at {OUR_DOMAIN}"
    fields = recipient(address=own, status="5.1.1", diagnostic=f"smtp; {words}")
    (one,) = read_report(notification(fields)).recipients
    assert (one.reason, one.hard) == (Reason.USER_UNKNOWN, True)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            "5.0.0",
            "554-mx.example.com No SMTP service 554 IP address is black listed, see our site",
        ),
        ("5.0.0", "554 No SMTP service here"),
        ("5.0.0", "554-No SMTP service 554 Bad DNS PTR resource record"),
        ("5.0.0", "521 mx.example.com closing, your address range may not call here"),
        ("5.0.0", "521 Access denied"),
        ("5.0.0", "521"),
        ("5.5.1", "521 5.5.1 Protocol error"),
        ("5.3.2", "521 5.3.2 Service currently unavailable"),
        ("5.0.0", "554 mx.example.com"),
    ],
)
@pytest.mark.parametrize("command", ["", "HELO"])
def test_a_greeting_that_turns_us_away_says_nothing_of_the_reader(
    status: str, words: str, command: str
) -> None:
    assert not told(words, status=status, command=command).recipients[0].hard


@pytest.mark.parametrize(
    "words",
    [
        "521 5.3.2 System not accepting network messages",
        "556 5.1.10 Domain does not accept mail",
        f"550 5.7.27 <{READER}>... Host does not accept mail: {DOMAIN} (null MX)",
        "521 This host does not accept mail",
    ],
)
def test_a_domain_that_takes_no_mail_is_hard(words: str) -> None:
    status = words[4:].split(maxsplit=1)[0] if words[4].isdigit() else "5.0.0"
    assert only(told(words, status=status, command="")) == (Reason.NO_MAIL_ACCEPTED, True)


class TestQuotedReplies:
    def test_the_next_hosts_reply_goes_before_the_gateways_verdict(self) -> None:
        words = f"5.1.0 - Unknown address error 550-'5.7.1 <{OURS}>... Access denied'"
        reason, hard = only(told(words, status="5.1.0", command=""))
        assert (reason, hard) == (Reason.SENDER_REJECTED, False)

    def test_the_next_hosts_reply_can_deny_the_recipient(self) -> None:
        words = "5.1.0 - Unknown address error 550-'no mailbox by that name'"
        assert only(told(words, status="5.1.0", command="")) == (Reason.USER_UNKNOWN, True)

    @pytest.mark.parametrize(
        ("words", "reason", "hard"),
        [
            ("550 5.1.1 RESOLVER.ADR.RecipNotFound; not found", Reason.USER_UNKNOWN, True),
            ("550 5.1.1 the mailbox is over its quota", Reason.MAILBOX_FULL, False),
            ("550 5.1.1 too many messages, slow down", Reason.RATE_LIMITED, False),
        ],
    )
    def test_a_supplement_is_a_reply(self, words: str, reason: Reason, *, hard: bool) -> None:
        fields = recipient(status="5.1.1")
        fields += f"X-Supplementary-Info: <mx.{DOMAIN} #5.1.1 smtp;{words}>\n"
        assert only(read_report(notification(fields))) == (reason, hard)

    def test_two_recipients_without_a_line_between_have_their_own_fates(self) -> None:
        fields = (
            "Original-Recipient: rfc822;a@example.com\n"
            "Final-Recipient: rfc822;a@example.com\n"
            "Action: failed\nStatus: 5.1.1\n"
            "Original-Recipient: rfc822;b@example.com\n"
            "Final-Recipient: rfc822;b@example.com\n"
            "Action: failed\nStatus: 5.2.2\n"
        )
        report = read_report(notification(fields))
        assert [(one.address, one.reason) for one in report.recipients] == [
            ("a@example.com", Reason.USER_UNKNOWN),
            ("b@example.com", Reason.MAILBOX_FULL),
        ]


@pytest.mark.parametrize(
    ("status", "words", "reason"),
    [
        ("5.0.0", "554 IP=192.0.2.1 - A problem occurred. (BL)", Reason.BLOCKED),
        ("5.4.1", "541 5.4.1 Mail rejected by destination domain", Reason.BLOCKED),
        ("5.7.1", "550 5.7.1 Listed by CSS", Reason.BLOCKED),
        ("5.7.1", "550 5.7.1 rejected by this user", Reason.FILTERED),
        ("5.0.0", "550 Anti-Spoofing policy - inbound not allowed", Reason.POLICY),
        ("5.4.1", "550 5.4.1 no reply", Reason.NETWORK),
    ],
)
def test_what_is_said_of_the_sender_by_its_kind(status: str, words: str, reason: Reason) -> None:
    (one,) = told(words, status=status, command="").recipients
    assert (one.hard, one.reason) == (False, reason)


class TestTranscripts:
    HEAD = f"""   ----- The following addresses had permanent fatal errors -----
<{READER}>

   ----- Transcript of session follows -----
... while talking to mx.{DOMAIN}.:
>>> DATA
"""
    DIVIDER = "\n   ----- Original message follows -----"

    @pytest.mark.parametrize(
        "lines",
        [
            f"<<< 550 {READER} unknown user\n<<< 503 5.5.1 need RCPT (recipient)",
            f"<<< 550 <{READER}>: no such user\n<<< 554 5.5.1 Error: no valid recipients",
            f"<<< 553 no mailbox for {READER}\n<<< 503 valid RCPT command must precede DATA",
            f"<<< 551 not our user: {READER}\n554 5.0.0 Service unavailable",
            f"<<< 550 unknown user\n550 5.1.1 <{READER}>... User unknown",
        ],
    )
    def test_a_reply_to_rcpt_below_data_is_recognised(self, lines: str) -> None:
        assert only(read_report(notice(f"{self.HEAD}{lines}{self.DIVIDER}"))) == (
            Reason.USER_UNKNOWN,
            True,
        )

    def test_a_sender_that_could_not_be_verified_beneath_data(self) -> None:
        lines = (
            f"<<< 550-Verification failed for <{OURS}>\n"
            "<<< 550-The account or domain may not exist.\n"
            "<<< 550 Sender verify failed\n"
            f"550 5.1.1 <{READER}>... User unknown\n"
            "<<< 503 Valid RCPT command must precede DATA"
        )
        words = self.HEAD.replace(
            f"<{READER}>\n", f"<{READER}>\n    (reason: 550-Verification failed for <{OURS}>)\n"
        )
        diagnostic = f"smtp; 550-Verification failed for <{OURS}>"
        fields = recipient(status="5.1.1", diagnostic=diagnostic)
        report = read_report(notification(fields, words=words + lines))
        assert only(report) == (Reason.SENDER_REJECTED, False)

    @pytest.mark.parametrize(("exit_code", "hard"), [("67", True), ("68", True), ("75", False)])
    def test_how_a_local_program_ended(self, exit_code: str, *, hard: bool) -> None:
        fields = recipient(status="5.0.0", diagnostic=f"x-unix; {exit_code}")
        (one,) = read_report(notification(fields)).recipients
        assert one.hard is hard

    def test_a_refused_message_is_a_filters(self) -> None:
        lines = f"<<< 550 Unknown user {READER}\n554 5.0.0 Service unavailable"
        assert only(read_report(notice(f"{self.HEAD}{lines}{self.DIVIDER}"))) == (
            Reason.FILTERED,
            False,
        )

    @pytest.mark.parametrize("subject", ["Service unavailable", "Unable to deliver mail"])
    def test_a_local_program_that_knows_nobody_of_that_name(self, subject: str) -> None:
        body = self.HEAD.partition("...")[0] + "mail.local: unknown name: reader\n"
        body += f"554 {READER}... {subject}"
        raw = notice(body + self.DIVIDER, subject=f"Returned mail: {subject}")
        assert only(read_report(raw)) == (Reason.USER_UNKNOWN, True)


class TestWhereNoCommandIsKnown:
    @pytest.mark.parametrize(
        "words",
        [
            "550 No such user",
            "550 User unknown",
            "550 5.5.0 Requested action not taken: mailbox unavailable",
            f"550 Message was not accepted, invalid mailbox: {READER} is not a user here",
            "550 5.1.1 mailbox unavailable",
            f"550 <{READER}> no such person at this address",
        ],
    )
    def test_plain_words_of_the_reader_are_believed(self, words: str) -> None:
        body = f"Your message to {READER} could not be delivered.\n\n<{READER}>:\n{words}\n"
        assert only(read_report(notice(body))) == (Reason.USER_UNKNOWN, True)

    @pytest.mark.parametrize(
        ("words", "hard"),
        [("550 User unknown", False), ("550 <{0}>: User unknown", True)],
    )
    def test_au_quotes_the_address_of_unknown_users(self, words: str, *, hard: bool) -> None:
        address = "reader@ezweb.ne.jp"
        body = f"<{address}>: host lsean.ezweb.ne.jp said: {words.format(address)}\n"
        raw = notice(body, returned=RETURNED.replace(READER, address))
        assert [one.hard for one in read_report(raw).recipients] == [hard]

    @pytest.mark.parametrize(
        "words",
        [
            "452 mailbox unavailable",
            "550 5.7.1 mailbox unavailable",
            "554 message has an unknown address in its header",
            "550 sender unknown",
            "550 5.4.1 Mail rejected by destination domain",
        ],
    )
    def test_other_words_are_not_believed(self, words: str) -> None:
        body = f"<{READER}>:\n{words}\n"
        (one,) = read_report(notice(body)).recipients
        assert not one.hard
        assert one.reason is not Reason.EXPIRED


class TestWhoFailed:
    def test_a_mailing_lists_own_address_is_not_the_failed_recipient(self) -> None:
        returned = RETURNED.replace(f"To: {READER}", f"To: {OURS}")
        body = f"<{OURS}>\nYour mail to {READER} bounced: 550 5.1.1 user unknown\n"
        (one,) = read_report(notice(body, returned=returned)).recipients
        assert one.address == READER

    def test_what_stands_below_a_ruled_line_was_not_said_by_the_system(self) -> None:
        body = (
            f"<{READER}>\n452 come back later\n\n"
            "----- Original message follows -----\n\n"
            "friend@example.org\nuser unknown? 550 no such user\n"
        )
        (one,) = read_report(notice(body, returned="")).recipients
        assert (one.address, one.hard) == (READER, False)

    def test_a_mailing_list_is_not_the_failed_recipient(self) -> None:
        returned = RETURNED.replace(f"To: {READER}", "To: club@example.jp").replace(
            "Subject: October", "List-Post: <mailto:club@example.jp>\nSubject: October"
        )
        body = f"The mail below, written to '{READER}', was not collected for thirty days.\n"
        (one,) = read_report(notice(body, returned=returned)).recipients
        assert (one.address, one.hard) == (READER, False)

    def test_addresses_below_a_line_with_copy_are_not_recipients(self) -> None:
        body = (
            f"<{READER}>:\nRemote host said: 550 5.1.1 <{READER}>: user unknown\n\n"
            "--- Below this line is a copy of the message.\n\n"
            "<friend@example.org>:\n"
        )
        (one,) = read_report(notice(body, returned="")).recipients
        assert (one.address, one.hard) == (READER, True)

    def test_what_is_said_of_one_is_not_said_of_the_other(self) -> None:
        body = (
            f"<{READER}>:\n550 5.1.1 user unknown (in reply to RCPT TO)\n\n<other@example.com>:\n"
        )
        report = read_report(notice(body, returned=""))
        assert [(one.address, one.hard) for one in report.recipients] == [
            (READER, True),
            ("other@example.com", False),
        ]

    @pytest.mark.parametrize(
        "body",
        [
            "Unable to deliver message to {0}",
            "Undeliverable to {0}",
            "Undeliverable address: {0}",
            "Delivery to the following recipient failed:\n\n    {0}\n",
            "<{0}>:\n\n",
        ],
    )
    @pytest.mark.parametrize("sender", ["InterScan Notification", "Postmaster", "SMTP32"])
    def test_a_notice_without_a_reason_is_not_hard(self, body: str, sender: str) -> None:
        head = f"From: postmaster@example.net ({sender})\nTo: {OURS}\nX-Mailer: <SMTP32 v1>\n"
        raw = f"{head}Subject: Mail could not be delivered\n\n{body.format(READER)}"
        (one,) = read_report(raw.encode()).recipients
        assert (one.address, one.hard) == (READER, False)

    def test_a_reason_further_down_goes_before_a_heading(self) -> None:
        body = f"No such luck with address: {READER}\n\nReason: the recipient is over disk quota.\n"
        (one,) = read_report(notice(body, returned="")).recipients
        assert (one.reason, one.hard) == (Reason.MAILBOX_FULL, False)

    def test_a_report_by_its_media_type_alone(self) -> None:
        words = f"{READER}\n\nL'adresse ci-dessus n'existe pas dans notre annuaire."
        raw = notification("", words=words).replace(b"From: MAILER-DAEMON@mx.example.net\n", b"")
        raw = raw.replace(b"Undelivered Mail Returned to Sender", b"Utilisateur absent")
        assert read_report(raw).kind is ReportKind.BOUNCE


EVENT = {
    "notificationType": "Bounce",
    "bounce": {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": READER,
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ],
        "timestamp": "2026-10-01T08:00:00.000Z",
    },
    "mail": {"source": OURS, "destination": [READER], "messageId": "x" * 60},
}


class TestOtherForms:
    @pytest.mark.parametrize("in_envelope", [False, True])
    def test_amazons_event_in_a_mail(self, *, in_envelope: bool) -> None:
        padded = EVENT | {"padding": "x" * 4000}
        written = json.dumps(padded)
        if in_envelope:
            written = json.dumps({"Type": "Notification", "Message": written})
        head = f"From: AWS Notifications <no-reply@sns.amazonaws.com>\nTo: {OURS}\n"
        footer = "\n\n--\nTo stop receiving these, follow the link below\n"
        raw = f"{head}Subject: AWS Notification Message\n\n{written}{footer}".encode()
        report = read_report(raw)
        assert report.kind is ReportKind.BOUNCE
        assert only(report) == (Reason.USER_UNKNOWN, True)

    def receipt(self, words: str, disposition: str) -> bytes:
        fields = f"Final-Recipient: rfc822; {READER}\nDisposition: {disposition}\n"
        raw = notification(fields, words=words).replace(
            b"delivery-status", b"disposition-notification"
        )
        return raw.replace(b"Subject: Undelivered Mail Returned to Sender", b"Subject: Rejected")

    @pytest.mark.parametrize(
        ("why", "reason"),
        [
            ("Quota exceeded (mailbox for user is full)", Reason.MAILBOX_FULL),
            ("I do not want this; user unknown!", Reason.FILTERED),
        ],
    )
    def test_a_rejection_written_as_a_receipt(self, why: str, reason: Reason) -> None:
        words = f"Your message to <{READER}> was automatically rejected:\n{why}"
        raw = self.receipt(words, "automatic-action/MDN-sent-automatically; deleted")
        report = read_report(raw)
        assert report.kind is ReportKind.BOUNCE
        assert only(report) == (reason, False)

    def test_mail_deleted_unread_is_a_receipt_still(self) -> None:
        raw = self.receipt(
            "Your message was deleted without being read.",
            "manual-action/MDN-sent-automatically; deleted",
        )
        assert read_report(raw).kind is ReportKind.AUTO_REPLY

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b'boundary="b"', b'boundary="other"'),
            (b'; boundary="b"', b""),
            (b"--b--\n", b""),
            (b"--b\nContent-Type: message/rfc822\n", b""),
        ],
    )
    def test_a_broken_multipart_loses_nothing(self, old: bytes, new: bytes) -> None:
        whole = notification(recipient(status="5.1.1")).replace(b"--b", b"--boundary")
        whole = whole.replace(b'boundary="b"', b'boundary="boundary"')
        broken = whole.replace(old.replace(b"b", b"boundary", 0), new)
        for before, after in ((b'"boundary"', b'"other"'), (b"--boundary--\n", b"")):
            broken = broken.replace(before, after) if old in {before, b"--b--\n"} else broken
        assert only(read_report(broken)) == (Reason.USER_UNKNOWN, True)

    @pytest.mark.parametrize("place", ["headers", "text", "part"])
    def test_microsofts_complaint_with_its_own_field_on_top(self, place: str) -> None:
        field = f"X-HmXmrOriginalRecipient: {READER}\n"
        head = f"From: staff@hotmail.com\nTo: {OURS}\nSubject: complaint about message\n"
        returned = RETURNED.replace(f"To: {READER}", "To: undisclosed")
        raw = {
            "headers": f"{field}{head}\n{returned}",
            "text": f"{head}\n{field}\n{returned}",
            "part": f"{head}Content-Type: message/rfc822\n\n{field}\n{returned}",
        }[place]
        report = read_report(raw.encode())
        assert report.kind is ReportKind.COMPLAINT
        assert only(report) == (Reason.COMPLAINT, False)
        assert report.message_id == "<7.abcdefghijklmnopqrstuvwx@example.jp>"


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "zlib", "x" * 3000])
def test_a_codec_that_is_not_a_text_charset_is_not_used(charset: str) -> None:
    def notice(length: int) -> bytes:
        head = f"From: MAILER-DAEMON@mx.example.net\nTo: {OURS}\nSubject: Returned mail\n"
        body = f"<{READER}>: 550 5.1.1 user unknown\n" + "-" + "ab0c" * (length // 4)
        return f"{head}Content-Type: text/plain; charset={charset}\n\n{body}".encode()

    # Some of these need quadratic time in the length of a text.
    assert_linear(read_report, notice, size=120_000)
    assert only(read_report(notice(100))) == (Reason.USER_UNKNOWN, True)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("5.4.6", "550 5.4.6 Routing loop, unknown user in the loop"),
        ("5.7.25", "550 5.7.25 no PTR record, invalid recipient"),
        ("5.0.0", "550 Greylisted, user unknown to us as yet, please try again in 5 minutes"),
        ("5.1.1", "550 5.1.1 greylisting: user unknown, come back later"),
        ("5.0.0", "550 account temporarily unavailable, recipient not found in cache"),
        ("5.0.0", "550 Réessayez plus tard, utilisateur introuvable"),
        ("5.0.0", "550 rate of unknown recipients exceeded"),
        ("5.0.0", "550 user's quota file not found"),
        ("5.7.0", "554 5.7.0 unknown user agent in the header"),
        ("5.0.0", "550 5.7.364 Remote server returned missing PTR -> 550 invalid address"),
        ("5.1.1", "550 5.1.1 suspended user"),
    ],
)
def test_a_denial_that_is_contradicted_or_passing_is_not_hard(status: str, words: str) -> None:
    assert not only(told(words, status=status))[1]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("5.0.0", f"550 Callout verification failed: <{READER}>: User unknown in local table"),
        ("5.1.1", f"550 5.1.1 {READER} not in LDAP"),
        ("5.1.1", "550 5.1.1 no route to this mailbox"),
        ("5.0.0", "550 NO_SUCH_USER"),
        ("5.0.0", "550 nao existe o usuario"),
        ("5.0.0", "550 Empfaengeradresse ungueltig"),
        ("5.0.0", "550 kullanici bulunamadi"),
        ("5.0.0", "550 Mottaker finnes ikke"),
        ("5.0.0", "550 Bilinmeyen kullanıcı"),
    ],
)
def test_a_denial_in_bare_letters_or_by_a_program_s_name_is_hard(status: str, words: str) -> None:
    assert only(told(words, status=status)) == (Reason.USER_UNKNOWN, True)


@pytest.mark.parametrize(
    "words",
    [
        "550 recipient denied",
        "550 Address rejected",
        "550 I cannot deliver mail for this one",
        "550 Mailbox unavailable or access denied",
        "550 The account or domain may not exist, or may be blacklisted",
        "550 relaying denied: no such mailbox at the destination",
        "550 no such user, try again later",
        "554 5.4.6 unknown user in a routing loop",
    ],
)
def test_a_refusal_of_a_recipient_that_stays_open_counts_towards_the_limit(words: str) -> None:
    """After several mailings, such refusals end the address, as docs/feedback.md describes."""
    reason, hard = only(told(words))
    assert not hard
    assert counts_towards_limit(reason)


@pytest.mark.parametrize(
    "words",
    ["550 relaying denied", "554 blocked: too many unknown users", "550 you are on our block list"],
)
def test_a_refusal_of_the_sender_only_counts_against_no_reader(words: str) -> None:
    assert not counts_towards_limit(only(told(words))[0])


@pytest.mark.parametrize(
    "words",
    [
        "Ihre Nachricht wurde noch nicht zugestellt. Es wird weiter versucht.",
        "La remise de ce message est retardée.",
        "La entrega se ha retrasado.",
        "Il recapito è in ritardo, verranno effettuati nuovi tentativi.",
        "邮件投递延迟，系统将继续尝试。",
        "전송이 지연되고 있습니다.",
        "メールはまだ配信されていません。",
    ],
)
def test_a_notice_that_mail_is_late_is_a_delay_in_any_language(words: str) -> None:
    report = read_report(notice(f"{words}\n\n<{READER}>\n", subject="Mail"))
    assert report.kind is ReportKind.DELAY


@pytest.mark.parametrize("status", ["5.0.0", "5.1.0", "5.2.0", "5.3.0", "5.4.0", "5.5.0", "5.7.0"])
def test_the_general_code_of_a_class_leaves_it_to_plain_words(status: str) -> None:
    reply = recipient(status=status, diagnostic=f"smtp; 550 User not found: {READER}")
    assert only(read_report(notification(reply))) == (Reason.USER_UNKNOWN, True)


@pytest.mark.parametrize(
    "words",
    [
        "552 5.2.2 Konto nieaktywne - skrzynka zostala trwale usunieta",
        "552 5.2.2 This mailbox was permanently deleted by its owner",
        "552 5.2.2 Das Postfach wurde endgültig gelöscht",
        "552 5.2.2 La boîte aux lettres a été définitivement fermée",
        "552 5.2.2 La cuenta ha sido eliminada definitivamente",
        "552 5.2.2 Почтовый ящик окончательно удалён",
        "552 5.2.2 このメールボックスは完全に削除されました",
        "451 4.4.7 account permanently closed - reader's mailbox was deleted on 1 July",
    ],
)
def test_what_was_removed_for_good_is_gone_whatever_the_code(words: str) -> None:
    assert only(told(words, status=words[4:9])) == (Reason.USER_UNKNOWN, True)


@pytest.mark.parametrize(
    "words",
    [
        "550 5.1.1 User unknown - Налог је привремено онемогућен",
        "550 5.1.1 Unknown user: das Postfach ist vorübergehend stillgelegt",
        "550 5.1.1 le compte est temporairement suspendu",
        "550 5.1.1 konto jest tymczasowo zablokowane",
        "550 5.1.1 該当アカウントは一時的に利用停止中です",
    ],
)
def test_a_mailbox_that_rests_for_a_while_is_there_whatever_the_code(words: str) -> None:
    assert only(told(words, status="5.1.1")) == (Reason.SUSPENDED, False)


@pytest.mark.parametrize(
    "words",
    [
        "550 5.1.1 Mailbox disk space limit reached",
        "550 5.1.1 The storage limit of this account has been reached",
        "550 5.1.1 Speicherplatzgrenze der Mailbox erreicht",
        "550 5.1.1 Le destinataire a atteint la limite de stockage",
        "550 5.1.1 Se ha alcanzado el límite de almacenamiento del buzón",
        "550 5.1.1 Osiągnięty limit pojemności skrzynki",
        "550 5.1.1 Достигнут лимит места в ящике",
        "550 5.1.1 保存容量の上限に達しています",
    ],
)
def test_a_mailbox_whose_limit_is_reached_is_full_whatever_the_code(words: str) -> None:
    assert only(told(words, status="5.1.1")) == (Reason.MAILBOX_FULL, False)


@pytest.mark.parametrize(
    "words",
    [
        "552 5.2.2 Mailbox full; your message was permanently removed",
        "550 5.7.1 Your account was permanently removed from our allow list of senders",
        "552 5.2.2 Das Postfach ist voll, die Nachricht wurde endgültig gelöscht",
        "550 5.7.1 El remitente ha sido bloqueado definitivamente por el usuario",
        "554 5.4.7 Delivery failed permanently: the host of the user did not answer",
        "451 4.4.2 Connection to the recipient's server was closed for good reasons",
        "450 4.2.1 Mailbox temporarily closed; it will be reopened on Monday",
    ],
)
def test_other_permanent_events_do_not_deny_the_reader(words: str) -> None:
    _, hard = only(told(words, status=words[4:9]))
    assert not hard
