"""Slips of the pen in Japanese and English: what is told, and what is right and is not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from newsletter.issues.checks.findings import Finding
from newsletter.issues.checks.japanese import read_japanese
from newsletter.issues.checks.spelling import check_spelling
from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.model import Issue
from newsletter.issues.walking import walk_passages
from tests.support.growth import assert_linear


def _issue(words: str) -> Issue:
    text = f"---\ntitle: 号\ndate: 2027-01-05\n---\n\n{words}\n"
    return read_markdown(text, source="text")[0]


def _findings(words: str) -> list[Finding]:
    return _findings_of(_issue(words))


def _findings_of(issue: Issue) -> list[Finding]:
    return list(check_spelling(issue))


def _codes(words: str) -> list[str]:
    return [finding.code for finding in _findings(words)]


@pytest.mark.parametrize(
    "words",
    [
        "X社と共同で実します。",
        "事業を施設で展します。",
        "町が導する予定です。",
        "会場を準しました。",
        "開催日を確認てください。",
        "多くの方が参加ました。",
        "説明会を実施ます。",
    ],
)
def test_a_noun_that_lost_a_letter_is_told(words: str) -> None:
    assert _codes(words) == ["spelling-lost"]


@pytest.mark.parametrize(
    "words",
    [
        "実施します。展開する予定です。導入しました。",
        "愛する町に関する質問に対しては、係が接します。",
        "資料を示します。席を移しました。返しません。渡しました。",
        "会を催します。費用を要する場合があります。",
        "データを削除しますか。メールします。コピーしました。",
        "3を足します。A社を訳します。",
        "人々のの暮らし。母の日。ははは。とと。もも。",
        "サーバーとサーバー室。",
        "申し込みは申込書で、申込先は町です。受け付けは受付係へ。",
        "使うことができ、使えます。選ぶ方は選べます。組の人数と組み合わせ。",
        "こちらを見てください。見て頂く方、いただくもの。",
        "話をします。話し合い。光と光り。",
        "スミルノフさんとコメダ、サンドラッグ、デジハリのツイキャス。ヴァイオリンの会。",
        "カンマとトレイ、エンターテイメント。サーバやブラウザ。ゼロカーボンとヤングケアラー。フレイルのワークショップ。",
        "講座って何。電話でした。参加したり、確認してから案内します。受付から入る。",
    ],
)
def test_what_is_right_is_not_told(words: str) -> None:
    assert _codes(words) == []


def test_a_particle_twice_and_two_spellings_of_a_word_are_told() -> None:
    assert _codes("結果をを公表します。") == ["spelling-particle"]
    assert _codes("市がが対応します。") == ["spelling-particle"]
    assert _codes("お申込みは、申し込みフォームへ。") == ["spelling-two"]
    assert _codes("サーバの更新とサーバー室の移転。") == ["spelling-two"]
    assert _codes("お問合せは係へ。お問い合わせは係へ。") == ["spelling-two"]


@pytest.mark.parametrize(
    ("words", "spellings"),
    [
        ("手続は郵送で。手続きは窓口で。", "手続、手続き"),
        ("引越しの季節です。引っ越しの届出。", "引越し、引っ越し"),
        ("新しいブラウザを開く。ブラウザーを閉じる。", "ブラウザ、ブラウザー"),
        ("コンマで区切る。カンマでもよい。", "コンマ、カンマ"),
        ("書類を取扱う課。書類を取り扱う係。", "取扱う、取り扱う"),
    ],
)
def test_two_spellings_that_the_dictionary_knows_for_one_word_are_told(
    words: str, spellings: str
) -> None:
    (finding,) = _findings(words)
    assert finding.code == "spelling-two"
    assert spellings in str(finding.message)


def test_a_long_run_of_katakana_is_checked_in_time_that_grows_as_it_does() -> None:
    def read(text: str) -> None:
        read_japanese.cache_clear()
        read_japanese(text)

    assert_linear(read, lambda length: "ア" * length, size=1_600)


@pytest.mark.parametrize(
    ("words", "word", "near"),
    [
        ("災害のシュミレーションです。", "シュミレーション", "シミュレーション"),
        ("町のカレンターを配ります。", "カレンター", "カレンダー"),
        ("ワークショプを開きます。", "ワークショプ", "ワークショップ"),
        ("ボランテイアを募集します。", "ボランテイア", "ボランティア"),
        ("アンケードにご協力を。", "アンケード", "アンケート"),
    ],
)
def test_a_slip_in_katakana_is_told_with_the_word_it_stands_for(
    words: str, word: str, near: str
) -> None:
    (finding,) = _findings(words)
    assert (finding.code, finding.about) == ("spelling-word", word)
    assert near in str(finding.act)
    assert finding.fix is not None
    assert _findings_of(finding.fix(_issue(words))) == []


@pytest.mark.parametrize(
    ("words", "word", "near"),
    [
        ("The comittee meets on Friday.", "comittee", "committee"),
        ("Please recieved the definately new form.", "definately", "definitely"),
        ("Then thier bus leaves.", "thier", "their"),
        ("会場はconferense roomです。", "conferense", "conference"),
        ("Accomodation is included in the fee.", "Accomodation", "Accommodation"),
        ("We recieve your mesage.", "mesage", "message"),
        ("The occured events of a seperate kind.", "seperate", "separate"),
    ],
)
def test_an_english_word_that_no_dictionary_has_is_told_with_the_nearest(
    words: str, word: str, near: str
) -> None:
    findings = {finding.about: finding for finding in _findings(words)}
    finding = findings[word]
    assert finding.code == "spelling-word"
    assert near in str(finding.act)
    issue = _issue(words)
    assert finding.fix is not None
    assert dict(walk_passages(finding.fix(issue)))[finding.place] == words.replace(word, near)


@pytest.mark.parametrize(
    "words",
    [
        "Colour and color, organise and organize, the theatre’s centre, don’t and isn't.",
        "Listmonk, Keila, Mautic and Yamada-san met at NTT in Hachinohe with iPhones.",
        "See https://exmaple.example/recieve or mail recieve@exmaple.example, `recieve`.",
        "Die Sitzung beginnt um neun Uhr und endet gegen elf Uhr im Rathaus.",
        "La réunion commence à neuf heures et finit vers onze heures à la mairie.",
        "Use redis, imaps, dkim and pids.",
        "Webhooks, URLs, subscribers’ hashtags and a webinar in kanji.",
        "版はv2.3betaで、ファイルはreport_fnal.pdfです。",
        "That that is, is. He had had enough. Very very good.",
    ],
)
def test_names_addresses_code_and_other_languages_are_no_misspelled_english(words: str) -> None:
    assert _codes(words) == []


def test_an_english_word_written_twice_is_told() -> None:
    assert _codes("Bring it to the the office.") == ["spelling-twice"]


def test_a_word_of_the_newsletters_own_dictionary_is_right_there() -> None:
    assert list(check_spelling(_issue("Our aikidou hall."))) != []
    assert list(check_spelling(_issue("Our AIKIDOU or aikidou hall."), {"aikidou"})) == []
    assert list(check_spelling(_issue("手続は郵送で。手続きは窓口で。"), {"手続き"})) == []


def test_several_threads_check_at_once() -> None:
    issues = [_issue(f"手続は{n}月。手続きは窓口で。") for n in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda issue: len(list(check_spelling(issue))), issues))
    assert found == [1] * 40
