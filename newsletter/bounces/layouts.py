"""Layouts: what sets the notices of particular mail systems apart from all others.

Most need no entry: an address at the head of a line, and what is said beneath it, is how nearly
everybody writes (`newsletter.bounces.notice`). How to add one: docs/bounces.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.bounces.model import Reason

_ADDRESS = r"[<\"']?([^\s@<>\"()\[\],;:]{1,100}@[\w.-]{1,200}\w)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """How the notices of one system differ.

    Attributes:
        signs: In lower case; one of them stands in its subject, its sender or its words.
        recipient: Where the recipient stands, if not at the head of a line; group 1 is the address.
        lead_first: The reason stands before the recipients; what follows them is a cover.
        own_directory: The system speaks of its own people, so that its word needs no RCPT.
        meanings: Words that only this system uses so, in lower case.
        verdict: Every such notice means this.
    """

    name: str
    signs: tuple[str, ...]
    recipient: re.Pattern[str] | None = None
    lead_first: bool = False
    own_directory: bool = False
    meanings: tuple[tuple[str, Reason], ...] = ()
    verdict: Reason | None = None


def _line(lead: str) -> re.Pattern[str]:
    return re.compile(rf"^[ \t]{{0,12}}{lead}[ \t]{{0,8}}{_ADDRESS}", re.IGNORECASE | re.MULTILINE)


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        name="google-groups",
        signs=("the group you tried to contact", "google groups", "groups.google.com/support"),
        verdict=Reason.SENDER_REJECTED,
    ),
    Layout(
        name="fml",
        signs=("[fml ", "you are not a member of this mailing list", "loop alert"),
        recipient=re.compile(r"<([^\s@<>\"]{1,100}@[\w.-]{1,200}\w)>"),
        meanings=(
            ("not a member of this mailing list", Reason.SENDER_REJECTED),
            ("are not member", Reason.SENDER_REJECTED),
            ("not member article from", Reason.SENDER_REJECTED),
            ("reject mail", Reason.SENDER_REJECTED),
            ("spammer", Reason.SENDER_REJECTED),
            ("duplicated message-id", Reason.SYSTEM),
            ("fml system error", Reason.SYSTEM),
            ("loop", Reason.SYSTEM),
            ("security alert", Reason.SECURITY),
        ),
    ),
    Layout(
        name="ezmlm",
        signs=("hi! this is the ezmlm program",),
        meanings=(
            ("i'm sorry, i've been unable to carry out your request", Reason.SENDER_REJECTED),
        ),
    ),
    Layout(
        name="au",
        signs=("postmaster@ezweb.ne.jp", "postmaster@au.com", "mail system error - returned mail"),
        lead_first=True,
        meanings=(
            ("the user(s) account is temporarily over quota", Reason.MAILBOX_FULL),
            ("the user(s) account is disabled", Reason.SUSPENDED),
            ("the user(s) account is temporarily limited", Reason.SUSPENDED),
            ("your message was not delivered within", Reason.EXPIRED),
        ),
    ),
    Layout(
        name="kddi",
        signs=("could not be delivered to: <",),
        recipient=_line("could not be delivered to:"),
        meanings=(
            ("as their mailbox is full", Reason.MAILBOX_FULL),
            ("due to the following smtp relay error", Reason.RELAYING_DENIED),
            ("as the remote domain doesnt exist", Reason.HOST_UNKNOWN),
        ),
    ),
    Layout(
        name="vtext",
        signs=("post_master@vtext.com",),
        recipient=_line("rcpt to:"),
        own_directory=True,
    ),
    Layout(
        name="james",
        signs=("error message below:",),
        recipient=_line("rcpt to:"),
    ),
    Layout(
        name="vzwpix",
        signs=("message could not be delivered to mobile",),
        recipient=_line("to:"),
        own_directory=True,
        meanings=(
            ("no valid recipients", Reason.USER_UNKNOWN),
            ("invalid user address", Reason.USER_UNKNOWN),
        ),
    ),
    Layout(
        name="domino",
        signs=("not listed in domino directory", "domino ディレクトリ", "\ndelivery failure:"),
        own_directory=True,
        meanings=(
            ("cannot route mail to user", Reason.FILTERED),
            ("several matches found in domino", Reason.SYSTEM),
        ),
    ),
    Layout(
        name="notes",
        signs=("------- failure reasons",),
        own_directory=True,
        meanings=(("maximum hop count", Reason.NETWORK),),
    ),
    Layout(
        name="exchange-2003",
        signs=(
            "did not reach the following recipient(s)",
            "msexch:im",
            "internet mail service (",
            "microsoft exchange server internet mail connector",
        ),
        recipient=re.compile(
            r"^[ \t]{0,12}(?:[^\n@]{0,80}[ \t<'=])?"
            rf"{_ADDRESS}[^\n@]{{0,8}} on (?:mon|tue|wed|thu|fri|sat|sun|\d)",
            re.IGNORECASE | re.MULTILINE,
        ),
        meanings=(
            ("(000c05a6)", Reason.USER_UNKNOWN),
            ("(000c0595)", Reason.FILTERED),
            ("(00010256)", Reason.RATE_LIMITED),
            ("(000d06b5)", Reason.SYSTEM),
            ("(00120270)", Reason.NETWORK),
            ("(00050311)", Reason.CONTENT),
            ("(000502cc)", Reason.CONTENT),
        ),
    ),
    Layout(
        name="exchange",
        signs=("diagnostic information for administrators", "resolver.adr.", "resolver.rst."),
        meanings=(
            ("recipnotfound", Reason.USER_UNKNOWN),
            ("recipientnotfound", Reason.USER_UNKNOWN),
            ("nonexistentdomain", Reason.HOST_UNKNOWN),
            ("mxloopback", Reason.NETWORK),
            ("badprimary", Reason.SYSTEM),
            ("invalidinsmtp", Reason.SYSTEM),
            ("resolver.adr.ambiguous", Reason.SYSTEM),
        ),
    ),
    Layout(
        name="office-365",
        signs=("original message details", "recipient address:"),
        recipient=_line("recipient address:"),
    ),
    Layout(
        name="imail",
        signs=("<smtp32 ",),
        own_directory=True,
        recipient=re.compile(
            rf"^(?:[^\n@]{{3,80}}:|undeliverable to)[ \t]{{1,4}}{_ADDRESS}[> \t]{{0,4}}$",
            re.MULTILINE,
        ),
        meanings=(
            ("invalid final delivery userid", Reason.USER_UNKNOWN),
            ("user mailbox exceeds allowed size", Reason.MAILBOX_FULL),
        ),
    ),
    Layout(
        name="interscan",
        signs=(
            "interscan messaging security",
            "interscan notification",
            "notification from interscan",
        ),
        own_directory=True,
        recipient=re.compile(
            rf"(?:(?<![\w.@+-])to|>>> RCPT TO:|recipient:)[ \t]{{0,4}}{_ADDRESS}", re.IGNORECASE
        ),
        meanings=(
            ("exceeding maximum", Reason.SYSTEM),
            ("please check if address is correct", Reason.USER_UNKNOWN),
        ),
    ),
    Layout(
        name="surfcontrol",
        signs=("surfcontrol", "failed to send to identified host"),
        recipient=_line("addressed to:"),
    ),
    Layout(
        name="mailfoundry",
        signs=("unable to deliver message to: <",),
        recipient=_line("unable to deliver message to:"),
    ),
    Layout(
        name="activehunter",
        signs=("failure notice :",),
        recipient=re.compile(rf"^>>> [^\n<]{{0,200}}{_ADDRESS}", re.MULTILINE),
    ),
    Layout(
        name="biglobe",
        signs=("----- the following addresses had delivery problems -----",),
    ),
    Layout(
        name="mcafee",
        signs=("--- the following addresses had delivery problems ---",),
        own_directory=True,
    ),
)


def find_layout(heading: str, said: str) -> Layout | None:
    """Return the layout whose signs a notice bears; both texts in lower case."""
    text = f"{heading}\n{said}"
    return next((one for one in LAYOUTS if any(sign in text for sign in one.signs)), None)
