"""Feedback: bounce → delivery → subscriber → suppression.

Readers only append to the bounce log (`log`); the judge (`judge`) takes what nobody has judged yet,
finds whom it is about (`attribution`), sees whether it belongs to a wave (`waves`), asks the policy
(`policy`), and writes each decision down with its evidence.
"""

from newsletter.feedback.consequences import act_on_new_bounces
from newsletter.feedback.log import FeedbackEvent, log_events

__all__ = ["FeedbackEvent", "act_on_new_bounces", "log_events"]
