"""QIDO-RS: query parameters to a search, and what is found to DICOM JSON (PS3.18 10.6, annex F)."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydicom import FileDataset
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset

from api.errors import RequestMalformed
from archive.database import Archive
from archive.records import ReportKind, Study
from archive.review_records import StudyContents, StudyQuery

Json = dict[str, Any]

LARGEST_PAGE = 1000
DEFAULT_PAGE = 100
# Keys that are matched, by keyword, and the field of the query they fill.
_TEXT_KEYS = {
    "PatientName": "patient_name",
    "PatientID": "patient_id",
    "AccessionNumber": "accession_number",
    "StudyDescription": "study_description",
    "ModalitiesInStudy": "modality",
    "Modality": "modality",
    "SOPClassUID": "sop_class_uid",
    "SOPClassesInStudy": "sop_class_uid",
}
_DATE = re.compile(r"(\d{8})?(-)?(\d{8})?")
_HEX_TAG = re.compile(r"[0-9A-Fa-f]{8}")
# What is asked about the answer, not about objects.
ALL = "all"
_CHARACTER_SET = "00080005"
# Of the objects that we make: PS3.3 C.7.3.1.1.1.
REPORT_MODALITIES = {
    ReportKind.AI_RESULT: "SR",
    ReportKind.HEAT_MAP: "OT",
    ReportKind.SEGMENTATION: "SEG",
    ReportKind.OUTLINE: "PR",
    ReportKind.REVIEW: "SR",
    ReportKind.REJECTION_NOTE: "KO",
}
_OPTIONS = frozenset({"limit", "offset", "includefield", "fuzzymatching"})
SERIES_KEYWORDS = ("Modality", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription")
INSTANCE_KEYWORDS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "InstanceNumber",
    "Rows",
    "Columns",
    "BitsAllocated",
    "NumberOfFrames",
    "CompletionFlag",
    "VerificationFlag",
    "ConceptNameCodeSequence",
)


def study_query(parameters: Sequence[tuple[str, str]]) -> tuple[StudyQuery, list[str]]:
    """Return what is looked for, and warnings about what was asked and is not done.

    Raises
    ------
    RequestMalformed
        A number or a date is none.
    """
    values: dict[str, Any] = {}
    warnings: list[str] = []
    for name, value in parameters:
        keyword = _keyword(name)
        if name == "fuzzymatching":
            if value == "true":
                warnings.append("fuzzy matching is not supported; literal matching was done")
        elif name in ("limit", "offset"):
            values[name] = _number(name, value)
        elif name in _OPTIONS:
            continue
        elif keyword == "StudyInstanceUID":
            values["study_uids"] = tuple(re.split(r"[,\\]", value)) if value else ()
        elif keyword == "StudyDate":
            values["first_date"], values["last_date"] = _dates(value)
        elif keyword in _TEXT_KEYS:
            values[_TEXT_KEYS[keyword]] = value
        else:
            warnings.append("a key that is not supported was left out of the search")
    values["limit"] = min(values.get("limit", DEFAULT_PAGE), LARGEST_PAGE)
    values["report_kinds"] = tuple(
        kind for kind, modality in REPORT_MODALITIES.items() if modality == values.get("modality")
    )
    return StudyQuery(**values), warnings


def studies(archive: Archive, query: StudyQuery, address: str) -> tuple[list[Json], bool]:
    """Return the studies that match in DICOM JSON, and whether there are more of them."""
    repository = archive.repository
    found = repository.find_studies(replace(query, limit=query.limit + 1))
    page = found[: query.limit]
    contents = repository.contents_of([study.study_uid for study in page])
    answers = [study_json(study, contents[study.study_uid], address) for study in page]
    return answers, len(found) > query.limit


def included(parameters: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return the keywords that `includefield` names; `all` is a word of its own."""
    texts = [value for name, value in parameters if name == "includefield"]
    names = (name.strip() for text in texts for name in text.split(","))
    return tuple(filter(None, (name if name == ALL else _keyword(name) for name in names)))


def paged(found: Sequence[Json], parameters: Mapping[str, str]) -> list[Json]:
    """Return the part of a list that `limit` and `offset` ask for."""
    offset = _number("offset", parameters.get("offset", "0"))
    limit = _number("limit", parameters.get("limit", str(LARGEST_PAGE)))
    return list(found[offset : offset + min(limit, LARGEST_PAGE)])


def study_json(study: Study, contents: StudyContents, address: str) -> Json:
    """Return a study in DICOM JSON (PS3.18 table 10.6.3-3)."""
    attributes = study.attributes
    ds = Dataset()
    ds.StudyDate, ds.StudyTime = attributes.study_date, attributes.study_time
    ds.AccessionNumber, ds.InstanceAvailability = attributes.accession_number, "ONLINE"
    ds.ModalitiesInStudy = _modalities(contents)
    ds.StudyDescription = attributes.study_description
    ds.RetrieveURL = f"{address}/studies/{study.study_uid}"
    ds.PatientName, ds.PatientID = attributes.patient_name, attributes.patient_id
    ds.PatientBirthDate, ds.PatientSex = attributes.patient_birth_date, attributes.patient_sex
    ds.StudyInstanceUID, ds.StudyID = study.study_uid, ""
    ds.NumberOfStudyRelatedSeries = contents.series_count
    ds.NumberOfStudyRelatedInstances = contents.object_count
    return as_json(ds)


def series_json(
    headers: Sequence[FileDataset], address: str, asked: Sequence[str] = ()
) -> list[Json]:
    """Return the series of objects in DICOM JSON (PS3.18 table 10.6.3-4)."""
    by_series: dict[str, list[FileDataset]] = {}
    for header in headers:
        by_series.setdefault(str(header.SeriesInstanceUID), []).append(header)
    found = []
    for series_uid, members in by_series.items():
        ds = _chosen(members[0], SERIES_KEYWORDS, asked)
        ds.StudyInstanceUID = members[0].StudyInstanceUID
        ds.NumberOfSeriesRelatedInstances = len(members)
        ds.RetrieveURL = f"{address}/studies/{ds.StudyInstanceUID}/series/{series_uid}"
        found.append(as_json(ds))
    return found


def instance_json(header: FileDataset, address: str, asked: Sequence[str] = ()) -> Json:
    """Return an object in DICOM JSON (PS3.18 table 10.6.3-5)."""
    ds = _chosen(header, INSTANCE_KEYWORDS, asked)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = header.StudyInstanceUID, header.SeriesInstanceUID
    ds.InstanceAvailability = "ONLINE"
    ds.RetrieveURL = (
        f"{address}/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}"
        f"/instances/{header.SOPInstanceUID}"
    )
    return as_json(ds)


def matching(found: Sequence[Json], parameters: Sequence[tuple[str, str]]) -> list[Json]:
    """Return what has the values asked for, at series and instance level; exact values only."""
    wanted = {}
    for name, value in parameters:
        keyword = _keyword(name)
        if name not in _OPTIONS and keyword and value:
            wanted[f"{tag_for_keyword(keyword):08X}"] = value
    return [one for one in found if all(_has(one, tag, v) for tag, v in wanted.items())]


def _modalities(contents: StudyContents) -> list[str]:
    ours = {REPORT_MODALITIES[kind] for kind in contents.report_kinds}
    return sorted({one for one in contents.modalities if one} | ours)


def as_json(ds: Dataset) -> Json:
    """Return a data set in the DICOM JSON model, tags in order.

    Elements that break their value representation are left out: JSON has no form for them.
    """
    found: Json = ds.to_json_dict(suppress_invalid_tags=True)
    if _CHARACTER_SET in found:
        # The text is UTF-8 here, whatever the file was written in (PS3.18 F.2).
        found[_CHARACTER_SET] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    return {tag: one for tag, one in sorted(found.items()) if _is_json(one)}


def _is_json(value: Any) -> bool:
    """Return whether JSON can say this: it knows no infinity and no NaN (RFC 8259 6)."""
    if isinstance(value, dict):
        return all(_is_json(one) for one in value.values())
    if isinstance(value, list):
        return all(_is_json(one) for one in value)
    return not isinstance(value, float) or math.isfinite(value)


def _chosen(header: Dataset, keywords: Sequence[str], asked: Sequence[str]) -> Dataset:
    if ALL in asked:
        return header
    ds = Dataset()
    for keyword in (*keywords, *asked):
        if keyword in header:
            ds[keyword] = header[keyword]
    return ds


def _has(one: Json, tag: str, value: str) -> bool:
    stored = one.get(tag, {}).get("Value", [])
    return value in [str(item) for item in stored]


def _keyword(name: str) -> str:
    if _HEX_TAG.fullmatch(name):
        return keyword_for_tag(int(name, 16))
    return name if name in _TEXT_KEYS or tag_for_keyword(name) is not None else ""


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise RequestMalformed(f"{name} is no number")
    return int(value)


def _dates(value: str) -> tuple[str, str]:
    """Return the first and last date of a date or a range, PS3.4 C.2.2.2.5; empty is open."""
    found = _DATE.fullmatch(value)
    if found is None:
        raise RequestMalformed("StudyDate is no date and no range of dates")
    first, dash, last = found.group(1) or "", found.group(2), found.group(3) or ""
    return (first, last) if dash else (first, first)
