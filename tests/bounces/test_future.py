"""The future is not a finding: a mailbox that will be deleted exists, in any language."""

from __future__ import annotations

import pytest

from newsletter.bounces.model import ReportKind
from newsletter.bounces.reading import read_report
from tests.bounces.formats import OURS, READER
from tests.bounces.test_whose_fault import only, told


@pytest.mark.parametrize(
    ("future", "past"),
    [
        ("This mailbox will be deleted on 31 December", "This mailbox was deleted"),
        ("Diese Adresse wird ab Januar gelöscht", "Diese Adresse wurde gelöscht"),
        ("Das Konto wird geschlossen werden", "Das Konto wurde geschlossen"),
        ("Cette adresse sera supprimée le 31 décembre", "Cette adresse a été supprimée"),
        ("Esta cuenta será eliminada pronto", "Esta cuenta fue eliminada"),
        ("Esta conta será excluída em breve", "Esta conta foi excluída"),
        ("Questo account sarà eliminato", "Questo account è stato eliminato"),
        ("Deze mailbox wordt op 31 december opgeheven", "Deze mailbox is opgeheven"),
        ("Kontoen vil bli slettet", "Kontoen er slettet"),
        ("Этот ящик будет удалён", "Этот ящик удалён"),
        ("Konto zostanie usunięte", "Konto zostało usunięte"),
        ("Účet bude zrušen", "Účet byl zrušen"),
        ("Tài khoản này sẽ bị xóa", "Tài khoản này đã bị xóa"),
        ("このアカウントは12月31日に削除されます", "このアカウントは削除されました"),
        ("このアドレスは廃止予定です", "このアドレスは廃止されました"),
        ("该邮箱将被删除", "该邮箱已被删除"),
    ],
)
def test_a_mailbox_that_will_be_deleted_exists(future: str, past: str) -> None:
    assert not only(told(f"550 {future}"))[1]
    assert only(told(f"550 {past}"))[1]


def test_a_finding_beside_what_is_to_come_stays_one() -> None:
    words = "The message will not be delivered because the user does not exist"
    assert only(told(f"550 {words}"))[1]


@pytest.mark.parametrize(
    "words",
    [
        f"Görevimden ayrıldım. {READER} adresine gelen postalar iletilmeyecektir.",
        f"I have left. Mail to {READER} will not be delivered any more.",
        f"I am away. If you can't reach me, please write to {READER}; undeliverable post waits.",
    ],
)
def test_an_absence_that_speaks_of_mail_to_come_is_no_notice(words: str) -> None:
    raw = (
        f"Return-Path: <>\nFrom: desk@example.com\nTo: {OURS}\nSubject: Automatic reply: News\n"
        f"Auto-Submitted: auto-generated\nContent-Type: text/plain; charset=utf-8\n\n{words}\n"
    )
    assert read_report(raw.encode()).kind is ReportKind.AUTO_REPLY


def test_a_name_that_x400_does_not_know_is_unknown() -> None:
    raw = f"""Return-Path: <>
From: MTA Administrator <postmaster@gw.example.net>
To: {OURS}
Subject: Non-Delivery Report

Not delivered to:
   {READER}
   Reason:      unable-to-transfer (1)
   Diagnostic:  unrecognised-OR-name (0)
"""
    assert only(read_report(raw.encode()))[1]


def test_an_issue_of_a_list_whose_name_is_a_mail_systems_cites_a_report() -> None:
    raw = f"""Return-Path: <weekly@deliver.example.org>
From: Postmaster Weekly <weekly@deliver.example.org>
To: {OURS}
List-Id: <weekly.deliver.example.org>
Subject: What 550 5.1.1 means

    Final-Recipient: rfc822; {READER}
    Action: failed
    Status: 5.1.1
"""
    assert read_report(raw.encode()).kind is ReportKind.OTHER
