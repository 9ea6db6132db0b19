"""What entries of a history are called: ways to leave, settings, and what the audit log has."""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.accounts.audit_actions import Action
from newsletter.database.vocabulary import UnsubscribeWay
from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.i18n.values import Worded

#: By which ways people leave.
WAY_NAMES: Mapping[UnsubscribeWay, Message] = {
    UnsubscribeWay.ONE_CLICK: msg("By one click in a mail program"),
    UnsubscribeWay.PAGE: msg("On the page behind a link"),
    UnsubscribeWay.MAIL: msg("By a mail"),
    UnsubscribeWay.API: msg("By the API"),
    UnsubscribeWay.OPERATOR: msg("By the staff"),
    UnsubscribeWay.COMPLAINT: msg("By a complaint"),
    UnsubscribeWay.PROVIDER: msg("At the provider that sends"),
    UnsubscribeWay.LIST: msg("By an imported list"),
    UnsubscribeWay.ADDRESS_CHANGE: msg("By a change of address"),
    UnsubscribeWay.MERGE: msg("Merged with another person"),
}
#: What of a person is theirs or the staff's to change, besides the newsletter's own fields.
SETTING_NAMES: Mapping[str, Worded] = {
    "name": msg("Name"),
    "language": msg("Language"),
    "format": msg("Form of the mail"),
    "time_zone": msg("Time zone"),
    "frequency": pmsg("reader", "How often"),
    "tags": msg("Tags"),
    "paused_until": pmsg("setting", "Pause"),
}
#: What of the audit log belongs to a person's history; what has a row of its own does not.
EVENT_NAMES = {
    Action.SUBSCRIBER_ADD: msg("Added by hand"),
    Action.SUBSCRIBER_EDIT: msg("Edited"),
    Action.SUBSCRIBER_LIFT: msg("Suppression lifted"),
    Action.SUBSCRIBER_PREFERENCES: msg("Preferences changed by the reader"),
    Action.SUBSCRIBER_SUPPRESS: msg("Suppressed by the staff"),
    Action.SUBSCRIBER_UNSUBSCRIBE: msg("Unsubscribed by the staff"),
}
