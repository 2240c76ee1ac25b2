"""Reads what needs no decoding of a header, past pydicom's objects; the text is what it would give.

Most values of most headers are printable ASCII. Whatever is not is left to pydicom.
"""

from functools import lru_cache

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

# VRs whose value is its text, but for the padding (PS3.5 table 6.2-1).
_TEXT_VRS = frozenset(
    {"AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UI", "UT"}
)
# pydicom's names of the default repertoire, ISO_IR 100 and ISO_IR 192: ASCII stands for itself.
_PLAIN_ENCODINGS = ("iso8859", "latin_1", "utf8")
_PADDING = b" \0"


def plain_text(header: Dataset, keyword: str) -> str | None:
    """Return an element's text, "" where it is absent; None where pydicom has to say.

    Parameters
    ----------
    header
        As it was read: elements that were looked at before are pydicom's.
    keyword
        Of an element of the standard.
    """
    tag, usual_vr = _tag_and_vr(keyword)
    element = header.get_item(tag)
    if element is None:
        return ""
    if not isinstance(element, RawDataElement) or (element.VR or usual_vr) not in _TEXT_VRS:
        return None
    content = (element.value or b"").rstrip(_PADDING)
    # Several values, or several groups of a name (PS3.5 6.2).
    if not content.isascii() or b"\\" in content or b"=" in content:
        return None
    if content and not _is_plainly_encoded(header):
        return None
    text = content.decode("ascii")
    return text if text.isprintable() else None


@lru_cache(maxsize=256)
def _tag_and_vr(keyword: str) -> tuple[BaseTag, str]:
    tag = BaseTag(tag_for_keyword(keyword) or 0)
    return tag, dictionary_VR(tag)


def _is_plainly_encoded(header: Dataset) -> bool:
    encoding = header.original_character_set
    if isinstance(encoding, str):
        return encoding in _PLAIN_ENCODINGS
    return encoding is not None and len(encoding) == 1 and encoding[0] in _PLAIN_ENCODINGS
