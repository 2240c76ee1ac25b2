"""Asks an archive what it has (C-FIND, PS3.4 annex C, Study Root). Keeps nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    StudyRootQueryRetrieveInformationModelFind,
)

from archive.records import StudyUid
from dicom_node.errors import PeerUnavailable, QueryRefused
from dicom_node.intake import read_checked
from dicom_node.sender import Peer, application_entity, associate
from dicom_node.statuses import words_for

# PS3.4 C.4.1.1.4: a match follows; the second warns of optional keys that are not supported.
PENDING = (0xFF00, 0xFF01)
SUCCESS = 0x0000
# An archive that answers without end is cut off here.
MOST_MATCHES = 100_000
# A value with these would match others than itself (PS3.4 C.2.2.2.4, PS3.5 6.4).
WILDCARDS = frozenset("*?\\")
STUDY_KEYS = (
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "ModalitiesInStudy",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
)
SERIES_KEYS = ("SeriesInstanceUID", "Modality", "BodyPartExamined", "SeriesDescription")


@dataclass(frozen=True, kw_only=True)
class FoundStudy:
    """One study that an archive says it has; empty where it does not say."""

    study_uid: StudyUid
    study_date: str
    study_time: str
    modalities: tuple[str, ...]
    patient_id: str
    issuer_of_patient_id: str


@dataclass(frozen=True, kw_only=True)
class FoundSeries:
    """One series of a study."""

    series_uid: str
    modality: str
    body_part: str
    description: str


class QueryLink:
    """An association on which an archive is asked; a context manager.

    Raises
    ------
    PeerUnavailable
        There is no association, or it broke.
    TitleInvalid
        One of the titles is none.
    """

    def __init__(self, peer: Peer, *, calling_ae_title: str, timeout_seconds: float) -> None:
        ae = application_entity(calling_ae_title, timeout_seconds=timeout_seconds)
        contexts: list[PresentationContext] = [
            build_context(StudyRootQueryRetrieveInformationModelFind)
        ]
        self._association: Association = associate(ae, peer, contexts, timeout_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._association.is_established:
            self._association.release()

    def studies(self, keys: Mapping[str, str]) -> list[FoundStudy]:
        """Return the studies that match.

        Parameters
        ----------
        keys
            Matching keys by keyword (PS3.4 C.6.2.1), beside those that are always asked for.

        Raises
        ------
        PeerUnavailable
            The association broke.
        QueryRefused
            The archive does not answer this question.
        """
        answers = self._find("STUDY", dict.fromkeys(STUDY_KEYS, "") | dict(keys))
        return [_study_of(ds) for ds in answers if text_of(ds, "StudyInstanceUID")]

    def series(self, study_uid: StudyUid) -> list[FoundSeries]:
        """Return the series of a study; errors as `studies`."""
        keys = dict.fromkeys(SERIES_KEYS, "") | {"StudyInstanceUID": str(study_uid)}
        return [
            FoundSeries(
                series_uid=text_of(ds, "SeriesInstanceUID"),
                modality=text_of(ds, "Modality"),
                body_part=text_of(ds, "BodyPartExamined"),
                description=text_of(ds, "SeriesDescription"),
            )
            for ds in self._find("SERIES", keys)
            if text_of(ds, "SeriesInstanceUID")
        ]

    def _find(self, level: str, keys: Mapping[str, str]) -> Iterator[Dataset]:
        identifier = Dataset()
        identifier.SpecificCharacterSet = "ISO_IR 192"
        identifier.QueryRetrieveLevel = level
        for keyword, value in sorted(keys.items(), key=lambda pair: Tag(pair[0])):
            setattr(identifier, keyword, value)
        try:
            answers = self._association.send_c_find(
                identifier, UID(StudyRootQueryRetrieveInformationModelFind)
            )
            for count, (status, ds) in enumerate(answers):
                if "Status" not in status:
                    raise PeerUnavailable("the association ended")
                code = int(status.Status)
                if code == SUCCESS:
                    return
                if code not in PENDING:
                    raise QueryRefused(words_for(code))
                if count >= MOST_MATCHES:
                    raise QueryRefused(f"more than {MOST_MATCHES} matches")
                if ds is not None:
                    yield ds
        except (RuntimeError, OSError):
            raise PeerUnavailable("the association ended") from None
        except ValueError:
            raise QueryRefused("the peer does not take queries of this model") from None


def is_exact(value: str) -> bool:
    """Tell whether a matching key of this value matches nothing but itself."""
    return bool(value) and not WILDCARDS & set(value)


def text_of(ds: Dataset, keyword: str) -> str:
    """Return the first value of an element as text; empty where absent or malformed."""
    found = texts_of(ds, keyword)
    return found[0] if found else ""


def texts_of(ds: Dataset, keyword: str) -> tuple[str, ...]:
    """Return the values of an element as text."""
    try:
        value = read_checked(lambda: ds.get(keyword))
    except ValueError:
        return ()
    if value is None:
        return ()
    values = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
    return tuple(text for text in (str(one).strip(" \0") for one in values) if text)


def _study_of(ds: Dataset) -> FoundStudy:
    return FoundStudy(
        study_uid=StudyUid(text_of(ds, "StudyInstanceUID")),
        study_date=text_of(ds, "StudyDate"),
        study_time=text_of(ds, "StudyTime"),
        modalities=texts_of(ds, "ModalitiesInStudy"),
        patient_id=text_of(ds, "PatientID"),
        issuer_of_patient_id=text_of(ds, "IssuerOfPatientID"),
    )
