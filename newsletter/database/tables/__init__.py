"""The tables, one noun a module; importing this package makes `Base.metadata` complete."""

from newsletter.database.tables.base import Base
from newsletter.database.tables.bounce import BounceRow
from newsletter.database.tables.feedback import (
    BounceDecisionRow,
    FeedbackPolicyRow,
    IncidentRow,
)
from newsletter.database.tables.issue import IssueRow
from newsletter.database.tables.mailing import BatchRow, DeliveryRow, MailingContentRow, MailingRow
from newsletter.database.tables.newsletter import NewsletterRow
from newsletter.database.tables.subscriber import (
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    UnsubscribeEventRow,
)

__all__ = [
    "Base",
    "BatchRow",
    "BounceDecisionRow",
    "BounceRow",
    "DeliveryRow",
    "FeedbackPolicyRow",
    "IncidentRow",
    "IssueRow",
    "MailingContentRow",
    "MailingRow",
    "NewsletterRow",
    "SubscriberRow",
    "SubscriptionRow",
    "SuppressionRow",
    "UnsubscribeEventRow",
]
