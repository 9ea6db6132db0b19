"""Feedback: the path from a bounce to its delivery, its subscriber and a suppression.

Readers only append to the bounce log (`log`). New rows are judged by `consequences`: the subscriber
is identified (`attribution`), mass bounces are recognised (`waves`), and the policy decides
(`policy`). Each decision is stored with its evidence.
"""

from newsletter.feedback.consequences import act_on_new_bounces
from newsletter.feedback.log import FeedbackEvent, log_events

__all__ = ["FeedbackEvent", "act_on_new_bounces", "log_events"]
