"""Words that blocks put beside what an editor wrote, such as 日時 before the hour of an event."""

from __future__ import annotations

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
