"""An image, or a study, that got no score, and why."""

from dataclasses import dataclass

from pydicom.dataset import Dataset

from archive.records import Refusal
from inference.report import words


@dataclass(frozen=True, kw_only=True)
class RefusedImage:
    """One image that got no score."""

    source: Dataset
    """Header of the received object, as far as it could be read."""
    refusal: Refusal
    detail: str = ""
    """Element and value that led to the refusal."""


def refused_in_words(template: str, refused: RefusedImage, language: words.Language) -> str:
    """Sentence of a report about the refusal, with our own reason code."""
    reason = words.refusal_in_words(refused.refusal, refused.detail, language)
    return template.format(reason=reason, code=refused.refusal)
