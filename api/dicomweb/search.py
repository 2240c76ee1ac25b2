"""QIDO-RS: query parameters to a search, and what is found to DICOM JSON (PS3.18 10.6, annex F)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydicom import FileDataset
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset

from api.errors import RequestMalformed
from archive.records import Study, StudyDetail
from archive.review_records import StudyQuery

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
    return StudyQuery(**values), warnings


def paged(found: Sequence[Json], parameters: Mapping[str, str]) -> list[Json]:
    """Return the part of a list that `limit` and `offset` ask for."""
    offset = _number("offset", parameters.get("offset", "0"))
    limit = _number("limit", parameters.get("limit", str(LARGEST_PAGE)))
    return list(found[offset : offset + min(limit, LARGEST_PAGE)])


def study_json(study: Study, modalities: Sequence[str], series_count: int, address: str) -> Json:
    """Return a study in DICOM JSON (PS3.18 table 10.6.3-3)."""
    attributes = study.attributes
    ds = Dataset()
    ds.StudyDate, ds.StudyTime = attributes.study_date, attributes.study_time
    ds.AccessionNumber, ds.InstanceAvailability = attributes.accession_number, "ONLINE"
    ds.ModalitiesInStudy = list(modalities)
    ds.StudyDescription = attributes.study_description
    ds.RetrieveURL = f"{address}/studies/{study.study_uid}"
    ds.PatientName, ds.PatientID = attributes.patient_name, attributes.patient_id
    ds.PatientBirthDate, ds.PatientSex = attributes.patient_birth_date, attributes.patient_sex
    ds.StudyInstanceUID, ds.StudyID = study.study_uid, ""
    ds.NumberOfStudyRelatedSeries = series_count
    ds.NumberOfStudyRelatedInstances = study.instance_count
    return as_json(ds)


def series_json(headers: Sequence[FileDataset], address: str) -> list[Json]:
    """Return the series of objects in DICOM JSON (PS3.18 table 10.6.3-4)."""
    by_series: dict[str, list[FileDataset]] = {}
    for header in headers:
        by_series.setdefault(str(header.SeriesInstanceUID), []).append(header)
    found = []
    for series_uid, members in by_series.items():
        ds = _chosen(members[0], SERIES_KEYWORDS)
        ds.StudyInstanceUID = members[0].StudyInstanceUID
        ds.NumberOfSeriesRelatedInstances = len(members)
        ds.RetrieveURL = f"{address}/studies/{ds.StudyInstanceUID}/series/{series_uid}"
        found.append(as_json(ds))
    return found


def instance_json(header: FileDataset, address: str) -> Json:
    """Return an object in DICOM JSON (PS3.18 table 10.6.3-5)."""
    ds = _chosen(header, INSTANCE_KEYWORDS)
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


def series_count(detail: StudyDetail) -> int:
    """Return how many series a study has, ours included."""
    received = {one.key.series_uid for one in detail.instances}
    return len(received | {one.key.series_uid for one in detail.reports})


def modalities(detail: StudyDetail) -> list[str]:
    """Return the modalities of a study; the reports are SR or, as pictures, OT."""
    found = {one.modality for one in detail.instances if one.modality}
    reports = {"OT" if one.sop_class_uid.endswith(".1.7") else "SR" for one in detail.reports}
    return sorted(found | reports)


def as_json(ds: Dataset) -> Json:
    """Return a data set in the DICOM JSON model, tags in order."""
    found: Json = ds.to_json_dict()
    return dict(sorted(found.items()))


def _chosen(header: Dataset, keywords: Sequence[str]) -> Dataset:
    ds = Dataset()
    for keyword in keywords:
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
