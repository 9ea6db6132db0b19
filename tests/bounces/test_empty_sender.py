"""Mail with an empty envelope sender (RFC 5321, 4.5.5), and no name or subject of a notice."""

from __future__ import annotations

import pytest

from newsletter.bounces.model import Reason, ReportKind
from newsletter.bounces.reading import read_report
from tests.bounces.formats import OURS, READER, RETURNED
from tests.bounces.test_whose_fault import only

_HOST = READER.partition("@")[2]
_PLAIN = "Content-Type: text/plain; charset=utf-8\n"


def _mail(
    words: str, *, sender: str = f"robot@{_HOST}", path: str = "<>", subject: str = "Your mail"
) -> bytes:
    head = f"Return-Path: {path}\nFrom: {sender}\nTo: {OURS}\nSubject: {subject}\n{_PLAIN}"
    return f"{head}\n{words}\n".encode()


@pytest.mark.parametrize(
    "words",
    [
        f"Guten Tag,\n\ndas Postfach {READER} wurde am 31.10.2026 gelöscht.",
        f"The mailbox {READER} does not exist on this server.",
        f"{READER} というメールアドレスは存在しません。\nメールは破棄されました。",
        f"La adresse {READER} n'existe pas.\n",
    ],
)
class TestWhoIsDeniedByNobodysMail:
    def test_is_gone(self, words: str) -> None:
        assert only(read_report(_mail(words))) == (Reason.USER_UNKNOWN, True)

    def test_is_gone_where_only_the_way_in_knows_the_empty_sender(self, words: str) -> None:
        raw = _mail(words).partition(b"\n")[2]
        assert only(read_report(raw, envelope_from="")) == (Reason.USER_UNKNOWN, True)
        assert read_report(raw).kind is ReportKind.OTHER

    def test_is_not_by_a_persons_word(self, words: str) -> None:
        raw = _mail(words, sender="noa@example.org", path="<noa@example.org>")
        assert not any(one.hard for one in read_report(raw).recipients)

    def test_is_not_by_their_own_automatic_answer(self, words: str) -> None:
        assert not any(one.hard for one in read_report(_mail(words, sender=READER)).recipients)

    def test_is_not_by_an_answer_that_is_marked_as_automatic(self, words: str) -> None:
        raw = b"Auto-Submitted: auto-replied\n" + _mail(words, sender=f"desk@{_HOST}")
        report = read_report(raw)
        assert report.kind is ReportKind.AUTO_REPLY
        assert not any(one.hard for one in report.recipients)


def test_mail_with_empty_sender_that_returns_ours_is_a_notice_under_any_name() -> None:
    words = f"'{READER} (host: {_HOST}) (queue: local)' was not reached, for this reason:\n' busy'"
    report = read_report(_mail(f"{words}\n\n{RETURNED}", sender=f"mmdf@{_HOST}"))
    assert report.kind is ReportKind.BOUNCE
    assert [(one.address, one.hard) for one in report.recipients] == [(READER, False)]


@pytest.mark.parametrize(
    "words",
    [
        f"Thank you for your order, {READER}.",
        f"Dear {READER}, the item that you ordered does not exist any more.",
        f"{READER} 様\n\nご注文の商品は存在しません。",
        f"We received a request about {READER}. The user account is unknown to us.",
        f"Hallo {READER},\ndas Postfach Ihres Kollegen existiert nicht.",
    ],
)
def test_mail_with_empty_sender_that_denies_no_named_recipient_is_no_notice(words: str) -> None:
    assert not any(one.hard for one in read_report(_mail(words)).recipients)


@pytest.mark.parametrize(
    ("sender", "recipient"),
    [
        ("发件人", "收件人"),
        ("差出人", "宛先"),
        ("送信者", "送信先"),
        ("Absender", "Empfänger"),
        ("De", "Para"),
        ("Отправитель", "Получатель"),
        ("보낸 사람", "받는 사람"),
        ("From", "To"),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_labels_of_a_notice_name_sender_and_recipient(
    sender: str, recipient: str, order: int
) -> None:
    lines = [f"{sender}: News <other@example.net>", f"{recipient}: {READER}"][::order]
    words = "\n".join([*lines, "", "host mx.example.com said: 550 Mailbox unavailable"])
    raw = _mail(words, sender="PostMaster@mx.example.net")
    assert [one.address for one in read_report(raw).recipients] == [READER]


@pytest.mark.parametrize(
    "words",
    [
        "De server meldt dat dit e-mailadres niet (meer) bestaat.",
        "Dieser Empfänger ist hier nicht (mehr) bekannt.",
        "This user does not (any longer) exist here.",
        "Cette adresse n'existe (plus) pas.",
    ],
)
def test_a_word_in_brackets_parts_no_denial(words: str) -> None:
    raw = _mail(f"{READER}\n\n{words}", sender="postmaster@mx.example.net")
    assert only(read_report(raw)) == (Reason.USER_UNKNOWN, True)


@pytest.mark.parametrize("subject", ["Mail System Error - Returned Mail", "Undeliverable"])
def test_what_stands_above_the_only_recipient_is_said_of_them_wherever_their_line_begins(
    subject: str,
) -> None:
    words = (
        "This Message was undeliverable due to the following reason:\n\n"
        "The following destination addresses were unknown (please check\n"
        f"the addresses and re-mail the message):\n\nSMTP <{READER}>\n\n"
        "Please reply to Postmaster@example.com\nif you feel this message to be in error.\n"
    )
    raw = _mail(words, sender="Postmaster@mx.example.net", subject=subject)
    assert only(read_report(raw)) == (Reason.USER_UNKNOWN, True)


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("받는사람", "존재하지 않는 메일주소입니다. (550 5.1.1 No such user)"),
        ("받는 사람", "존재하지 않는 메일주소입니다. (550 5.1.1 No such user)"),
        ("Empfänger", "Postfach unbekannt (550 5.1.1 user unknown)"),
        ("受信者", "宛先が見つかりません (550 5.1.1)"),
    ],
)
def test_mail_with_empty_sender_that_labels_a_recipient_and_quotes_a_reply_is_a_notice(
    label: str, reason: str
) -> None:
    words = f"{label} : {READER}\n2026-03-02 11:04\n\n{reason}"
    assert only(read_report(_mail(words))) == (Reason.USER_UNKNOWN, True)


def test_a_table_labels_what_stands_in_the_next_cell() -> None:
    rows = (
        ("받는사람", READER),
        ("사유", "존재하지 않는 이메일 주소입니다."),
        ("응답", "550 5.1.1 no such user"),
    )
    cells = "".join(f"<tr><th>{one}</th>\n<td>{other}</td></tr>" for one, other in rows)
    raw = _mail(f"<p>메일이 전송되지 못하였습니다.</p><table>{cells}</table>")
    raw = raw.replace(b"text/plain", b"text/html")
    assert only(read_report(raw)) == (Reason.USER_UNKNOWN, True)


def test_mail_with_empty_sender_that_labels_a_recipient_and_gives_a_reason_is_a_notice() -> None:
    words = f"下記のメールは迷惑メールと判定されたため、受信を拒否しました。\n\n  宛先 : {READER}\n"
    report = read_report(_mail(words, sender=f"mailfilter@{_HOST}"))
    assert report.kind is ReportKind.BOUNCE
    assert [(one.address, one.hard) for one in report.recipients] == [(READER, False)]


def test_mail_with_empty_sender_that_labels_a_recipient_without_a_reason_is_no_notice() -> None:
    words = f"お世話になっております。12月3日に出社します。\n\n  宛先 : {READER}\n  件名 : 号\n"
    assert read_report(_mail(words, sender=f"tantou@{_HOST}")).kind is not ReportKind.BOUNCE


@pytest.mark.parametrize(
    "words",
    [
        f"Ihre E-Mail an {READER} wurde NICHT zugestellt, da sie einen Anhang (Makro) enthält.",
        f"Your message to {READER} could not be delivered: its attachment is not allowed here.",
        f"{READER} 宛のメールは、添付ファイルのため配信できませんでした。",
    ],
)
def test_mail_with_empty_sender_that_names_an_unreached_recipient_is_a_notice(words: str) -> None:
    report = read_report(_mail(words, sender=f"mailgateway@{_HOST}"))
    assert report.kind is ReportKind.BOUNCE
    assert [(one.address, one.hard) for one in report.recipients] == [(READER, False)]


def test_an_issue_of_a_mailing_list_about_bounces_is_no_notice() -> None:
    words = f"Undeliverable mail, explained\n\n* Mailbox full: when to remove {READER}\n"
    subject = "Undeliverable mail: 5 reasons (550 5.1.1 explained)"
    raw = b"List-Id: <digest.example>\nPrecedence: list\n"
    raw += _mail(words, path="<digest-owner@digest.example>", subject=subject)
    assert read_report(raw).kind is ReportKind.OTHER


@pytest.mark.parametrize("answer", ["", "Re: "])
def test_fields_of_a_notice_that_an_issue_or_a_letter_cites_are_no_notice(answer: str) -> None:
    words = (
        "Why a failure is not always one. Last week we got:\n\n"
        f"    Final-Recipient: rfc822; {READER}\n    Action: failed\n    Status: 5.1.1\n\nBye\n"
    )
    raw = b"" if answer else b"List-Id: <digest.example>\n"
    raw += _mail(
        words,
        path="<noa@digest.example>",
        sender="noa@digest.example",
        subject=f"{answer}Status codes",
    )
    assert read_report(raw).kind is ReportKind.OTHER


#: Mail of an in-house program: our mail did not arrive, and the address does not exist.
_GONE = [
    f"{READER} adresine gönderdiğiniz ileti teslim edilememiştir.\n\nBu hesap kapatılmıştır.",
    f"{READER} 宛てのメールは配信されませんでした。\nこのアドレスは廃止しました。",
    f"Uw bericht aan {READER} kon niet worden bezorgd.\n\nDit adres bestaat niet meer.",
    f"Wiadomość do {READER} nie została doręczona. Ta skrzynka została usunięta.",
    f"Il messaggio per {READER} non è stato recapitato.\nLa casella non esiste più.",
    f"{READER}(으)로 보낸 메일이 전달되지 않았습니다.\n존재하지 않는 사용자입니다.",
    f"Tin nhắn tới {READER} không gửi được.\nTài khoản không tồn tại.",
]


class TestWhatDidNotArriveByAnAnswerMarkedAsAutomatic:
    @pytest.mark.parametrize("words", _GONE)
    def test_ends_whom_it_denies(self, words: str) -> None:
        raw = b"Auto-Submitted: auto-replied\n" + _mail(words, sender=f"noreply@{_HOST}")
        assert only(read_report(raw)) == (Reason.USER_UNKNOWN, True)

    @pytest.mark.parametrize("words", _GONE)
    @pytest.mark.parametrize("local", ["noreply", "no-reply", "DoNotReply"])
    def test_ends_whom_it_denies_from_a_mailbox_that_nobody_reads(
        self, local: str, words: str
    ) -> None:
        sender = f"{local}@{_HOST}"
        raw = b"Auto-Submitted: auto-replied\n" + _mail(words, sender=sender, path=f"<{sender}>")
        assert only(read_report(raw)) == (Reason.USER_UNKNOWN, True)

    @pytest.mark.parametrize("words", _GONE)
    def test_does_not_by_a_persons_word(self, words: str) -> None:
        raw = b"Auto-Submitted: auto-replied\n" + _mail(words, path="<noa@example.org>")
        assert read_report(raw).kind is ReportKind.AUTO_REPLY

    def test_ends_an_address_that_says_so_of_itself(self) -> None:
        words = f"{READER} は3月末で廃止いたしました。\nお送りいただいたメールは届いておりません。"
        raw = b"Auto-Submitted: auto-replied\n" + _mail(words, sender=READER)
        assert only(read_report(raw)) == (Reason.USER_UNKNOWN, True)

    @pytest.mark.parametrize(
        "words",
        [
            f"{READER} は3月末で廃止いたします。\n新しいアドレスに転送しています。",
            f"{READER} is no longer in use. Your message was passed on to my colleague.",
            f"Your message did not arrive in time. I am away; write to {READER} again next week.",
            f"Your message will not be passed on. {READER} no longer exists.",
            f"Ihre E-Mail wird nicht weitergeleitet. {READER} existiert nicht mehr.",
            f"Votre message ne sera pas transmis. L'adresse {READER} n'existe plus.",
            f"いただいたメールは転送されません。旧アドレス {READER} は廃止され存在しません。",
            f"메일은 전달되지 않습니다. 이전 주소 {READER} 는 더 이상 존재하지 않습니다.",
        ],
    )
    def test_leaves_an_address_whose_mail_somebody_reads(self, words: str) -> None:
        raw = b"Auto-Submitted: auto-replied\n" + _mail(words, sender=READER)
        assert read_report(raw).kind is ReportKind.AUTO_REPLY


def test_a_lists_own_program_that_asks_to_confirm_is_about_nobody() -> None:
    words = (
        "Hi! This is the ezmlm program. I'm managing the\nchess@example.net mailing list.\n\n"
        f"To confirm that you would like\n\n   {OURS}\n\nadded, please send an empty reply to\n\n"
        "   chess-sc.17732.pkdhf@example.net\n\n"
        "This verifies that I am able to get mail through to you.\n"
    )
    raw = b"Mailing-List: contact chess-help@example.net; run by ezmlm\n" + _mail(words)
    assert read_report(raw).kind is ReportKind.OTHER
