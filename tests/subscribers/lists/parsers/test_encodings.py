"""In which encoding a list is, of whatever country; what is unclear is asked."""

from __future__ import annotations

import io
import re
import unicodedata

import pytest

from newsletter.errors import ListError
from subscribers.lists.parsers.decoding import find_encoding, text_lines
from subscribers.lists.parsers.encodings import require_encoding

_LISTS = {
    "french": "nom;prénom;ville\nDupré;Hélène;Besançon\nLefèvre;François;Orléans\n",
    "german": "name;ort\nMüller;Köln\nJörg Weiß;Fürth\n",
    "portuguese": "nome\nJoão Conceição\nGonçalves\n",
    "danish": "navn\nSøren Ærø\nÅse\n",
    "czech": "jméno\nKateřina Dvořáková\nŽofie Šťastná\n",
    "polish": "imię\nŁukasz Wójcik\nGrażyna Śliwińska\nMichał Ząbek\n",
    "hungarian": "név\nKovács Győző\nSzűcs Ödön\n",
    "russian": "имя;город\nИванов Иван;Москва\nПетрова Анна;Казань\n",
    "greek": "όνομα;πόλη\nΓιώργος Παπαδόπουλος;Αθήνα\n",
    "turkish": "ad;şehir\nAyşe Yılmaz;İstanbul\nÇağrı Öztürk;Eskişehir\n",
    "lithuanian": "vardas\nŽydrūnas Šarūnas\nJūratė Kazlauskienė\n",
    "japanese": "氏名,部署\n田中太郎,総務課\n山本花子,広報課\n",
    "wide": (
        "番号,氏名,Ｅメール\n００１,伊藤　恵,ｉｔｏ．ｍｅｇｕｍｉ＠ｅｘａｍｐｌｅ．ｃｏｍ\n"
        "００２,呉　誠,ｇｏ＿２＠ｅｘａｍｐｌｅ．ｎｅｔ\n"
    ),
    "kana": "name\nﾀﾅｶ ﾀﾛｳ\nｽｽﾞｷ\n",
    "chinese": "姓名,城市\n王小明,北京\n李娜,上海\n",
    "taiwanese": "姓名,城市\n王小明,臺北\n陳怡君,高雄\n",
    "korean": "이름,지역\n김서연,부산\n박민준,서울\n",
    "hebrew": "שם,עיר,מצב\nדוד כהן,חיפה,פעיל\nרחל לוי,ירושלים,בוטל\n",
    "arabic": "الاسم,المدينة\nمريم الحداد,عمان\nيوسف العمري,بيروت\nليلى حسن,القاهرة\n",
    "thai": "ชื่อ,จังหวัด\nสมชาย ใจดี,เชียงใหม่\nสมหญิง รักไทย,กรุงเทพ\n",
    "irish": "name\nPat O’Brien\n",
}


def _octets(text: str, encoding: str) -> bytes:
    return text.replace("\n", ";a@b.example\n").encode(encoding)


def _with_tones_last(text: str) -> str:
    """Return a text whose letters have the marks of Vietnamese tones apart, as Windows-1258 has."""
    letters = unicodedata.normalize("NFD", text)
    # Behind the other marks, with which letters are one: ê, ă, ơ.
    ordered = re.sub("([\u0300\u0301\u0303\u0309\u0323])([\u0302\u0306\u031b])", r"\2\1", letters)
    parts = re.split("([\u0300\u0301\u0303\u0309\u0323])", ordered)
    return "".join(unicodedata.normalize("NFC", part) for part in parts)


@pytest.mark.parametrize(
    ("country", "encodings"),
    [
        ("french", "cp1252 iso8859-1 mac_roman cp850 utf-8 utf-16-le utf-16-be"),
        ("german", "cp1252 iso8859-1 mac_roman cp850"),
        ("portuguese", "cp1252 iso8859-1"),
        ("danish", "cp1252 iso8859-1"),
        ("czech", "cp1250 iso8859-2"),
        ("polish", "cp1250 iso8859-2"),
        ("hungarian", "cp1250 iso8859-2"),
        ("russian", "cp1251 koi8-r"),
        ("greek", "cp1253"),
        ("turkish", "cp1254"),
        ("lithuanian", "cp1257"),
        ("japanese", "cp932 euc_jp utf-16-le utf-16-be iso2022_jp"),
        ("wide", "cp932 euc_jp utf-16-le"),
        ("kana", "cp932"),
        ("chinese", "gb18030 gbk"),
        ("taiwanese", "big5"),
        ("korean", "euc_kr cp949"),
        ("hebrew", "cp1255"),
        ("arabic", "cp1256"),
        ("thai", "cp874 tis-620"),
        ("irish", "cp1252"),
    ],
)
def test_lists_of_other_countries_are_read_with_their_own_letters(
    country: str, encodings: str
) -> None:
    for encoding in encodings.split():
        stream = io.BytesIO(_octets(_LISTS[country], encoding))
        find_encoding(stream, source="l.csv")
        lines = "".join(text_lines(stream, source="l.csv"))
        assert lines.encode() == _octets(_LISTS[country], "utf-8"), encoding


def test_tones_that_are_marks_of_their_own_become_letters() -> None:
    text = "Họ tên,email\nNguyễn Văn An,a@b.example\nTrần Thị Bình,c@d.example\n"
    stream = io.BytesIO(_with_tones_last(text).encode("cp1258"))
    assert find_encoding(stream, source="l.csv").encoding == "cp1258"
    assert "".join(text_lines(stream, source="l.csv")) == text


@pytest.mark.parametrize(
    ("text", "encoding", "readings"),
    [
        ("nombre\nMuñoz\nPeña\n", "cp1252", "Windows-1252 (Muñoz and Peña).*Windows-1250 (Muńoz"),
        ("name\n田中太郎\n", "euc_jp", "EUC-JP (田中太郎) and GB18030 (拍面吕虾)"),
    ],
)
def test_letters_that_two_encodings_read_alike_well_are_asked_about(
    text: str, encoding: str, readings: str
) -> None:
    pattern = readings.replace("(", r"\(").replace(")", r"\)")
    octets = _octets(text, encoding)
    with pytest.raises(ListError, match=rf"l\.csv:2: .*{pattern}.*--encoding {encoding}"):
        list(text_lines(io.BytesIO(octets), source="l.csv"))
    chosen = require_encoding(encoding)
    lines = text_lines(io.BytesIO(octets), source="l.csv", encoding=chosen)
    assert "".join(lines) == octets.decode(encoding)


def test_it_is_said_which_encoding_was_read_with_words_that_show_it() -> None:
    found = find_encoding(io.BytesIO(_octets(_LISTS["french"], "cp1252")), source="l.csv")
    assert str(found.described) == "Windows-1252 (prénom, Dupré and Hélène)"
    found = find_encoding(io.BytesIO(_octets(_LISTS["japanese"], "cp932")), source="l.csv")
    assert not found.words


def test_signs_that_set_off_headings_and_arrows_are_at_home_in_japanese() -> None:
    memo = "連絡先\n◆送ってよい人\n斎藤 a@x.example\n◆もう送らない人\n柴田 b@x.example ←本人から\n"
    found = find_encoding(io.BytesIO(memo.encode("cp932")), source="memo.txt")
    assert found.encoding == "cp932"


def test_a_line_beyond_the_beginning_that_is_in_another_encoding_is_named() -> None:
    octets = _octets(_LISTS["polish"], "cp1250") * 9_000 + b"\x81\x83\n"
    with pytest.raises(ListError, match=r"l\.csv:36001: This line is not in Windows-1250"):
        list(text_lines(io.BytesIO(octets), source="l.csv"))


def test_octets_that_are_in_no_encoding_are_refused() -> None:
    octets = b"name\n" + "Müller\n".encode("cp1252") + "山田\n".encode("cp932")
    with pytest.raises(ListError, match=r"l\.csv:2: The encoding of the list"):
        list(text_lines(io.BytesIO(octets + b"\x00\xff\x81\n"), source="l.csv"))


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("Latin1", "cp1252"), ("sjis", "cp932"), ("euc-kr", "cp949"), ("windows-1251", "cp1251")],
)
def test_an_encoding_is_chosen_by_any_of_its_names(name: str, encoding: str) -> None:
    assert require_encoding(name) == encoding


@pytest.mark.parametrize("name", ["", "hex", "klingon", "rot13"])
def test_what_is_no_encoding_of_lists_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(ListError, match="cp1252"):
        require_encoding(name)


def test_a_file_of_an_office_program_is_named_before_its_encoding_is_sought() -> None:
    octets = b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00\x21\x00\xb5\x9a\x8d\xf1\n\xff\x81"
    with pytest.raises(ListError, match="Word, Excel"):
        find_encoding(io.BytesIO(octets), source="members.xlsx")


#: Lists with a header of their own language and one in ASCII.
_FURTHER = {
    "iso8859-5": "имя;город\nСергей Волков;Самара\nОльга Лебедева;Тверь\nАртём Чехов;Омск\n",
    "mac_cyrillic": "имя;город\nСергей Волков;Самара\nОльга Лебедева;Тверь\n",
    "iso8859-6": "الاسم;المدينة\nأحمد منصور;بغداد\nفاطمة الزهراء;الرباط\n",
    "iso8859-7": "όνομα;πόλη\nΕλένη Ιωάννου;Πάτρα\nΆννα Ψαρρού;Χανιά\n",
    "big5": "姓名;城市\n林志玲;臺中\n黃雅婷;新竹\n許家豪;屏東\n蔡宗翰;嘉義\n",
    "gb18030": "姓名;城市\n赵敏;广州\n孙悟空;深圳\n周杰伦;杭州\n",
    "cp874": "ชื่อ;จังหวัด\nประเสริฐ ทองดี;ขอนแก่น\nมาลี ศรีสุข;ภูเก็ต\n",
}


@pytest.mark.parametrize("header", ["", "name;city\n"])
@pytest.mark.parametrize("encoding", _FURTHER)
def test_no_list_comes_in_with_other_letters_unseen(encoding: str, header: str) -> None:
    text = header + _FURTHER[encoding].partition("\n")[2] if header else _FURTHER[encoding]
    octets = _octets(text, encoding)
    try:
        read = "".join(text_lines(io.BytesIO(octets), source="l.csv"))
    except ListError:
        return  # It is asked.
    assert read == octets.decode(encoding)
