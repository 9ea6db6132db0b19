"""Statements about the reader, the sender or neither, in some thirty languages."""

from __future__ import annotations

import pytest

from newsletter.bounces.model import Reason
from newsletter.bounces.reading import read_report
from tests.bounces.formats import READER
from tests.bounces.test_whose_fault import notice, only, told


@pytest.mark.parametrize(
    "words",
    [
        "550 The mail account is unavailable",
        f"550 5.1.1 <{READER}> is not in use",
        "550 mailbox not used by anybody",
        "550 このアドレスは使われておりません",
        "550 宛先のアカウントは現在使用されていません",
        "550 böyle bir alıcı yok",
        "550 a címzett nem létezik",
        "550 vastaanottaja tuntematon",
        "550 utilizatorul nu există",
        "550 користувач не існує",
        "550 ο παραλήπτης δεν υπάρχει",
        "550 người nhận không tồn tại",
        "550 pengguna tidak ditemukan",
        "550 this address no longer accepts mail",
        "550 The account was terminated",
        "550 This employee is no longer with our office",
        "550 We have nobody called that",
        "550 该用户已注销",
        "550 такого адреса нет",
        "550 Příjemce nebyl nalezen",
        "550 Diesen Benutzer: ein solches Postfach gibt es nicht",
        "550 La casella non è presente",
        "550 O usuário não foi localizado",
        "550 nincs ilyen postafiók vagy felhasználó",
        "550 kullanıcı yok",
        "550 ユーザーがいません",
        "550 宛先の該当がございません",
        "550 あて先が見つからず配送を中止しました",
        "550 nie znaleziono adresata",
        "550 受信者の登録がありません",
        "550 수신자가 없습니다",
        "550 the mailbox expired",
        "550 Ce destinataire n'est pas connu",
        "550 La cuenta no está registrada",
        "550 ユーザなし",
        "550 このアドレスは当サーバーにありません",
        "550 没有该用户",
        "550 המשתמש לא קיים",
        "550 المستخدم غير موجود",
        "550 lietotājs nav atrasts",
        "550 skrzynka nieznana",
        "550 Die Adresse existiert auf diesem System nicht",
        "550 that user has never existed",
        "550 mailbox unavailable or access denied (user not exist)",
        "The user(s) account is disabled or does not exist. 550 User unknown",
        "Mailbox doesn't exist or has been suspended: no such user",
        "The address is no longer in use or was disabled. Reply: 550 recipient not found",
    ],
)
def test_denials_in_further_words_and_languages_are_hard(words: str) -> None:
    assert only(told(words)) == (Reason.USER_UNKNOWN, True)


@pytest.mark.parametrize(
    "words",
    [
        "550 The account is unavailable at the moment, try again later",
        "550 The recipient's server is unavailable",
        "550 受信者の設定により受信が許可されていません",
        "550 alıcının posta kutusu dolu",
        "550 a postafiók megtelt",
        "550 postilaatikko on täynnä",
        "550 căsuța poștală este plină",
        "550 поштова скринька переповнена",
        "550 το γραμματοκιβώτιο είναι γεμάτο",
        "550 hộp thư đã đầy",
        "550 kotak surat penuh",
        "550 mailbox unavailable while the system is restored, try again later",
        "550 alıcı için yer yok",
        "550 受信者に受信権限がありません",
        "550 受信者は転送を許可していません",
        "550 メールボックスに空きがありません",
        "550 The user's mail server could not be found just now",
        "550 Your mailbox does not exist, so you may not send",
        "550 Relaying to this user denied, unknown network",
        "550 送信ユーザの認証エラー。アカウントをご確認のうえ、誤りを正してください",
        "550 因邮件格式无效而被用户退回",
        "550 수신자에게 권한이 없습니다",
        "550 this mailbox is not used for newsletters",
        "550 у пользователя нет места",
        "550 宛先のメールサーバーが存在しないか、応答しません",
        "550 宛先なしのメールは受け付けません",
        "550 アカウントにはこの操作の権限がありません",
        "550 mailbox unavailable or access denied",
        "550 The user's account is disabled or does not exist",
        "The mailbox does not exist or is full. 550 over quota",
        "550 L'adresse IP n'est pas valide",
        "550 Die IP-Adresse ist nicht registriert",
        "550 このIPアドレスは存在しません",
        "550 发信地址不存在",
        "550 המשתמש: תיבת הדואר מלאה",
    ],
)
def test_existing_mailboxes_in_the_same_languages_are_not_hard(words: str) -> None:
    assert not only(told(words))[1]


@pytest.mark.parametrize("words", ["Mailbox not available", "mailbox unavailable"])
def test_a_mailbox_that_exists_by_its_code_is_suspended_not_unknown(words: str) -> None:
    """RFC 3463, 3.3: x.2.1 is about a mailbox that exists."""
    assert only(told(f"550 5.2.1 {words}", status="5.2.1")) == (Reason.SUSPENDED, False)


def test_mail_ru_denies_a_mailbox_after_data_by_its_directory() -> None:
    words = f"550 not accepted: Local mailbox {READER} is unavailable: user not found"
    assert only(told(words, command="end of DATA")) == (Reason.USER_UNKNOWN, True)


@pytest.mark.parametrize(
    "words",
    [
        "Absenderadresse unbekannt",
        "Het adres van de afzender bestaat niet",
        "Avsändarens adress finns inte",
        "Afsenderens adresse findes ikke",
        "Adresse d'expediteur inconnue",
        "La dirección del remitente no existe",
        "O endereço do remetente não existe",
        "L'indirizzo del mittente non esiste",
        "Adres nadawcy nie istnieje",
        "Adresa odesílatele neexistuje",
        "Адрес отправителя не существует",
        "Адреса відправника не існує",
        "Gönderenin adresi bulunamadı",
        "A feladó címe nem létezik",
        "Lähettäjän osoitetta ei löydy",
        "Adresa expeditorului nu există",
        "Η διεύθυνση του αποστολέα δεν υπάρχει",
        "Địa chỉ người gửi không tồn tại",
        "Alamat pengirim tidak ditemukan",
        "送信元のメールアドレスが存在しません",
        "发件人地址不存在",
        "발신자의 메일 주소가 존재하지 않습니다",
    ],
)
@pytest.mark.parametrize("code", ["550 ", ""])
def test_the_sender_in_any_language_is_not_the_reader(code: str, words: str) -> None:
    assert not only(told(code + words))[1]
    assert not only(read_report(notice(f"<{READER}>:\n{words}")))[1]
