"""What merging would do, in sentences for whoever is to confirm it."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.database.vocabulary import SubscriptionState
from newsletter.i18n.messages import Message, msg, nmsg
from subscribers.merging.outlook import Effect, MergeOutlook, NewsletterMerge


def consequences(outlook: MergeOutlook) -> Sequence[Message]:
    """Return what would happen, the most important first."""
    kept, merged = outlook.kept.address or "", outlook.merged.address or ""
    messages = [_effect(part, kept, merged) for part in outlook.parts]
    messages += [
        msg(
            "{newsletter}: {kept} is suppressed from now on, as {merged} is.",
            newsletter=part.newsletter.name,
            kept=kept,
            merged=merged,
        )
        for part in outlook.parts
        if part.suppression is not None
    ]
    messages.append(
        msg(
            "{merged} no longer receives email. Links in earlier emails to it still unsubscribe "
            "{kept}.",
            kept=kept,
            merged=merged,
        )
    )
    if tags := len({tag for part in outlook.parts for tag in part.new_tags}):
        messages.append(nmsg("{count} tag is added.", "{count} tags are added.", tags))
    if notes := sum(len(part.notes) for part in outlook.parts):
        messages.append(nmsg("{count} note is moved.", "{count} notes are moved.", notes))
    messages.append(
        msg("Topics are combined, and so are the histories and consent records of both addresses.")
    )
    return messages


def _effect(part: NewsletterMerge, kept: str, merged: str) -> Message:
    words = {"newsletter": part.newsletter.name, "kept": kept, "merged": merged}
    match (part.effect, part.after):
        case (Effect.LEAVES, _):
            message = msg(
                "{newsletter}: {merged} unsubscribed, so {kept} is unsubscribed.", **words
            )
        case (Effect.TAKES_OVER, _):
            message = msg(
                "{newsletter}: {kept} takes over the subscription of {merged} and its consent.",
                **words,
            )
        case (Effect.WAITS, _):
            message = msg(
                "{newsletter}: {kept} has not confirmed yet. Keep the other address, or wait.",
                **words,
            )
        case (_, SubscriptionState.CONFIRMED):
            message = msg("{newsletter}: {kept} stays subscribed.", **words)
        case (_, SubscriptionState.PENDING):
            message = msg("{newsletter}: {kept} stays unconfirmed.", **words)
        case (_, SubscriptionState.UNSUBSCRIBED):
            message = msg(
                "{newsletter}: {kept} stays unsubscribed, and {merged} no longer receives it.",
                **words,
            )
        case _:
            message = msg("{newsletter}: nothing of {merged} is carried over.", **words)
    return message
