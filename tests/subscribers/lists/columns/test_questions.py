"""A column that is not known to be about something else than mail is asked about."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from newsletter.database.engine import reading
from newsletter.database.tables import SubscriberRow, SubscriptionRow
from newsletter.database.vocabulary import FieldType, SubscriptionState
from subscribers.fields.model import Field
from subscribers.lists.columns.columns import ColumnAnswers
from subscribers.lists.columns.questions import ColumnQuestion, QuestionKind, UnclearColumnError
from subscribers.lists.columns.validation import ListReader
from subscribers.lists.parsers.files import list_records
from tests.subscribers.lists.columns.test_states import import_list, states_of
from tests.support.stage import Stage

_C, _P, _U = (
    SubscriptionState.CONFIRMED,
    SubscriptionState.PENDING,
    SubscriptionState.UNSUBSCRIBED,
)


def _asked(header: str, *values: str, custom: Sequence[Field] = ()) -> Sequence[ColumnQuestion]:
    rows = "\n".join(f'a{at}@x.example,"{value}"' for at, value in enumerate(values))
    octets = f'email,"{header}"\n{rows}\n'.encode()
    reader = ListReader(source="l.csv", file_name="l.csv", chosen={}, custom=custom)
    records = list_records(io.BytesIO(octets), file_name="l.csv", source="l.csv")
    return reader.questions(records, 100)


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("Send me the digest by email", "yes no"),
        ("Status ID", "1 2 3"),
        ("Contact ID", "1 0 1"),
        ("Brak zgody na newsletter", "TAK NIE TAK"),
        ("Odwołanie zgody na newsletter", "TAK NIE"),
        ("Refus accord lettre d'info", "oui non oui"),
        ("Отказ: согласие на рассылку", "да нет да"),
        ("Zgoda", "TAK NIE TAK"),
        ("lists.status", "confirmed,fallow"),
        ("市からのお知らせメールを希望しない", "TRUE FALSE"),
        ("I do not want your newsletter", "yes no"),
        ("Newsletter nicht gewünscht", "ja nein"),
        ("メールで案内を送らないでほしい", "はい いいえ"),
        ("ML参加", "参加 不参加"),
        ("Boletín", "sí no"),
        ("参加希望", "はい いいえ はい"),
        ("懇親会の出席可否", "可 不可 可"),
        ("会報", "要る 不要 どちらでも"),
        ("会報", "不要"),
        ("回覧", "○ × △"),
        ("Would you like to hear from us again?", "Yes No"),
        ("Happy to hear from us", "yes only-by-phone"),
        ("Bulletin", "yes "),
        ("Gazette", "x "),
        ("Contactable", "1 0"),
        ("会誌", "電子 紙 不要"),
        ("お届け", "メール 郵送 なし"),
        ("Rundbrief", "angemeldet abgemeldet"),
        ("いつもの", "受諾済 未受諾済"),
        ("News", "1 2 9"),
        ("同意の有無", "有 "),
        ("メモ", "要 不要"),
        ("Comunicaciones", "S N"),
        ("Einverständnis", "vorhanden nicht-vorhanden"),
        ("Post", "subscribed lapsed"),
        ("Abo-Status", "läuft gekündigt"),
        ("Zustellstatus", "in-ordnung gesperrt"),
        ("購読区分", "甲 乙"),
        ("会員区分", "正会員 元会員 正会員"),
        ("s", "A U A B"),
        ("flg", "1 9 0 1"),
        ("kbn", "10 20 10 20 90 10 20 10 90"),
        ("Class", "3B 4A inactive"),
        ("Situazione", "attivo cessato"),
        ("退団", "2024/03/31 "),
        ("Date de sortie", "31/08/2023 "),
        ("gone since", "2023-01-15 "),
        ("gone", "2019 "),
        ("adres onbereikbaar", "ja nee"),
        ("Injoignable", "oui non"),
        ("irreperibile", "sì no"),
        ("недоступен", "да нет"),
        ("nieosiągalny", "tak nie"),
        ("連絡不能", "はい いいえ"),
        ("연락두절", "예 아니오"),
        ("失联", "是 否"),
        ("メール配信終", "はい いいえ"),
        ("メルマガ配信外", "1 0"),
        ("メール受信嫌", "はい いいえ"),
        ("订阅邮件无效", "是 否"),
        ("郵件訂閱廢", "是 否"),
        ("left no", "12345 "),
        ("備考", "引っ越しのため3月で終わり お菓子の差し入れ"),
        ("Notes", "mail-came-back brought-cake"),
        ("摘要", "召天（2026.1.8） 会計を担当しています"),
        ("摘要", "他教会へ転会 会計を担当しています"),
        ("备注", "邮箱已失效 班长"),
        ("Бележки", "пощата-се-връща касиер"),
        ("Uwagi", "zrezygnowała skarbnik"),
        ("Poznámka", "odstěhoval-se hraje-basu"),
        ("หมายเหตุ", "ลาออก เหรัญญิก"),
        ("הערות", "עזב גזבר"),
        ("Plan", "free paid"),
        ("購読プラン", "A "),
        ("備考", "A A B"),
        ("Kz", "A P K V S E"),
        ("E-news", "✓ "),
        ("Я в клубе", "так ні"),
        ("区", "正 準 休 亡 退 他"),
        ("Zustand", "läuft läuft ruht läuft aus weg läuft"),
        ("Zustand", "zu     "),
        ("stan", "1 4 1 2 8 3 1 5 1"),
        ("Lage", "1 2 3 4 5 5"),
        ("verlassen", "2021-09-18 0 0"),
        ("verlassen", "1631950304 0 0 1632000000"),
        ("raus", "1631950304000  "),
        ("Désinscrit le", "2024-10-04 "),
        ("Abgemeldet am", "2024-10-04 "),
        ("List", "unsubscribed unsubscribed"),
        ("List", "Newsletter "),
        ("Liste", "Ehemalige Ehemalige"),
        ("Zustand", "ruht ruht"),
        ("Gruppe", "Ehemalige Ehemalige"),
        ("Abteilung", "Vertrieb Ehemaliger Einkauf Vertrieb"),
        ("flag", "0 0 0"),
        ("Abo-Status", "läuft läuft"),
        ("Kz", "x x"),
        ("stan", "A1 A1 B2"),
        ("bouncecount", "0 blocked 0"),
        ("配信希望日", "毎月5日 不要 毎月5日"),
    ],
)
def test_answers_in_a_column_of_any_name_are_asked_about(header: str, values: str) -> None:
    assert [each.column for each in _asked(header, *values.split(" "))] == [header]


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("Age", "34 0 1"),
        ("Subscription date", "2026-01-31 2026-02-28"),
        ("Subscription number", "A-1201 A-1202"),
        ("Orders count", "0 1"),
        ("生年月日", "1990-01-01 "),
        ("電話番号", "09012345678 "),
        ("会社", "不二家 "),
        ("入会日", "2024-04-01 "),
        ("Last order", "2024-04-01 "),
        ("学年", "1年 2年 1年"),
        ("住まい", "東京都 大阪府 東京都"),
        ("参加希望日", "12月5日（土） 12月6日（日） 12月5日（土）"),
        ("第2希望", "午前 午後 午前"),
        ("List", "Newsletter Newsletter"),
        ("LISTES", "Infolettre Infolettre"),
        ("0", "0 0 0"),
        ("bouncecount", "0 4 0 1"),
        ("エラー回数", "0 0 5 1"),
        ("エラーカウント", "0 0 5 1"),
        ("objectClass", "inetOrgPerson inetOrgPerson top"),
        ("employeeType", "permanent contract permanent"),
        ("年賀状2025出", "× ○ ×"),
        ("弁当", "要 不要 要"),
        ("Overdue", "false true"),
        ("本日の満足度", "5 4 3 5 4"),
        ("チケット名", "学生 一般 学生"),
        ("Labels", "*myContacts *friends *myContacts"),
        ("E-mail 1 - Type", "*Home *Home *Work"),
        ("E-mail 2 - Label", "*職場 "),
        ("E-mail 2 - Value", "b@x.example "),
        ("電子メール表示名", "葵 葵 茜"),
        ("優先度", "標準 標準 標準"),
        ("nsAIMid", "ann "),
        ("Contact owner", "Me Me You"),
        ("Subscribed IP", "1.1.1.1 1.1.1.1 "),
        ("Revenue", "$0.00 $50.00 "),
        ("Emails opened", "5 5 0"),
        ("metadata", "{} {} {}"),
        ("Global Status", "subscribed unsubscribed bounced unconfirmed"),
        ("Inscrit le", "2022-03-12 "),
        ("Date d’inscription", "2022-03-12 "),
        ("Angemeldet am", "2022-03-12 "),
        ("Cadastrado em", "2024-02-01 "),
        ("Freguesia", "Belém Estrela Belém"),
        ("Boat", "Dabchick Osprey Dabchick"),
        ("Berth", "B1 C2 A3 B4"),
        ("Pontoon", "B1 C2 A3 B4"),
        ("Kai", "B1 C2 A3 B4"),
        ("席", "A席 S席 A席"),
        ("連絡先2", "09012345678 0312345678"),
        ("点", "12 99 12 12.5"),
        ("T-shirt", "S M"),
        ("How did you hear about us?", "friend web friend"),
        ("職業", "不動産業 会社員"),
        ("Country code", "NO SE"),
        ("Gender", "F M"),
        ("Region", "N E W"),
        ("Blood", "A O AB"),
        ("備考", "特になし 車椅子"),
        ("Notes", "no "),
        ("Accepts SMS", "yes no"),
        ("Link", "https://x.example/unsubscribe "),
        ("Imię", "Róża Iwona Róża"),
        ("Příjmení", "Mašek Dvořák Mašek"),
        ("Επώνυμο", "Χατζής Ξενάκης"),
        ("ชื่อ", "สมชาย มาลี"),
        ("Τμήμα", "Ζωγραφική Κεραμική Ζωγραφική"),
        ("Drużyna", "A B A"),
        ("Postleitzahl", "10115 80331 10115 10115 10115 80331 80331"),
        ("給食", "有 無 有"),
        ("payment_status", "paid failed cancelled paid"),
        ("注文状況", "完了 キャンセル 完了"),
        ("newsletter_source", "website shop website"),
        ("Größe", "klein groß klein"),
        ("Прізвище", "Кравець Петрів Кравець"),
        ("โรงเรียน", "วัดไผ่ บ้านนา วัดไผ่"),
        ("SMS_BLACKLISTED", "Yes No"),
        ("電話拒否", "○ "),
        ("LINE配信", "停止 希望"),
        ("Vorliebe", "Kaffee Tee Wasser Saft Milch"),
        ("備考", "広報委員 広報委員 卵アレルギー"),
        ("登録状況", "登録 停止"),
        ("メルマガ希望", "○ ×"),
        ("ご希望の有無", "はい いいえ はい"),
        ("案内の可否", "可 不可 可"),
        ("Beitritt", "1631950304 1632000000 0"),
        ("広報紙の希望", "はい いいえ はい"),
        ("Punktestand", "1 2 3 4 5"),
        ("CONTACT ID", "1 2 3 4"),
        ("Zgoda na newsletter", "TAK NIE TAK"),
        ("Accord lettre d'info", "oui non oui"),
        ("Souhlas s newsletterem", "ano ne"),
        ("Согласие на рассылку", "да нет да"),
        ("Toestemming nieuwsbrief", "ja nee ja"),
        ("Consenso newsletter", "sì no sì"),
        ("Newsletter consent", "YES~since~May no"),
        ("Newsletter consent", "yes~on~5~May~2025 no"),
    ],
)
def test_what_answers_nothing_or_is_read_by_its_name_is_not_asked_about(
    header: str, values: str
) -> None:
    assert _asked(header, *values.replace(" ", "|").replace("~", " ").split("|")) == ()


@pytest.mark.parametrize(
    ("header", "said", "others"),
    [
        ("部署", "退職", "広報課 退職手当係 転出入窓口"),
        ("役職", "部長（逝去）", "部長 課長"),
        ("学年", "卒業", "1年 2年"),
        ("住所", "宛所に尋ねあたりません", "東京都千代田区"),
        ("Company", "left-in-2023", "Left-Bank-Books Acme"),
        ("City", "moved-away", "Bath Leeds"),
        ("Abteilung", "ausgeschieden", "Einkauf Versand"),
        ("Ville", "NPAI", "Lyon"),
        ("부서", "퇴사", "총무부"),
    ],
)
def test_a_value_that_says_that_somebody_left_is_asked_about_in_whatever_column(
    header: str, said: str, others: str
) -> None:
    said, *rest = (value.replace("-", " ") for value in (said, *others.split(" ")))
    many = [f"x {at}" for at in range(300)]
    (question,) = _asked(header, *rest, *many, said, said)
    assert question.values == ((said, 2),)
    text = Field(key="part", type=FieldType.TEXT, labels={"en": "x", "ja": header})
    assert [each.values for each in _asked(header, *rest, said, custom=[text])] == [((said, 1),)]


def test_of_a_column_about_something_else_only_who_is_said_to_have_left_is_kept_out(
    sqlite_stage: Stage,
) -> None:
    text = "email,部署\na@x.example,退職\nb@x.example,退職手当係\nc@x.example,広報課\n".encode()
    with pytest.raises(UnclearColumnError, match="部署"):
        import_list(sqlite_stage, text, is_answered=False)
    answers = ColumnAnswers(heeded=["部署"])
    import_list(sqlite_stage, text, answers=answers, is_answered=False)
    assert states_of(sqlite_stage.engine) == {"b": _C, "c": _C}


def test_what_stands_beside_the_table_is_asked_about_or_keeps_its_row_out(
    sqlite_stage: Stage,
) -> None:
    beside = b"email,name,,\na@x.example,A,,\nb@x.example,B,,unsubscribed\nc@x.example,C,,NPAI\n"
    with pytest.raises(UnclearColumnError, match=r"column 4.*unsubscribed: 1"):
        import_list(sqlite_stage, beside, is_answered=False)
    late = b"email,name,,\n" + b"a@x.example,A,,\n" * 40 + b"b@x.example,B,,please remove\n"
    import_list(sqlite_stage, late, is_answered=False)
    assert states_of(sqlite_stage.engine) == {"a": _C}


def test_of_many_values_it_is_asked_where_a_few_are_most_of_them() -> None:
    many = [f"語{at}" for at in range(20)]
    assert _asked("感想", *many) == ()
    assert _asked("感想", *many, *["gern"] * 30, "ungern")


def test_of_remarks_those_that_may_speak_of_mail_are_shown() -> None:
    (question,) = _asked("備考", "茶菓の差し入れあり", "宛先不明で戻る", "")
    assert question.kind is QuestionKind.REMARKS
    assert (question.values, question.others) == ((("宛先不明で戻る", 1),), 1)


def test_what_a_long_remark_says_at_its_end_is_asked_about_and_shown() -> None:
    before = "Helped at the fair in spring and leads the choir. " * 6
    (question,) = _asked("Remarks", "Leads the choir", f"{before}Wants no newsletter any more.")
    ((shown, _),) = question.values
    assert shown.startswith("…")
    assert shown.endswith("Wants no newsletter any more.")
    assert len(shown) < len(before)


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        ("Email Address,MEMBER_RATING,LAST_CHANGED,LEID,EUID,CC,REGION", "2,2024-01-01,1,b,JP,13"),
        (
            "email,subscribed_to_emails,complimentary_plan,created_at,tiers",
            "true,false,2024-01-01,x",
        ),
        ("email,active_subscription,created_at,plan", "true,2024-01-01,other"),
        (
            "uuid,email,attributes,status,created_at,updated_at",
            "a@x.example,{},enabled,2024-01-01,",
        ),
    ],
)
def test_nothing_is_asked_of_a_known_export_but_what_its_users_added(
    columns: str, row: str
) -> None:
    address = "1" if columns.startswith("uuid") else "a@x.example"
    octets = f"{columns},お便り\n{address},{row},不要\n".encode()
    reader = ListReader(source="l.csv", file_name="l.csv", chosen={}, custom=())
    records = list_records(io.BytesIO(octets), file_name="l.csv", source="l.csv")
    assert [each.column for each in reader.questions(records, 100)] == ["お便り"]


def test_a_field_that_the_newsletter_asks_by_yes_and_no_is_known() -> None:
    known = Field(key="digest", type=FieldType.YES_NO, labels={"ja": "会報"})
    assert _asked("会報", "はい", "いいえ", custom=[known]) == ()
    text = Field(key="digest", type=FieldType.TEXT, labels={"ja": "会報"})
    assert _asked("会報", "はい", "いいえ", custom=[text])


def test_a_question_shows_the_values_and_in_how_many_rows_they_are() -> None:
    (question,) = _asked("会報", "要", "不要", "要", "")
    assert (question.values, question.blanks) == ((("要", 2), ("不要", 1)), 1)


_TEXT = "email,会報\na@x.example,要\nb@x.example,不要\nc@x.example,どちらかといえば\n".encode()


def test_a_list_is_refused_until_it_is_said_what_the_column_is(sqlite_stage: Stage) -> None:
    with pytest.raises(UnclearColumnError, match=r"会報.*不要: 1"):
        import_list(sqlite_stage, _TEXT, is_answered=False)
    assert states_of(sqlite_stage.engine) == {}


def test_a_column_of_states_about_something_else_keeps_nobody_out(sqlite_stage: Stage) -> None:
    octets = "email,ステータス\na@x.example,商談中\nb@x.example,停止\n".encode()
    answers = ColumnAnswers(unrelated=["ステータス"])
    import_list(sqlite_stage, octets, answers=answers, is_answered=False)
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _C}


def test_days_with_a_dot_behind_are_days() -> None:
    (question,) = _asked("gone since", "2.2.2026.", "13. 3. 2025.", "")
    assert question.kind is QuestionKind.DATES


def test_of_mailmans_roles_only_members_are_subscribed(sqlite_stage: Stage) -> None:
    rows = ("a@x.example,member", "b@x.example,nonmember", "c@x.example,owner")
    lines = "".join(f"{row},regular\n" for row in (*rows, "c@x.example,member"))
    import_list(sqlite_stage, f"email,role,delivery_mode\n{lines}".encode(), is_answered=False)
    states = states_of(sqlite_stage.engine)
    assert (states["a"], states.get("b")) == (_C, None)


def test_days_in_two_columns_can_both_be_of_leaving(sqlite_stage: Stage) -> None:
    rows = "a@x.example,0,0\nb@x.example,2023-01-02,0\nc@x.example,0,2024-03-04\n"
    columns = dict.fromkeys(("raus", "weg"), "unsubscribed_at")
    import_list(sqlite_stage, f"email,raus,weg\n{rows}".encode(), columns=columns)
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U, "c": _U}


def test_of_days_that_are_of_confirming_who_has_none_is_pending(sqlite_stage: Stage) -> None:
    rows = "a@x.example,2024-03-04 10:00\nb@x.example,0\nc@x.example,\n"
    import_list(sqlite_stage, f"email,ok\n{rows}".encode(), columns={"ok": "confirmed_at"})
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _P, "c": _P}


def test_of_a_column_that_is_said_to_ask_only_a_yes_subscribes(sqlite_stage: Stage) -> None:
    report, _ = import_list(sqlite_stage, _TEXT, columns={"会報": "opt_in"})
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}
    assert report.refusals == 1


def test_a_column_that_is_said_to_be_about_something_else_keeps_nobody_out(
    sqlite_stage: Stage,
) -> None:
    text = "email,出席状況\na@x.example,出席\nb@x.example,不参加\n".encode()
    answers = ColumnAnswers(unrelated=["出席状況"])
    import_list(sqlite_stage, text, answers=answers, is_answered=False)
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _C}


@pytest.mark.parametrize(
    ("value", "state"),
    [
        ("On Hold Bounce", _U),
        ("退会者", _U),
        ("wypisała się 12.03", None),
        ("物故", None),
        ("不要", _C),
        ("賛助会員", _C),
        ("已退订", None),
        ("수신거부", None),
        ("désabonnée", None),
        ("abbestellt", None),
    ],
)
def test_in_columns_that_are_passed_over_together_who_says_to_have_left_is_kept_out(
    sqlite_stage: Stage, value: str, state: SubscriptionState | None
) -> None:
    answers = ColumnAnswers(passed_over=["会員区分"])
    import_list(sqlite_stage, f"email,会員区分\na@x.example,{value}\n".encode(), answers=answers)
    assert states_of(sqlite_stage.engine).get("a") is state


@pytest.mark.parametrize(
    ("value", "state"),
    [("탈퇴", None), ("已离职", None), ("物故", None), ("退会", _U), ("VIP", _C)],
)
def test_in_remarks_that_are_passed_over_together_who_says_to_have_left_is_kept_out(
    sqlite_stage: Stage, value: str, state: SubscriptionState | None
) -> None:
    answers = ColumnAnswers(passed_over=["备注"])
    import_list(sqlite_stage, f"email,备注\na@x.example,{value}\n".encode(), answers=answers)
    assert states_of(sqlite_stage.engine).get("a") is state


@pytest.mark.parametrize(
    "remark", ["已离职", "퇴사", "전출", "物故", "廃業", "请勿再寄", "revocato"]
)
def test_a_remark_that_tells_of_leaving_in_a_column_of_remarks_is_asked_about(remark: str) -> None:
    (question,) = _asked("备注", "", remark, "VIP客户", "")
    assert question.kind is QuestionKind.REMARKS
    assert [value for value, _count in question.values] == [remark]


@pytest.mark.parametrize(
    ("header", "b"),
    [("同意日", _P), ("Consent date", _P), ("Opt-in date", _P), ("登録日", _C), ("Joined", _C)],
)
def test_of_days_of_consent_who_has_none_is_pending_and_of_joining_not(
    sqlite_stage: Stage, header: str, b: SubscriptionState
) -> None:
    rows = f"email,{header}\na@x.example,2025-01-01\nb@x.example,\n"
    import_list(sqlite_stage, rows.encode())
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": b}


def test_words_of_vietnamese_are_read_as_wholes(sqlite_stage: Stage) -> None:
    """“Trạng” and “động” do not end with “ng”, no good."""
    rows = "email,Trạng thái\na@x.example,Hoạt động\n"
    import_list(sqlite_stage, rows.encode())
    assert states_of(sqlite_stage.engine).get("a") is not _U


@pytest.mark.parametrize("answers", [ColumnAnswers(), ColumnAnswers(unrelated=["UNSUB_TIME"])])
def test_of_an_export_of_who_left_it_is_asked_whether_others_were_added(
    sqlite_stage: Stage, answers: ColumnAnswers
) -> None:
    octets = (
        b"Email Address,MEMBER_RATING,LAST_CHANGED,LEID,UNSUB_TIME\n"
        b"a@x.example,2,2024-01-01,1,\nb@x.example,2,2024-01-01,2,2024-05-01 10:00:00\n"
    )
    if not answers.unrelated:
        with pytest.raises(UnclearColumnError, match="UNSUB_TIME"):
            import_list(sqlite_stage, octets, is_answered=False)
        return
    import_list(sqlite_stage, octets, is_answered=False, answers=answers)
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}


@pytest.mark.parametrize(
    ("beside", "state"), [("Do Not Email", _C), ("Do not allow Emails", _U), ("", _U)]
)
def test_mail_is_post_where_another_column_is_of_email(
    sqlite_stage: Stage, beside: str, state: SubscriptionState
) -> None:
    octets = f"Email,Do Not Mail,{beside}\na@x.example,Yes,No\n".encode()
    import_list(sqlite_stage, octets)
    assert states_of(sqlite_stage.engine) == {"a": state}


@pytest.mark.parametrize(
    "octets",
    [
        "Name,Email,お名前,メールアドレス\nAnn L,anonymous,安 蘭,a@x.example\n",
        "Name,メール,お名前\n,a@x.example,安 蘭\n",
        "Display Name,Primary Email,Secondary Email\n安 蘭,a@x.example,b@x.example\n",
    ],
)
def test_of_two_names_or_addresses_those_that_were_asked_for_are_taken(
    sqlite_stage: Stage, octets: str
) -> None:
    import_list(sqlite_stage, octets.encode())
    with reading(sqlite_stage.engine) as session:
        rows = session.execute(
            select(SubscriberRow.address, SubscriptionRow.name).join_from(
                SubscriptionRow, SubscriberRow
            )
        ).all()
    assert list(map(tuple, rows)) == [("a@x.example", "安 蘭")]


def test_of_remarks_that_are_heeded_none_that_speaks_of_mail_is_subscribed(
    sqlite_stage: Stage,
) -> None:
    text = "email,備考\na@x.example,席は前\nb@x.example,宛先不明\nc@x.example,引っ越された\n"
    answers = ColumnAnswers(heeded=["備考"])
    import_list(sqlite_stage, text.encode(), answers=answers, is_answered=False)
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}


def test_a_column_that_was_left_out_by_name_is_not_asked_about_and_a_plain_no_counts(
    sqlite_stage: Stage,
) -> None:
    text = "email,状況\na@x.example,甲\nb@x.example,退会\n".encode()
    answers = ColumnAnswers(left_out=["状況"])
    import_list(sqlite_stage, text, columns={"状況": "-"}, answers=answers, is_answered=False)
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}


_WITHIN = (
    b'{"email": "a@x.example", "attributes": {"newsletter": true}}\n'
    b'{"email": "b@x.example", "attributes": {"newsletter": false}}\n'
    b'{"email": "c@x.example", "wishes": {"post": "nie"}, "topics": []}\n'
    b'{"email": "d@x.example", "topics": ["news"]}\n'
)


def test_a_key_within_an_object_is_asked_about_and_answered(sqlite_stage: Stage) -> None:
    with pytest.raises(UnclearColumnError) as caught:
        import_list(sqlite_stage, _WITHIN, name="l.jsonl", is_answered=False)
    asked = [each.column for each in caught.value.questions]
    assert asked == ["attributes.newsletter", "wishes.post", "topics"]
    columns = {"attributes.newsletter": "opt_in", "wishes.post": "disabled", "topics": "disabled"}
    import_list(sqlite_stage, _WITHIN, name="l.jsonl", columns=columns, is_answered=False)
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U, "c": _U, "d": _U}


def test_a_row_that_is_struck_out_beside_the_name_is_not_subscribed(sqlite_stage: Stage) -> None:
    struck = (
        "村上春（退会）",
        "【休会中】遠藤",
        "青木 ※配信不要",
        "DELETED Ed Elm",
        "Gus Gum (left)",
        "† Bernd Holz",
        "Ute Holz†",
        "削除 水野",
    )
    unclear = ("水野(宛名は旧姓)", "Dan left", "Uwe Ast (verst.)", "Иван Петров (выбыл)")
    others = ("金子(旧姓 林)", "Lefty Deleteman")
    rows = [f"a{at}@x.example,{name}" for at, name in enumerate((*struck, *unclear, *others))]
    import_list(sqlite_stage, "\n".join(("email,name", *rows)).encode())
    states = [states_of(sqlite_stage.engine).get(f"a{at}") for at in range(len(rows))]
    assert states == [_U] * len(struck) + [None] * len(unclear) + [_C] * len(others)


@pytest.mark.parametrize(
    ("columns", "row", "expected"),
    [
        ("frequency", "never", _U),
        ("tags", '"vip, kein Rundbrief"', None),
        ("tags", '"vip, unsubscribed"', _U),
        ("confirmed_at", "", _P),
        ("newsletter,opt_out", "yes,yes", _U),
        ("購読,退会日", "はい,2024-02-03", _U),
    ],
)
def test_what_a_column_of_ours_says_against_mail_counts_whatever_another_says(
    sqlite_stage: Stage, columns: str, row: str, expected: SubscriptionState | None
) -> None:
    import_list(sqlite_stage, f"email,{columns}\na@x.example,{row}\n".encode())
    assert states_of(sqlite_stage.engine).get("a") is expected


@pytest.mark.parametrize(
    "columns", ["Newsletter,DM可", "メルマガ配信希望,Weekly newsletter", "状態,購読状況"]
)
def test_who_leaves_each_of_several_columns_blank_is_not_subscribed(
    sqlite_stage: Stage, columns: str
) -> None:
    text = f"email,{columns}\na@x.example,,\nb@x.example,可,\nc@x.example,,可\n"
    import_list(sqlite_stage, text.encode(), is_answered=False)
    assert states_of(sqlite_stage.engine) == {"b": _C, "c": _C}


_LATE = b'{"email": "a@x.example"}\n' * 3 + b'{"email": "b@x.example", "digest": false}\n'


def test_a_column_that_comes_late_in_json_lines_is_asked_about_and_answered(
    sqlite_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = ListReader(source="l", file_name="l.jsonl", chosen={}, custom=())
    records = list_records(io.BytesIO(_LATE), file_name="l.jsonl", source="l")
    (question,) = reader.questions(records, 1)
    assert (question.column, question.values, question.blanks) == ("digest", (("false", 1),), 3)
    monkeypatch.setattr("subscribers.lists.imports.imports._CHUNK", 1)
    chosen = {"digest": "opt_in"}
    import_list(sqlite_stage, _LATE, name="l.jsonl", columns=chosen, is_answered=True)
    assert states_of(sqlite_stage.engine) == {"b": _U}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("SMS_BLACKLISTED", "Yes"),
        ("SMS Marketing Consent", "NEVER_SUBSCRIBED"),
        ("電話拒否", "拒否"),
        ("Do Not Phone", "1"),
        ("Push opt-out", "opted out"),
        ("payment_status", "failed"),
        ("Order status", "unsubscribed plan"),
        ("newsletter_lang", "en"),
    ],
)
def test_what_is_said_of_another_way_or_thing_keeps_nobody_from_mail(
    sqlite_stage: Stage, header: str, value: str
) -> None:
    import_list(sqlite_stage, f"email,{header}\na@x.example,{value}\nb@x.example,\n".encode())
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _C}


@pytest.mark.parametrize(
    ("header", "values", "first"),
    [
        ("会報", "要る 不要 どちらでも", "state"),
        ("Gazette", "yes ", "opt_in"),
        ("Uitgeschreven", "ja nee", "disabled"),
        ("Désinscrite", "oui non", "disabled"),
        ("Отписан", "да нет", "disabled"),
        ("Is this user disabled", "0 1", "disabled"),
        ("Last order cancelled", "yes no", "disabled"),
        ("activated", "2023-03-01 ", "confirmed_at"),
        ("I do not want your newsletter", "yes no", "state"),
        ("Zgoda", "TAK NIE wycofana", "state"),
        ("退職", "在職 退職", "state"),
        ("Alta/Baja", "Alta Baja", "state"),
        ("Gazette", "x ", "state"),
        ("回覧方法", "メール 紙 両方", "state"),
        ("s", "A U A B", "state"),
        ("Date de sortie", "31/08/2023 ", "unsubscribed_at"),
        ("備考", "引っ越しのため3月で終わり お菓子の差し入れ", "remark"),
    ],
)
def test_the_first_answer_offered_is_what_a_column_most_likely_is(
    header: str, values: str, first: str
) -> None:
    (question,) = _asked(header, *values.split(" "))
    assert question.likely == next(iter(question.choices)) == first


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (
            "ja nein nee",
            "Konto gesperrt|Mailsperre|Newsletter gesperrt|afgemeld|Zustellung fehlgeschlagen",
        ),
        ("oui non", "compte bloqué|compte suspendu|adresse invalide"),
        ("sí no", "bloqueado|dado de baja|rebotado"),
        ("TAK NIE", "Karta anulowana|konto zablokowane|Zgoda na newsletter anulowana"),
        ("да нет", "Заблокирован|аккаунт удалён|Рассылка заблокирована"),
        ("ja nej", "spärrad|avregistrerad"),
        ("evet hayır", "engellendi|abonelik iptal"),
        ("是 否", "被封锁|账号停用|黑名单|订阅已过期"),
        (
            "はい いいえ",
            "エラーアドレス|メール受信エラー|購読やめた|お知らせ打ち切り|購読期限切れ",
        ),
    ],
)
def test_a_yes_below_a_name_of_leaving_or_blocking_is_never_offered_as_consent(
    values: str, names: str
) -> None:
    yes, no = values.split(" ")[:2]
    offered = {
        name: [each.likely for each in _asked(name, no, yes, no)] for name in names.split("|")
    }
    assert {name: each for name, each in offered.items() if each != ["disabled"]} == {}


@pytest.mark.parametrize(
    "name",
    ["Karta glorpana", "owns a bicycle", "Newsletter glorptad", "unwanted newsletter", "Pies"],
)
def test_a_yes_below_a_name_that_is_not_understood_is_asked_about_with_no_answer_offered(
    name: str,
) -> None:
    assert [each.likely for each in _asked(name, "yes", "no", "yes")] == [""]


@pytest.mark.parametrize("name", ["Last opened", "最后打开", "Discharge", "End Date"])
def test_a_date_below_a_name_that_is_not_understood_is_not_offered_as_that_of_leaving(
    name: str,
) -> None:
    assert [each.likely for each in _asked(name, "2026-01-31", "", "2026-02-01")] == [""]


@pytest.mark.parametrize(
    ("header", "values", "left"),
    [
        ("印", "× . ×", "a c"),
        ("印", "○ × .", "a"),
        ("Mark", "x . X", "a c"),
        ("Rundbrief", "nein . .", "a"),
        ("会報", "なし . なし", "a c"),
        ("Uitgeschreven", "nee ja nee", "b"),
        ("Uitgeschreven", "nee . nee", ""),
        ("Désinscrit", "non oui non", "b"),
        ("Odhlášen", "ne ano .", "b"),
        ("Abgemeldet", "FALSCH WAHR FALSCH", "b"),
        ("탈퇴", "아니오 예 .", "b"),
        ("flag", "0 1 .", "b"),
        ("退会", "× ○ ×", "b"),
        ("退会", "× . .", "a"),
        ("停止希望", "✕ . .", "a"),
        ("退会希望", "× ○ ×", "b"),
    ],
)
def test_whoever_has_an_entry_is_kept_from_mail_and_a_no_beside_a_yes_is_none(
    sqlite_stage: Stage, header: str, values: str, left: str
) -> None:
    cells = [value.strip(".") for value in values.split()]
    rows = "".join(f"{name}@x.example,{cell}\n" for name, cell in zip("abc", cells, strict=True))
    columns = {} if header.startswith(("退会", "停止")) else {header: "disabled"}
    text = f"email,{header}\n{rows}".encode()
    import_list(sqlite_stage, text, columns=columns, is_answered=False)
    assert states_of(sqlite_stage.engine) == {name: _U if name in left else _C for name in "abc"}


def test_remarks_that_begin_with_days_are_remarks_and_no_days() -> None:
    (asked,) = _asked("備考", "R7.4 転出", "逝去(R6.12)", "班長", "", "")
    assert asked.kind is QuestionKind.REMARKS
