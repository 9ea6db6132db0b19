"""Feedback: bounce → delivery → subscriber → suppression.

Readers only append to the bounce log (`log`). What nobody has decided on yet is taken up
(`consequences`): whom it is about (`attribution`), whether it belongs to a wave (`waves`), what the
policy says (`policy`); each decision is written down with its evidence.
"""

from newsletter.feedback.consequences import act_on_new_bounces
from newsletter.feedback.log import FeedbackEvent, log_events

__all__ = ["FeedbackEvent", "act_on_new_bounces", "log_events"]
