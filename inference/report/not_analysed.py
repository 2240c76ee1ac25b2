"""A small SR for a study without a score, so that the PACS shows that there is none, and why."""

from collections.abc import Iterator, Sequence

from highdicom.sr.value_types import ContentItem
from pydicom.dataset import Dataset

from archive.records import StudyState
from inference.report import codes, words
from inference.report.author import Author
from inference.report.content import Prepared, code, text
from inference.report.document import Placement, document
from inference.report.image_library import image_library
from inference.report.observation import comment, evaluations, report_tree
from inference.report.refused import RefusedImage, refused_in_words
from inference.report.uids import Kind

_SENTENCES = {
    StudyState.NOT_ANALYSED: words.NOT_ANALYSED,
    StudyState.FAILED: words.FAILED,
}
_STATUS_CODES = {
    StudyState.NOT_ANALYSED: codes.NOT_ATTEMPTED,
    StudyState.FAILED: codes.FAILED,
}


def not_analysed(
    refused: Sequence[RefusedImage],
    foremost: RefusedImage,
    placement: Placement,
    author: Author,
    *,
    state: StudyState,
) -> Dataset:
    """Build the SR of a study that got no score.

    Parameters
    ----------
    refused
        Every object of the study.
    foremost
        The one whose reason is told first.
    state
        NOT_ANALYSED or FAILED.
    """
    sentence = _SENTENCES[state][author.language]
    images = [one.source for one in refused if "Rows" in one.source]
    tree = report_tree(
        author,
        *([image_library(images)] if images else []),
        evaluations(
            code(codes.SUMMARY_OF_ANALYSES, _STATUS_CODES[state]),
            code(codes.REASON, codes.REFUSALS[foremost.refusal]),
            text(codes.SUMMARY, refused_in_words(sentence, foremost, author.language)),
            *_comments(refused, foremost, placement, author.language),
        ),
    )
    return document(
        tree, placement, author, kind=Kind.NOT_ANALYSED, variant=(state, foremost.refusal)
    )


def _comments(
    refused: Sequence[RefusedImage],
    foremost: RefusedImage,
    placement: Placement,
    language: words.Language,
) -> Iterator[ContentItem | Prepared]:
    yield comment(words.DISCLAIMER[language])
    for one in refused:
        if one is not foremost:
            sentence = words.OTHER_IMAGE_REFUSED[language]
            yield text(codes.COMMENT, refused_in_words(sentence, one, language))
    if placement.predecessor is not None:
        yield comment(words.REPLACES[language])
