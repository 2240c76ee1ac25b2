from hypothesis import example, given
from hypothesis import strategies as st
from pydicom.charset import convert_encodings
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from dicom_node.plain_text import plain_text

KEYWORDS = ("PatientName", "PatientID", "StudyDate", "StudyTime", "Modality", "StudyInstanceUID")
USUAL = {"PatientName": "PN", "PatientID": "LO", "Modality": "CS", "StudyInstanceUID": "UI"}
VRS = (
    "AE",
    "AS",
    "CS",
    "DA",
    "DT",
    "LO",
    "LT",
    "PN",
    "SH",
    "ST",
    "TM",
    "UI",
    "UT",
    "UN",
    "IS",
    None,
)
CHARACTER_SETS = ("", "ISO_IR 100", "ISO_IR 192", "ISO_IR 13", "ISO_IR 166", "GB18030", "ISO_IR 9")
LATIN_ONES = "".join(chr(code) for code in range(256))


def header_with(
    keyword: str, content: bytes, *, vr: str | None, character_set: str | list[str] = ""
) -> Dataset:
    tag = Tag(keyword)
    raw = RawDataElement(tag, vr, len(content), content, 0, vr is None, True)
    header = Dataset({tag: raw})
    header.set_original_encoding(vr is None, True, convert_encodings(character_set))
    return header


def text_by_pydicom(header: Dataset, keyword: str) -> str:
    value = header.get(keyword)
    return "" if value is None else str(value)


@given(
    keyword=st.sampled_from(KEYWORDS),
    content=st.text(LATIN_ONES, max_size=12).map(lambda text: text.encode("latin-1"))
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20).map(str.encode),
    vr=st.sampled_from(VRS),
    character_set=st.sampled_from(CHARACTER_SETS),
)
@example(keyword="PatientName", content=b"A^B=  ", vr="PN", character_set="")
@example(keyword="PatientName", content=b"A^B^^ ", vr="PN", character_set="ISO_IR 192")
@example(keyword="PatientID", content=b" 1\\2 ", vr="LO", character_set="ISO_IR 13")
@example(keyword="StudyInstanceUID", content=b"1.2\0", vr=None, character_set="")
def test_a_text_is_what_pydicom_makes_of_it(
    keyword: str, content: bytes, vr: str | None, character_set: str
) -> None:
    header = header_with(keyword, content, vr=vr, character_set=character_set)
    found = plain_text(header, keyword)
    assert found is None or found == text_by_pydicom(header, keyword)


def test_what_most_headers_hold_is_read_without_pydicom() -> None:
    for keyword, vr in USUAL.items():
        for one in (vr, None):
            header = header_with(keyword, b"1.2 ", vr=one, character_set="ISO_IR 100")
            assert plain_text(header, keyword) == "1.2"
            assert plain_text(header_with(keyword, b"", vr=one), keyword) == ""
    assert plain_text(Dataset(), "PatientName") == ""


def test_several_encodings_are_left_to_pydicom() -> None:
    several = ["", "ISO 2022 IR 87"]
    header = header_with("PatientName", b"A^B", vr="PN", character_set=several)
    assert plain_text(header, "PatientName") is None
