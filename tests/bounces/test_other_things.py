"""Mail about an undelivered parcel, order or letter is not a bounce."""

from __future__ import annotations

import pytest

from newsletter.bounces.reading import read_report
from tests.bounces.formats import OURS, READER

_HEADS = {
    "empty sender": "Return-Path: <>\nFrom: Service <noreply@parcel.example>\n",
    "automatic": "Auto-Submitted: auto-replied\nReturn-Path: <noreply@parcel.example>\n"
    "From: noreply@parcel.example\n",
    "generated": "Auto-Submitted: auto-generated\nReturn-Path: <bounce@parcel.example>\n"
    "From: Service <service@parcel.example>\n",
    "daemon": "Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@parcel.example>\n",
    "daemon's answer": "Return-Path: <>\nAuto-Submitted: auto-replied\n"
    "From: MAILER-DAEMON@parcel.example\n",
    "postmaster": "Return-Path: <>\nFrom: postmaster@parcel.example\n",
    "plain": "Return-Path: <x@parcel.example>\nFrom: Service <info@parcel.example>\n",
}


def _is_hard(head: str, subject: str, words: str) -> bool:
    raw = (
        f"{_HEADS[head]}To: {OURS}\nSubject: {subject}\nMIME-Version: 1.0\n"
        f"Content-Type: text/plain; charset=utf-8\n\n{words.format(reader=READER)}\n"
    )
    return any(one.hard for one in read_report(raw.encode()).recipients)


@pytest.mark.parametrize("head", _HEADS)
@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("Delivery failed", "Your parcel for {reader} could not be delivered. No such address."),
        ("Order 5512 not delivered", "Your order for {reader}: the recipient is unknown."),
        ("Fax could not be delivered", "Your fax to {reader} could not be delivered."),
        (
            "Delivery failed",
            "Dear all,\nyour parcel could not be delivered, the address does not exist.\n{reader}",
        ),
        (
            "Zustellung fehlgeschlagen",
            "Ihr Paket konnte nicht zugestellt werden, die Adresse existiert nicht.\n\n{reader}",
        ),
        (
            "配達不能のお知らせ",
            "宅配のお荷物を配達できませんでした。住所が存在しません。\n{reader}",
        ),
        (
            "Returned to sender",
            "Package JD0146 for {reader}: recipient unknown. Do not reply to this email.",
        ),
        ("Unzustellbar", "Ihr Paket für {reader} ist unzustellbar. Die Adresse existiert nicht."),
        ("Livraison impossible", "Votre colis pour {reader} : destinataire inconnu."),
        ("No entregado", "Su envío para {reader} no se pudo entregar. Destinatario desconocido."),
        ("Non consegnato", "Il pacco per {reader} non è stato consegnato: indirizzo inesistente."),
        ("Niedoręczona", "Przesyłka dla {reader} nie została doręczona. Adres nie istnieje."),
        ("配達できません", "お荷物を配達できませんでした。宛先の {reader} は存在しません。"),
        ("宛先不明", "ご注文の商品は {reader} 様が宛先不明でした。このメールは自動送信です。"),
        ("配送失败", "您的快递无法送达 {reader}，该地址不存在。"),
        (
            "배달 실패",
            "{reader} 님께 보낸 택배가 배달되지 못했습니다. 주소 불명입니다.",
        ),
    ],
)
def test_a_parcel_that_did_not_arrive_is_no_hard_bounce(
    head: str, subject: str, words: str
) -> None:
    assert not _is_hard(head, subject, words)


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("Undelivered", "Your email about the order 12 for {reader} failed: user unknown."),
        ("Undelivered", "User {reader} unknown. Delivery of goods: see our site."),
        ("Delivery failed", "Delivery to {reader} failed: 550 5.1.1 unknown. Your Parcel Service"),
        ("Failure notice", "{reader}: no such recipient here. Your parcel shop, order desk"),
        ("Failure notice", "Returned: {reader} does not exist.\n\nTrack your order at our site."),
        ("Failure notice", "{reader} does not exist here.\nTel. 03-1234-5678 FAX: 03-1234-5679"),
        ("Unzustellbar", "Nachricht unzustellbar. {reader}: Empfänger unbekannt. Zu Paketen: Tel."),
        (
            "不達",
            "{reader} へのメールは届きません。ユーザーが存在しません。お荷物は営業所へ。",
        ),
        ("退信", "您的邮件无法投递给 {reader}：用户不存在。快递查询请电。"),
    ],
)
def test_mail_that_a_carrier_of_parcels_returns_is_one(subject: str, words: str) -> None:
    assert _is_hard("daemon", subject, words)
