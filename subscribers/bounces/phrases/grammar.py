"""Grammar: what is spoken of beside what is said of it, for words that no list of phrases foresees.

A phrase is one system's wording; that a person's or a mailbox's name stands next to a word for
"unknown" or "full" is what they have in common, in whatever language. One side of a pair alone says
nothing: "unknown command" and "account settings" are as common.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

#: Between the two: a few words of one clause, names, addresses and quotes among them.
_WITHIN_CLAUSE = r"[^.;!?]{0,40}?"

PERSON = (
    r"(?:e-?mail |local |virtual |end )?(?:user|recipient|addressee)s?(?:name| name| id|-id)?",
    r"mail ?box(?:es)?",
    r"(?:e-?mail |user |mail )?accounts?",
    r"(?:e-?mail |mail |recipient |destination )?address(?:es)?",
    r"alias(?:es)?",
    r"local[- ]part",
    r"login(?: name)?",
    r"person",
    r"people",
    r"employee",
    r"customer",
    r"subscriber",
    r"rcpt(?: to)?",
    # German, Dutch, Swedish, Danish
    r"benutzer(?:name|konto)?",
    r"empf(?:ä|ae)nger(?:adresse)?",
    r"adressat",
    r"teilnehmer",
    r"(?:e-?mail-?)?adresse?",
    r"postfach",
    r"konto",
    r"gebruiker",
    r"ontvanger",
    r"geadresseerde",
    r"postvak",
    r"användaren?",
    r"mottagaren?",
    r"modtageren?",
    r"bruger(?:en)?",
    # French, Spanish, Catalan, Portuguese, Italian
    r"utilisateur",
    r"destinataire",
    r"bo[iî]te(?: aux lettres)?",
    r"compte",
    r"abonné",
    r"usu[aá]rio",
    r"destinat[aá]rio",
    r"cuenta",
    r"conta",
    r"buz[oó]n",
    r"direcci[oó]n",
    r"endere[cç]o",
    r"caixa postal",
    r"utente",
    r"casella(?: postale)?",
    r"indirizzo",
    # Polish, Czech, Russian, Turkish
    r"u[zż]ytkownika?",
    r"odbiorc[ay]",
    r"skrzynk[ai]",
    r"adres(?:at)?",
    r"u[zž]ivatel",
    r"příjemce",
    r"schránka",
    r"пользовател[ьяю]",
    r"получател[ьяю]",
    r"адресата?",
    r"адрес",
    r"(?:почтов\w{1,5} )?ящика?",
    r"kullanıcı",
    r"alıcı",
)
ABSENT = (
    r"unkno?wn",
    r"not (?:been )?(?:found|known|exist|valid|recogni[sz]ed|registered|local|defined|hosted)",
    r"not (?:(?:listed |present )?in|on) (?:the |our |my |this |any )?(?:directory|list|table)",
    r"not (?:(?:listed |present )?in|on) (?:the |our |my |this |any )?(?:database|system|server)",
    r"(?:do|does|did)(?: not|n't) (?:currently )?(?:exist|work here|have an? (?:account|mailbox))",
    r"(?:can ?not|can't|could not|couldn't) be (?:found|located|resolved)",
    r"nobody (?:there|here|of)",
    r"invalid",
    r"non-?existent",
    r"undefined",
    r"(?:has|was|is|been) (?:permanently )?(?:deleted|removed|closed|terminated|expired)",
    r"cancell?ed",
    r"(?:never created|removed|deleted)",
    r"no longer (?:here|in service|exists?|works?|valid|in use|has an?|at this|with (?:us|the))",
    r"(?:has )?left (?:the|our|this|us)",
    r"(?:ist |is |wurde )?(?:unbekannt|gel(?:ö|oe)scht)",
    r"existiert nicht",
    r"ungültig",
    r"nicht (?:gefunden|vorhanden|bekannt|existent)",
    r"nicht mehr vorhanden",
    r"onbekend",
    r"bestaat niet",
    r"niet gevonden",
    r"okänd",
    r"finns inte",
    r"saknas",
    r"findes ikke",
    r"finnes ikke",
    r"ukendt",
    r"ukjent",
    r"inconnue?",
    r"inexistant?e?",
    r"inesistente",
    r"n'existe (?:pas|plus)",
    r"introuvable",
    r"non trouvée?",
    r"invalide",
    r"desconocid[oa]",
    r"inexistente",
    r"no (?:existe|encontrad[oa])",
    r"no se (?:ha )?(?:encuentra|encontrado)",
    r"no v[aá]lid[oa]",
    r"desconhecid[oa]",
    r"n[aã]o (?:existe|encontrad[oa])",
    r"inv[aá]lid[oa]",
    r"sconosciut[oa]",
    r"non (?:esiste|trovat[oa]|valid[oa])",
    r"nie (?:istnieje|znaleziono|znany)",
    r"nieznany",
    r"neexistuje",
    r"nenalezen",
    r"neznámý",
    r"не (?:существует|найден\w{0,2}|зарегистрирован\w{0,2})",
    r"неизвест\w{1,4}",
    r"bulunamadı",
    r"mevcut değil",
)
#: What stands before the person and denies them.
DENIED = (
    r"unkno?wn(?: or \w{1,12})?",
    r"no such",
    r"no(?: (?:local|valid|matching|active|known))?",
    r"not (?:an?|one of our|our|any)(?: (?:valid|known|local|registered|existing|active))?",
    r"is ?n't an?(?: (?:valid|known|local))?",
    r"(?:do|does)(?: not|n't) have an?y?",
    r"invalid",
    r"bad",
    r"non-?existent",
    r"not existing",
    r"un(?:deliver|rout)e?able",
    r"do(?:es)?(?: not|n't) know(?: of)?(?: an?y?| the)?",
    r"unrecogni[sz]ed",
    r"undefined",
    r"there is no(?:body|t an?)?",
    r"have no",
    r"(?:can ?not|can't|could not|couldn't|unable to|did not) (?:find|locate)(?: the| an?| any)?",
    r"(?:unbekannter?|kein(?:e|en)?)",
    r"onbekende?",
    r"okänd",
    r"ukendt",
    r"ukjent",
    r"nieznany",
    r"neznámý",
    r"nie ma takiego",
    r"неизвестный",
    r"нет тако(?:го|й)",
    r"не найден",
    r"нет",
    r"no existe (?:el|la|ese|esa|tal)",
    r"aucune?",
    r"pas d['e]",
    r"nessun[ao]?",
)
#: No spaces there; the order of the two differs.
PERSON_UNSPACED = (
    "ユーザー?",
    "宛先",
    "あて先",
    "受信者",
    "受取人",
    "アカウント",
    "メールアドレス",
    "アドレス",
    "メールボックス",
    "用户",
    "用戶",
    "收件人",
    "邮箱",
    "郵箱",
    "[帐账帳][号户號戶]",
    "信箱",
    "사용자",
    "수신자",
    "받는 사람",
    "메일 주소",
    "계정",
)
ABSENT_UNSPACED = (
    "存在しま(?:せん|せぬ)",
    "存在しない",
    "見つかりません",
    "見つけられません",
    "いません",
    "ありません",
    "不明",
    "無効",
    "登録されていません",
    "削除され",
    "間違",
    "誤り",
    "不存在",
    "未找到",
    "找不到",
    "无效",
    "無此",
    "查无",
    "없습니다",
    "존재하지 않",
    "찾을 수 없",
)
SENDER = (
    # "Returned to sender" is about nobody.
    r"(?<!to )(?<!to the )(?:envelope |your |mail )?senders?",
    r"mail from:?",
    r"from(?: address|:)",
    r"return[- ]path",
    r"reverse[- ]path",
    r"originator",
    r"he?lo",
    r"ehlo",
    r"hostname of the client",
    r"client host",
    r"absender",
    r"expéditeur",
    r"remitente",
    r"remetente",
    r"mittente",
    r"отправител[ья]",
)
SENDER_UNSPACED = ("送信元", "送信者", "差出人", "发件人", "寄件人", "발신자", "보낸 사람")
ROOM = (
    r"mail ?(?:box|fold(?:er)?|drop|dir|spool|storage)",
    r"inbox",
    r"(?:disk |storage |mail )?quota",
    r"(?:disk |storage )?space",
    r"storage",
    r"postfach",
    r"mailbox",
    r"postvak",
    r"brevlåda",
    r"bo[iî]te(?: aux lettres)?",
    r"buz[oó]n",
    r"casella",
    r"caixa(?: postal| de correio)?",
    r"skrzynka",
    r"schránka",
    r"(?:почтовый )?ящик",
    r"kutusu",
)
FULL = (
    r"full",
    r"over (?:its|his|her|their|the)? ?(?:\w{1,12} )?(?:quota|limit|size)",
    r"exceed(?:s|ed|ing)?",
    r"exhausted",
    r"used up",
    r"reached (?:its|the)",
    r"no (?:more )?(?:space|room)",
    r"(?:space|room) (?:left|available)",
    r"überfüllt",
    r"voll",
    r"vol",
    r"pleine?",
    r"satur[ée]e?",
    r"llen[oa]",
    r"pien[oa]",
    r"chei[oa]",
    r"lotad[oa]",
    r"pełna",
    r"plná",
    r"переполнен\w{0,2}",
    r"полон",
    r"dolu",
)
ROOM_UNSPACED = (
    "メールボックス",
    "受信箱",
    "受信ボックス",
    "容量",
    "邮箱",
    "郵箱",
    "信箱",
    "空间",
    "사서함",
    "메일함",
    "용량",
)
FULL_UNSPACED = (
    "いっぱい",
    "一杯",
    "満杯",
    "オーバー",
    "超過",
    "超え",
    "不足",
    "已满",
    "已滿",
    "满",
    "가득",
    "초과",
)
TRAFFIC = (r"(?:mails?|messages?|connections?|traffic) from", r"your (?:server|ip|host)")
UNWANTED = (
    r"refused",
    r"rejected",
    r"denied",
    r"blocked",
    r"banned",
    r"listed",
    r"blacklisted",
    r"not (?:accepted|allowed|permitted|welcome)",
)
HOST = (r"domain(?: name)?", r"(?:mail )?host(?: ?name)?", r"mail exchanger", r"mx(?: record)?s?")
HOST_ABSENT = (
    r"unknown",
    r"(?:was |is )?not (?:found|known|exist|registered|valid)",
    r"(?:do|does)(?: not|n't) exist",
    r"(?:can ?not|could not|couldn't) be (?:found|resolved)",
    r"invalid",
    r"non-?existent",
)
HOST_DENIED = (
    r"unknown",
    r"no such",
    r"no(?: (?:valid|mail|working|existing))?",
    r"invalid",
    r"non-?existent",
    r"(?:can ?not|can't|could not|couldn't|unable to) (?:find|resolve|locate)(?: the| an?| any)?",
)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two tables of patterns whose members stand together within a clause, in this order."""

    pattern: re.Pattern[str]

    def said_in(self, words: str) -> bool:
        """Tell whether words hold a pair; linear in them, for what stands between is bounded."""
        return self.pattern.search(words) is not None


def pairs(
    left: Iterable[str], right: Iterable[str], *, between: str = _WITHIN_CLAUSE, spaced: bool = True
) -> Pairs:
    """Prepare two tables; ``spaced`` where a script parts its words."""
    edge = r"\b" if spaced else ""
    sides = ["|".join(sorted(side, key=len, reverse=True)) for side in (left, right)]
    return Pairs(re.compile(rf"{edge}(?:{sides[0]}){edge}{between}{edge}(?:{sides[1]}){edge}"))
