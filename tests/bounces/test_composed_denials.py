"""Denials that no table lists: a verb such as "known" combined with its language's negation."""

from __future__ import annotations

import pytest

from newsletter.bounces.model import Reason
from newsletter.bounces.reading import read_report
from tests.bounces.formats import OURS, READER
from tests.bounces.test_whose_fault import notice, only, told


@pytest.mark.parametrize(
    ("reader", "sender"),
    [
        ("we do not keep a mailbox for that person", "we do not know your server"),
        ("Diese Adresse kennen wir leider nicht", "Ihren Server kennen wir leider nicht"),
        ("Ce compte n'a jamais été créé", "Nous ne connaissons pas cet expéditeur"),
        ("El usuario no aparece en el directorio", "El dominio del remitente no aparece en DNS"),
        ("Questo utente non compare nell'elenco", "Non conosciamo questo mittente"),
        ("Este destinatário nunca foi criado", "Não conhecemos este remetente"),
        ("Wij kennen deze gebruiker niet", "Wij kennen deze afzender niet"),
        ("Deze ontvanger komt niet voor in ons adresboek", "De afzender komt niet voor"),
        ("Takiego odbiorcy u nas nie ma", "Nie znamy takiego nadawcy"),
        ("Такого користувача в нас немає", "Мы не знаем такого отправителя"),
        ("Bu alıcıyı tanımıyoruz", "Bu göndereni tanımıyoruz"),
        ("Ilyen felhasználó nálunk nincs nyilvántartva", "A feladó nincs nyilvántartva"),
        ("Vi kender ikke denne modtager", "Vi kender ikke denne afsender"),
        ("Brukeren står ikke i katalogen", "Avsenderen står ikke i katalogen"),
        ("この利用者は当社に在籍していません", "差出人は当社に登録されていません"),
        ("受取人の名前が名簿にございません", "送信元の名前が名簿にございません"),
        ("アカウントを削除いたしました", "送信者のアカウントを削除いたしました"),
        ("Tài khoản này đã bị xóa", "Tài khoản người gửi đã bị xóa"),
        ("该邮箱从未开通", "发件人从未注册"),
        ("Die Adresse wird nicht mehr verwendet", "Ihre Domain wird nicht mehr verwendet"),
        ("Adressen er ikke lenger i bruk", "Avsenderadressen er ikke i bruk"),
        ("Ten adres nie jest już używany", "Adres nadawcy nie jest używany"),
        ("Адрес больше не используется", "Домен отправителя не используется"),
        ("Ez a cím már nincs használatban", "A feladó címe nincs használatban"),
        ("Mottagarens konto har avslutats", "Avsändarens konto har avslutats"),
        ("Kontoen er opphørt", "Avsenderens konto er opphørt"),
        ("Cutia postala nu a fost gasita", "Expeditorul nu a fost gasit"),
        ("Netfang viðtakanda finnst ekki", "Sendandi finnst ekki"),
        ("Përdoruesi nuk ekziston", "Dërguesi nuk ekziston"),
        ("Brukeren har sluttet", "Avsenderen har sluttet"),
        ("Adresát už u nás nepracuje", "Odesílatel už nepracuje"),
        ("Mailbox deprovisioned", "Your mailbox was deprovisioned"),
        ("მომხმარებელი ვერ მოიძებნა", "გამგზავნი ვერ მოიძებნა"),
        (
            "Recipient verification failed: callout says no such user",
            "Sender verification failed: callout says no such user",
        ),
        (
            f"Address lookup failed: {READER} not in LDAP",
            f"Address lookup failed: {OURS} not in LDAP",
        ),
    ],
)
def test_a_word_for_being_known_is_denied_of_whom_it_is_said(reader: str, sender: str) -> None:
    assert only(told(f"550 {reader}")) == (Reason.USER_UNKNOWN, True)
    assert not only(told(f"550 {sender}"))[1]


@pytest.mark.parametrize(
    "words",
    [
        "no account is kept for the sender under that name",
        "user does not have room for a message of this size",
        "the recipient's attachment was not found to be safe",
        "El usuario no acepta mensajes de desconocidos",
        "受信者宛の添付ファイルは削除されました",
        "受信者の空き容量がございません",
        "受信者の許可リストに登録されていません",
        "Der Empfänger ist vielleicht nicht bekannt",
        "Der Nutzer hat keinen Platz mehr",
        "5.1.1 The account has run out of space",
        "存在しない利用者への送信が多すぎます",
        "Trop d'utilisateurs inconnus dans ce message",
        "authentication required, account unknown",
        "Not a member",
        "Message deleted by recipient's filter rule",
        "TLS certificate of recipient's host not valid",
        "Unknown charset in header",
        "RCPT TO not accepted: this system is not configured to relay mail",
        "受信箱は別の処理で使用されています",
        "Please do not use this account to relay",
        "Ihr Konto darf diese Adresse nicht verwenden",
        "Du har ikke lov til å bruke denne adressen",
    ],
)
def test_what_is_missing_of_somebody_or_of_many_is_no_reader(words: str) -> None:
    assert not only(told(f"550 {words}"))[1]


@pytest.mark.parametrize(
    "words",
    [
        "Directory lookup: entry not present",
        "LDAP search returned no match",
        "名簿に該当がありません",
    ],
)
def test_a_directory_that_holds_nothing_was_asked_for_the_recipient(words: str) -> None:
    assert only(told(f"550 {words}")) == (Reason.USER_UNKNOWN, True)


@pytest.mark.parametrize(
    "words", ["Reverse DNS lookup: entry not present", "sender reputation search returned no match"]
)
def test_a_lookup_of_who_sends_says_nothing_of_the_recipient(words: str) -> None:
    assert not only(told(f"550 {words}"))[1]


@pytest.mark.parametrize(
    "words",
    [
        "The mailbox may possibly not exist, or our server may be busy.",
        "Il est possible que l'adresse n'existe pas ou que le serveur soit indisponible.",
        "Möglicherweise existiert das Postfach nicht.",
        "Quizás el buzón no existe.",
        "Возможно, ящик не существует.",
        "宛先の誤り、相手先の受信制限などの原因が考えられます。",
        "受信を拒否しています。宛先が存在しないわけではありません。",
    ],
)
def test_what_is_only_supposed_is_no_finding(words: str) -> None:
    assert not only(read_report(notice(f"{READER}\n\n{words}\n")))[1]


def test_a_finding_beside_a_supposition_stays_one() -> None:
    words = "550 User unknown, perhaps the address was misspelled."
    assert only(told(words)) == (Reason.USER_UNKNOWN, True)


@pytest.mark.parametrize(
    "words",
    [
        "550 5.1.1 送信元サーバーがブロックリストに登録されているため拒否しました",
        "550 5.1.1 Der Absender steht auf einer Sperrliste",
        f"550 5.1.1 {OURS} is not welcome",
    ],
)
def test_a_code_beside_a_sentence_about_us_alone_stays_open(words: str) -> None:
    assert not only(told(words))[1]


def test_a_code_of_a_recipient_stands_beside_its_denial_whatever_its_last_digit() -> None:
    assert only(told("550 5.1.10 recipient not in directory")) == (Reason.USER_UNKNOWN, True)


def test_a_sentence_that_goes_on_behind_an_address_is_said_of_it() -> None:
    raw = notice(f"{READER} 様は退会済みのため、お届けできません。\n")
    assert only(read_report(raw)) == (Reason.USER_UNKNOWN, True)
