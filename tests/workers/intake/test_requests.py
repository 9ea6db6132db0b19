"""Leaving by mail: a token is enough, a From is not; and the pipe that brings one mail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.database.engine import open_engine, reading
from newsletter.database.vocabulary import BounceKind, SubscriptionState, UnsubscribeWay
from newsletter.feedback.mail import Taken, take_mail
from newsletter.mailings.planning.links import refer
from newsletter.tokens import Purpose
from tests.feedback.conftest import KEYS, Post, running, set_post
from tests.feedback.letters import READER, letter, notice
from tests.support.commands import run_command
from tests.support.ports import free_port

pytestmark = pytest.mark.servers

SUBJECT = "まちのデジタル便り"
_LEAVE, _REQUEST = Purpose.UNSUBSCRIBE, BounceKind.REQUEST


@pytest.mark.parametrize(
    "subject",
    ["unsubscribe {}", "Unsubscribe   {}", "Re: unsubscribe {}", "unsubscribe%20{}"],
)
def test_a_mail_with_the_token_ends_the_subscription(post: Post, subject: str) -> None:
    mail = letter(subject.format(post.token), sender="alias@elsewhere.example")
    assert take_mail(post.engine, mail, KEYS) is Taken.LEFT
    assert take_mail(post.engine, mail, KEYS) is Taken.LEFT
    assert (post.state(), post.ways()) == (SubscriptionState.UNSUBSCRIBED, [UnsubscribeWay.MAIL])


def test_a_forged_token_ends_nothing(post: Post) -> None:
    mail = letter(f"unsubscribe {post.token[:-2]}xx")
    assert take_mail(post.engine, mail, KEYS) is Taken.UNRELATED
    assert post.state() is SubscriptionState.CONFIRMED


@pytest.mark.parametrize(
    "subject", ["unsubscribe", "配信停止", "=?ISO-2022-JP?B?GyRCR1s/LkRkO18bKEI=?=", "退会希望"]
)
@pytest.mark.parametrize("header", ["In_Reply_To", "References"])
def test_a_reply_to_our_message_by_its_reader_ends_the_subscription(
    post: Post, subject: str, header: str
) -> None:
    mail = letter(subject, **{header: f"<other@example.com> {post.message_id}"})
    assert take_mail(post.engine, mail, KEYS) is Taken.LEFT
    assert post.state() is SubscriptionState.UNSUBSCRIBED


@pytest.mark.parametrize(
    "body",
    [
        "Please erase all my personal data.",
        "Take me off your list and delete my details.",
        "Löschen Sie bitte meine Daten.",
        "Supprimez mes données personnelles.",
        "Borren mis datos personales.",
        "お手数ですが、私の個人情報を削除してください。",
        "配信を停止し、登録情報も消去してください。",
        "请删除我的个人信息",
        "제 개인정보를 모두 삭제해 주세요.",
        "Удалите мои персональные данные.",
    ],
)
def test_who_asks_to_delete_their_data_leaves_and_is_shown_to_an_operator_who_erases_it(
    post: Post, body: str
) -> None:
    mail = letter(f"Re: {SUBJECT}", In_Reply_To=post.message_id, body=body)
    assert take_mail(post.engine, mail, KEYS) is Taken.LEFT
    assert post.state() is SubscriptionState.UNSUBSCRIBED
    assert [(row.kind, row.address) for row in post.rows()] == [(_REQUEST, READER)]


def test_who_asks_to_leave_and_says_nothing_of_data_waits_for_nobody(post: Post) -> None:
    mail = letter(f"Re: {SUBJECT}", In_Reply_To=post.message_id, body="配信を停止してください。")
    assert take_mail(post.engine, mail, KEYS) is Taken.LEFT
    assert post.rows() == []


_ELSEWHERE = "alias@elsewhere.example"


@pytest.mark.parametrize(
    "body",
    [
        "古いアドレスへの配信は停止して、新しいアドレス shin@elsewhere.example に送ってください。",
        "配信を停止してください。\n代わりの宛先は shin@elsewhere.example です。",
        "Please unsubscribe me and add mary@elsewhere.example to the list.",
        "Bitte abmelden. Neu bin ich unter neu@elsewhere.example zu erreichen.",
        "请取消订阅，以后发到 xin@elsewhere.example。",
    ],
)
def test_a_wish_that_names_another_address_waits_for_an_operator(post: Post, body: str) -> None:
    """The reader may want the mail there, or write about somebody else."""
    mail = letter(f"Re: {SUBJECT}", In_Reply_To=post.message_id, body=body)
    assert take_mail(post.engine, mail, KEYS) is Taken.UNRELATED
    assert post.state() is SubscriptionState.CONFIRMED
    assert [(row.kind, row.address) for row in post.rows()] == [(_REQUEST, READER)]


@pytest.mark.parametrize(
    ("sender", "body"),
    [
        (READER, "Please unsubscribe me.\n\n-- \nTom Reader\nE-mail: tom@work.example"),
        (READER, f"Please take {READER} off your list."),
        (READER, "Please remove me from the list of unsubscribe@example.jp."),
        (_ELSEWHERE, f"{READER} の配信を停止してください。"),
    ],
    ids=["a signature", "their own", "ours", "of the forwarded mail"],
)
def test_an_address_of_a_signature_the_readers_or_ours_is_no_other(
    post: Post, sender: str, body: str
) -> None:
    mail = letter(f"Re: {SUBJECT}", sender=sender, In_Reply_To=post.message_id, body=body)
    assert take_mail(post.engine, mail, KEYS) is Taken.LEFT
    assert post.state() is SubscriptionState.UNSUBSCRIBED


def _quoting(post: Post, *purposes: Purpose) -> str:
    paths = {Purpose.UNSUBSCRIBE: "u", Purpose.PREFERENCES: "p", Purpose.VIEW: "v"}
    links = (
        f"> https://news.example.jp/{paths[each]}/{KEYS.signer.sign_delivery(each, post.ref)}"
        for each in purposes
    )
    return "もう読みません。\n\n" + "\n".join(links)


def test_a_reply_from_another_address_to_our_message_ends_its_readers_subscription(
    post: Post,
) -> None:
    mail = letter("配信停止", sender=_ELSEWHERE, In_Reply_To=post.message_id)
    assert take_mail(post.engine, mail, KEYS) is Taken.LEFT
    assert post.state() is SubscriptionState.UNSUBSCRIBED
    assert post.state("other@example.jp") is SubscriptionState.CONFIRMED


@pytest.mark.parametrize("purpose", [Purpose.UNSUBSCRIBE, Purpose.PREFERENCES, Purpose.VIEW])
def test_a_mail_from_another_address_that_quotes_a_signed_link_ends_that_subscription(
    post: Post, purpose: Purpose
) -> None:
    mail = letter("配信停止", sender=_ELSEWHERE, body=_quoting(post, purpose))
    assert take_mail(post.engine, mail, KEYS) is Taken.LEFT
    assert post.state() is SubscriptionState.UNSUBSCRIBED


def test_a_quotation_that_is_forged_or_of_two_readers_ends_nothing_and_is_in_the_log(
    post: Post,
) -> None:
    two = [post.ref, replace(post.ref, subscriber_id=post.stage.subscriber_id("other@example.jp"))]
    with reading(post.engine) as session:
        refs = [
            refer(session, each.newsletter_id, each.subscriber_id, post.mailing_id) for each in two
        ]
    both = "\n".join(f"https://x/u/{KEYS.signer.sign_delivery(_LEAVE, each)}" for each in refs)
    for body in (f"https://x/u/{post.token[:-2]}xx", both):
        mail = letter("配信停止", sender=_ELSEWHERE, body=body)
        assert take_mail(post.engine, mail, KEYS) is Taken.UNRELATED
    assert {post.state(), post.state("other@example.jp")} == {SubscriptionState.CONFIRMED}
    assert [(row.kind, row.address) for row in post.rows()] == 2 * [(_REQUEST, _ELSEWHERE)]


def test_a_from_alone_proves_nothing_and_is_in_the_log(post: Post) -> None:
    for _ in range(2):
        assert take_mail(post.engine, letter("配信停止"), KEYS) is Taken.UNRELATED
    assert post.state() is SubscriptionState.CONFIRMED
    assert [(row.kind, row.address) for row in post.rows()] == [(_REQUEST, READER)]


def test_a_reply_by_another_reader_ends_nothing_and_is_in_the_log(post: Post) -> None:
    mail = letter(
        "配信停止",
        sender="other@example.jp",
        In_Reply_To=post.message_id,
        body=_quoting(post, _LEAVE),
    )
    assert take_mail(post.engine, mail, KEYS) is Taken.UNRELATED
    assert {post.state(), post.state("other@example.jp")} == {SubscriptionState.CONFIRMED}
    assert [(row.kind, row.address) for row in post.rows()] == [(_REQUEST, "other@example.jp")]


@pytest.mark.parametrize("way", ["an address for it", "a mailbox"])
def test_an_answer_that_no_program_reads_ends_nothing_and_waits_for_an_operator(
    post: Post, way: str
) -> None:
    mail = letter(f"Re: {SUBJECT}", In_Reply_To=post.message_id, body="この便りとはお別れします。")
    take_mail(post.engine, mail, KEYS, is_for_us=way == "an address for it")
    assert post.state() is SubscriptionState.CONFIRMED
    assert [(row.kind, row.address) for row in post.rows()] == [(BounceKind.ANSWER, READER)]


@pytest.mark.parametrize(
    "headers",
    [
        {"In_Reply_To": "<d1.aaaaaaaaaaaaaaaa.bbbbbbbb@example.jp>"},
        {"Auto_Submitted": "auto-generated"},
        {"List_Id": "<x.example>"},
    ],
    ids=["made up", "a program's", "a list's"],
)
def test_what_is_no_persons_answer_to_us_waits_for_nobody(
    post: Post, headers: dict[str, str]
) -> None:
    mail = letter("About you", **{"In_Reply_To": post.message_id, **headers})
    take_mail(post.engine, mail, KEYS)
    assert BounceKind.ANSWER not in {row.kind for row in post.rows()}


_QUOTED = "\n\n2026年11月29日(日) 20:26 まちのデジタル便り <news@example.jp>:\n> 配信を停止する\n"


@pytest.mark.parametrize(
    "body",
    [
        "配信停止をお願いします。",
        "広報課 御中\n\nお世話になっております。山田です。\n今後の配信を停止してください。\n山田",
        "メルマガは不要です",
        "登録を削除してください",
        "もう送らないでください。",
        "Please unsubscribe me.",
        "ｕｎｓｕｂｓｃｒｉｂｅ",
        "请取消订阅",
        "Xin hủy đăng ký",
        "Quero cancelar a minha inscrição",
    ],
)
@pytest.mark.parametrize("sender", [READER, _ELSEWHERE])
def test_a_reply_that_says_so_above_what_it_quotes_ends_the_subscription(
    post: Post, body: str, sender: str
) -> None:
    mail = letter(f"Re: {SUBJECT}", sender=sender, In_Reply_To=post.message_id, body=body + _QUOTED)
    assert take_mail(post.engine, mail, KEYS, is_for_us=True) is Taken.LEFT
    assert post.state() is SubscriptionState.UNSUBSCRIBED


@pytest.mark.parametrize(
    "body",
    ["配信停止しないでください。", "配信停止の方法を教えてください", "How do I unsubscribe?"],
)
def test_a_reply_that_only_speaks_of_leaving_waits_for_an_operator(post: Post, body: str) -> None:
    mail = letter(f"Re: {SUBJECT}", In_Reply_To=post.message_id, body=body + _QUOTED)
    assert take_mail(post.engine, mail, KEYS, is_for_us=True) is Taken.UNKNOWN
    assert post.state() is SubscriptionState.CONFIRMED
    assert [(row.kind, row.address) for row in post.rows()] == [(_REQUEST, READER)]


def test_a_wish_in_the_mail_that_nothing_proves_waits_for_an_operator(post: Post) -> None:
    mail = letter("お願い", body="配信停止をお願いします。")
    take_mail(post.engine, mail, KEYS, is_for_us=True)
    assert post.state() is SubscriptionState.CONFIRMED
    assert [(row.kind, row.address) for row in post.rows()] == [(_REQUEST, READER)]


@pytest.mark.parametrize(
    "quoted",
    [
        "> 配信を停止する",
        "-----Original Message-----\n配信を停止する",
        "水道の契約を解約したいのですが。",
        "差出人: 広報課\n配信を停止する",
        "On Sun, 29 Nov 2026 at 20:26, News <news@example.jp> wrote:\n\nUnsubscribe",
    ],
)
def test_what_is_quoted_is_nobodys_wish(post: Post, quoted: str) -> None:
    body = f"とても役に立ちました。\n\n{quoted}"
    mail = letter(f"Re: {SUBJECT}", In_Reply_To=post.message_id, body=body)
    assert take_mail(post.engine, mail, KEYS) is Taken.UNRELATED
    assert post.state() is SubscriptionState.CONFIRMED
    assert [row.kind for row in post.rows()] == [BounceKind.ANSWER]


def test_another_lists_mail_is_no_request(post: Post) -> None:
    mail = letter("News", body="Unsubscribe | View online", List_Unsubscribe="<https://x.example>")
    assert take_mail(post.engine, mail, KEYS) is Taken.UNRELATED
    assert post.rows() == []


def test_an_automatic_answer_is_nobodys_wish(post: Post) -> None:
    mail = letter("Auto: unsubscribe", In_Reply_To=post.message_id, Auto_Submitted="auto-replied")
    take_mail(post.engine, mail, KEYS)
    assert post.state() is SubscriptionState.CONFIRMED


def test_the_pipe_keeps_a_mail_and_ends_well(sqlite_url: str, tmp_path: Path) -> None:
    post = set_post(open_engine(sqlite_url))
    with running(sqlite_url, tmp_path, "receive", "--to", post.path) as process:
        process.communicate(notice(), timeout=120)
    assert process.returncode == 0
    assert [(row.kind, row.return_path) for row in post.rows()] == [(BounceKind.HARD, post.path)]


@pytest.mark.parametrize("settings", [{}, {"PUBLIC_URL": "nonsense"}], ids=["database", "setting"])
def test_what_the_pipe_cannot_keep_the_mail_server_does(
    tmp_path: Path, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    for name, value in {"DATABASE_URL": away, "DATA_DIR": str(tmp_path), **settings}.items():
        monkeypatch.setenv(name, value)
    assert run_command(["bounce", "receive"], typed=notice()).exit_code == 75
