"""Letters about notices, advice and suppositions, which are not findings; and real findings."""

from __future__ import annotations

import pytest

from newsletter.bounces.clauses import name_alone
from newsletter.bounces.model import Reason
from newsletter.bounces.reading import read_report
from tests.bounces.formats import OURS, READER
from tests.bounces.test_reading import notification, recipient
from tests.bounces.test_whose_fault import notice, only


@pytest.mark.parametrize("sender", ["postmaster@mx.example.net", "MAILER-DAEMON@example.net"])
def test_a_mail_systems_notice_that_is_called_an_automatic_reply_is_none(sender: str) -> None:
    head = f"From: {sender}\nTo: {OURS}\nAuto-Submitted: auto-replied\n"
    subject = "Subject: 【自動返信】メールをお届けできませんでした\n"
    raw = f"{head}{subject}\n宛先不明のため、お届けできませんでした。\n\n  {READER}\n".encode()
    assert only(read_report(raw)) == (Reason.USER_UNKNOWN, True)


@pytest.mark.parametrize(
    "proof",
    [
        "Return-Path: <noa@example.org>\n",
        "In-Reply-To: <7.abcdefghijklmnopqrstuvwx@example.jp>\n",
    ],
)
@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (
            "宛先不明で返ってきました",
            f"友人に転送したところ、\n{READER} は存在しませんと言われました。",
        ),
        ("Your letter was returned to sender", f"<{READER}>: 550 5.1.1 User unknown"),
        ("Two of us", f"Hi. This is the qmail-send program.\n\n<{READER}>:\nno mailbox here"),
    ],
)
def test_a_person_who_tells_of_a_notice_sends_none(proof: str, subject: str, words: str) -> None:
    head = f"{proof}From: Noa <noa@example.org>\nTo: {OURS}\nSubject: {subject}\n"
    report = read_report(f"{head}\n{words}\n".encode())
    assert not any(one.hard for one in report.recipients)


def test_a_postmaster_who_asks_about_a_notice_sends_none() -> None:
    head = "Return-Path: <postmaster@example.org>\nFrom: Noa <postmaster@example.org>\n"
    subject = "Subject: Re: Undelivered Mail Returned to Sender\n"
    words = f"We see these. Why?\n\n> <{READER}>: host mx said: 550 5.1.1 User unknown\n"
    report = read_report(f"{head}To: {OURS}\n{subject}\n{words}".encode())
    assert not any(one.hard for one in report.recipients)


def test_the_greeted_person_is_not_the_subject() -> None:
    quoted = f"> De: Digest <{OURS}>\n> Para: {READER}\n"
    words = "Prezado remetente,\n\na conta para a qual você escreveu não existe mais.\n\n"
    assert only(read_report(notice(f"{words}{quoted}"))) == (Reason.USER_UNKNOWN, True)


@pytest.mark.parametrize(
    ("sender", "to", "subject"),
    [("From", "To", "Subject"), ("De", "Para", "Assunto"), ("差出人", "宛先", "件名")],
)
def test_what_a_notice_quotes_of_our_mail_is_no_reason(sender: str, to: str, subject: str) -> None:
    quoted = f"> {sender}: Digest <{OURS}>\n> {to}: {READER}\n> {subject}: Is your mailbox full?\n"
    words = "The account to which you wrote does not exist any more.\n\n"
    raw = notice(f"{words}{quoted}>\n> 552 5.2.2 Mailbox over quota is what a server says.\n")
    assert only(read_report(raw)) == (Reason.USER_UNKNOWN, True)


@pytest.mark.parametrize(
    "words",
    [
        "ユーザー hanako.reader (hanako.reader@mail.example.com) が Domino に登録されていません",
        "hanako.reader wasn't found at mail.example.com .\nThe address may be misspelled.",
        "Diagnostic code: 0 (unrecognised O/R name)",
    ],
)
def test_a_name_with_full_stops_or_said_twice_parts_no_sentence(words: str) -> None:
    address = "hanako.reader@mail.example.com"
    (one,) = read_report(notice(f"{address}\n\n{words}\n")).recipients
    assert (one.address, one.reason) == (address, Reason.USER_UNKNOWN)


def test_a_missing_directory_denies_no_recipient() -> None:
    words = "maildir delivery failed: Permission denied; unknown user home or no such directory"
    assert not only(read_report(notice(f"<{READER}>: {words}\n")))[1]


@pytest.mark.parametrize(("quoted", "hard"), [("reader@ezweb.ne.jp", True), ("", False)])
def test_a_carrier_that_quotes_the_address_denies_the_recipient(quoted: str, *, hard: bool) -> None:
    lead = "送信先メールアドレスが見つかりませんでした。"
    said = f"550 <{quoted}>: User unknown" if quoted else "rejected"
    body = f"{lead}\n\n<reader@ezweb.ne.jp>: {said}\n"
    raw = notice(body, subject="Mail System Error - Returned Mail")
    (one,) = read_report(raw).recipients
    assert one.hard is hard


@pytest.mark.parametrize(
    "advice",
    [
        "メールアドレスに誤りがないかご確認ください。",
        "アドレスが間違っていないか、ご確認のうえ再送してください。",
        "宛先に誤りがある場合は修正してください。",
        "メールアドレスが存在しない可能性があります。",
        "请确认收件人邮箱是否已注销。",
        "如果收件人地址错误，请更正后重发。",
        "若该用户不存在或被冻结，也会出现此提示。",
        "메일 주소가 잘못되었는지 확인해 주세요.",
        "If the address is invalid, correct it and send again.",
        "Falls die Adresse unbekannt ist, fragen Sie den Empfänger.",
    ],
)
@pytest.mark.parametrize("form", ["{}\n\n{}\n", "<{}>: 配信できませんでした。 {}\n"])
def test_advice_denies_nobody(advice: str, form: str) -> None:
    assert not only(read_report(notice(form.format(READER, advice))))[1]


@pytest.mark.parametrize(
    "advice",
    [
        "宛先アドレスが存在しない場合は、この通知でなく\n　　「User unknown」の通知を返します。",
        "宛先が存在しない場合は、\n本通知とは別に「宛先不明」とお知らせします。",
        "お探しの宛先がない場合には\n「User unknown」と表示されることがあります。",
        "配信の可否は受信側の設定によりますので\nアドレスが存在しない可能性もございます。",
    ],
)
def test_a_supposition_that_goes_on_in_the_next_line_denies_nobody(advice: str) -> None:
    lead = f"受信をお断りしました。\n【宛先】{READER}\n【備考】"
    assert not only(read_report(notice(f"{lead}{advice}\n")))[1]


@pytest.mark.parametrize("advice", ["アドレスをご確認ください", "再送の前にご確認ください。"])
def test_a_finding_below_advice_denies_the_recipient(advice: str) -> None:
    body = f"{READER}\n{advice}\n宛先のユーザーは存在しません\n"
    assert only(read_report(notice(body)))[1]


@pytest.mark.parametrize(
    ("lead", "hard"),
    [
        ("下記の宛先は存在しないため、配信できませんでした。", True),
        ("The following address does not exist:", True),
        ("Die folgende Adresse existiert nicht (mehr):", True),
        ("Le destinataire ci-dessous est inconnu de notre serveur :", True),
        ("The following recipient's mailbox is full:", False),
        ("The message was refused since our policy does not know its sender:", False),
        ("The following address could not be reached:", False),
    ],
)
@pytest.mark.parametrize("beneath", ["", "\nBitte prüfen Sie, ob sie richtig geschrieben ist.\n"])
def test_what_stands_before_a_bare_address_is_said_of_it(
    lead: str, beneath: str, *, hard: bool
) -> None:
    body = f"Dear sender,\n\n{lead}\n\n  {READER}\n{beneath}\n---- ヘッダ ----"
    assert only(read_report(notice(body)))[1] is hard


@pytest.mark.parametrize(
    "words",
    [
        "hMailServer sent: .\nRemote server replied: 554 5.7.1 it has an unknown recipient in it",
        "554 Message contains an unknown recipient",
        "554 Message refused: the subject names an unknown user",
    ],
)
def test_addresses_in_the_content_are_not_the_recipient(words: str) -> None:
    assert not only(read_report(notice(f"{READER}\n{words}\n")))[1]


@pytest.mark.parametrize(
    "words",
    [
        "未知错误，无法投递给以下收件人",
        "알 수 없는 오류로 다음 수신자에게 전송하지 못했습니다",
        "不明なエラーで宛先に配信できません",
        "不明な理由により、宛先のメールボックスに配信できませんでした",
        "The address you wrote from does not exist",
        "The address that you are sending this from is unknown",
        "The user has left the office until Monday",
    ],
)
def test_an_unknown_error_or_an_unknown_sender_is_not_an_unknown_reader(words: str) -> None:
    assert not only(read_report(notice(f"<{READER}>: {words}\n")))[1]


@pytest.mark.parametrize(
    "words",
    [
        f"was rejected by them.\n\nReason: 550 permanent failure ({READER}:550 No such user)",
        "理由:\n\n  このユーザーは登録されていません",
        "konnte nicht zugestellt werden.\n\nGrund: Benutzer unbekannt",
    ],
)
def test_the_paragraph_with_the_reason_has_precedence_over_the_bare_failure(words: str) -> None:
    assert only(read_report(notice(f"{READER}\n\n{words}\n"))) == (Reason.USER_UNKNOWN, True)


def test_a_recipient_is_named_by_the_part_before_the_at_sign_alone() -> None:
    words = "Your message was undeliverable to the following:\n\treader (user not found)\n"
    assert only(read_report(notice(words))) == (Reason.USER_UNKNOWN, True)


def test_a_name_that_is_a_word_of_replies_is_not_looked_for_by_itself() -> None:
    assert name_alone("info@example.com") is None
    assert name_alone("postmaster@example.com") is None
    hanako = name_alone("Hanako@example.com")
    assert hanako is not None
    assert hanako.search("to: hanako (user not found)")
    assert not hanako.search("to: hanako.reader@example.com")


def test_underscores_of_a_name_do_not_part_it_from_what_is_said_of_it() -> None:
    address = "hanako_reader@mail.example.com"
    words = f"ユーザー hanako_reader ({address}) は Domino ディレクトリに登録されていません"
    (one,) = read_report(notice(f"{address}\n\n{words}\n")).recipients
    assert (one.address, one.reason) == (address, Reason.USER_UNKNOWN)


_GIVEN_UP = (
    "ドメインが見つからなかったため、配信できませんでした。スペルミスや不要なスペースがないことを"
    "確認してから、もう一度お送りください。"
)


@pytest.mark.parametrize(
    ("action", "answer", "outcome"),
    [
        ("failed", "responded with code NXDOMAIN", (Reason.HOST_UNKNOWN, True)),
        ("delayed", "responded with code NXDOMAIN", (Reason.HOST_UNKNOWN, False)),
        ("failed", "timed out", (Reason.NETWORK, False)),
    ],
)
def test_a_domain_that_dns_does_not_know_is_gone_though_the_code_says_for_now(
    action: str, answer: str, outcome: tuple[Reason, bool]
) -> None:
    diagnostic = f"smtp; DNS Error: DNS type 'mx' lookup of example.com {answer}"
    fields = recipient(action=action, status="4.0.0", diagnostic=diagnostic)
    assert only(read_report(notification(fields, words=_GIVEN_UP))) == outcome


@pytest.mark.parametrize(
    "said",
    [
        "該当するアカウントは削除されています（5.1.6）",
        "Account deleted (5.1.6)",
        "5.1.6 Dieses Postfach existiert nicht mehr",
    ],
)
def test_moved_without_a_new_address_does_not_contradict_that_nobody_is_there(said: str) -> None:
    assert only(read_report(notice(f"<{READER}>: {said}\n")))[1]
