"""Blind first: who says what they see before the AI result may not be told it in any other way."""

from collections.abc import Iterable
from dataclasses import replace

from archive.account_records import Role, User
from archive.review_records import Prior, Review
from config.settings import ReviewSettings


def is_blind_first(settings: ReviewSettings, user: User | None) -> bool:
    """Return whether this person reads blind first: by the site's rule, or their own wish."""
    if user is None or Role.RADIOLOGIST not in user.roles:
        return False
    return settings.blind_first or user.is_blind_first


def is_unread(reviews: Iterable[Review]) -> bool:
    """Return whether nobody's decision about a study stands."""
    return not any(review.is_current for review in reviews)


def covered_priors(priors: Iterable[Prior]) -> tuple[Prior, ...]:
    """Return priors without what the model says of those that nobody has read."""
    return tuple(
        prior if prior.verdict else replace(prior, presence=None, probability=None)
        for prior in priors
    )
