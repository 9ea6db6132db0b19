"""Words that blocks put beside what an editor wrote, such as 日時 before the hour of an event."""

from __future__ import annotations

from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg, pmsg

CONTENTS = pmsg("mail", "In this issue")
WHEN = pmsg("event", "When")
WHERE = pmsg("event", "Where")
CAPACITY = pmsg("event", "Places")
REGISTER = pmsg("event", "Details and registration")
CALENDAR = msg("Add to calendar")
PHONE = pmsg("contact", "Phone")
EMAIL = pmsg("contact", "Email")
HOURS = pmsg("contact", "Hours")
ADDRESS = pmsg("contact", "Address")
WEBSITE = pmsg("contact", "Website")

_BY_NAME = {
    "contents": CONTENTS,
    "when": WHEN,
    "where": WHERE,
    "capacity": CAPACITY,
    "register": REGISTER,
    "calendar": CALENDAR,
    "phone": PHONE,
    "email": EMAIL,
    "hours": HOURS,
    "address": ADDRESS,
    "website": WEBSITE,
}


def block_words(language: Language) -> dict[str, str]:
    """Return these words by name, in the language of an issue."""
    return {name: words.in_language(language) for name, words in _BY_NAME.items()}
