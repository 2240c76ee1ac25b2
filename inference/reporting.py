"""From findings to an outcome whose reports are durable: builds, writes, records nothing yet."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset

from archive.errors import FileDamaged, FileMissing
from archive.files import FileStore, sha256_of
from archive.records import (
    Finding,
    ImageRefusal,
    InstanceKey,
    Outcome,
    Refusal,
    Report,
    ReportKind,
    SopInstanceUid,
    StudyDetail,
    StudyState,
)
from archive.retention_records import Deletion
from archive.review_records import HeatMap
from inference.eligibility import foremost
from inference.explanation import LEAST_HEAT_FRACTION, draw
from inference.opening import OpenedImage, OpenedStudy
from inference.report.author import Author
from inference.report.document import Placement, encode
from inference.report.evidence import ObjectReference, predecessor_in, reference_to
from inference.report.heat_map import heat_map_image
from inference.report.not_analysed import not_analysed
from inference.report.refused import RefusedImage
from inference.report.regions import outline, segmentation
from inference.report.structured_report import ReportedImage, ai_result, summary
from inference.report.uids import Kind, of_model
from inference.report.words import DISCLAIMER, refusal_in_words, statement_in_words


@dataclass(frozen=True, kw_only=True)
class FoundImage:
    """One scored image with what was found."""

    image: OpenedImage
    finding: Finding
    activation: np.ndarray | None = None
    """(rows, columns) of the network's grid, float32 in [0, 1]; None where nothing is drawn."""


@dataclass(frozen=True, kw_only=True)
class Maps:
    """In which forms the map of a result that is not negative goes to the destinations."""

    heat_map: bool = True
    segmentation: bool = False
    presentation_state: bool = False


@dataclass(frozen=True, kw_only=True)
class ReportingRoom:
    """What reports are written with."""

    files: FileStore
    author: Author
    keep_heat_map: Callable[[HeatMap], None]
    """Records where the reading page finds the map of an image."""
    maps: Maps


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What is known of a study until now."""

    detail: StudyDetail
    deletions: Sequence[Deletion] = ()
    """Earlier lives of it whose time was over, the last first."""


def outcome_of(
    study: OpenedStudy,
    found: Sequence[FoundImage],
    earlier: Earlier,
    room: ReportingRoom,
    *,
    made_at: datetime,
) -> Outcome:
    """Report a study: with its findings, or with why there are none.

    The report files are durable on return; safe to repeat, the same study gives the same UIDs.

    Parameters
    ----------
    found
        One for each of the study's images, in their order; empty when none may be scored.
    earlier
        What is recorded of the study until now. A document that stands in the PACS is followed,
        also where the images that it is about are no longer here.
    """
    placement = _placement(study, made_at)
    if not found:
        return _without_findings(study, earlier, placement, room)
    drawn = [_draw(one, number, room, made_at) for number, one in enumerate(found, start=1)]
    heat_maps = [one for one in drawn if one is not None]
    images = [_reported(one, heat_map) for one, heat_map in zip(found, drawn, strict=True)]
    placement = replace(placement, made=tuple(reference_to(one) for one in heat_maps))

    def build(predecessor: ObjectReference | None) -> Dataset:
        following = replace(placement, predecessor=predecessor)
        return ai_result(images, study.refused, following, room.author)

    ds = _following(build, earlier, room.files)
    return Outcome(
        state=StudyState.REPORTED,
        model=room.author.model,
        findings=tuple(one.finding for one in found),
        image_refusals=_image_refusals(study.refused),
        reports=(
            _write(ds, ReportKind.AI_RESULT, earlier.detail, room.files),
            *(_write(one, ReportKind.HEAT_MAP, earlier.detail, room.files) for one in heat_maps),
            *(
                _write(one, kind, earlier.detail, room.files)
                for kind, one in _regions(found, room, made_at)
            ),
        ),
    )


def _draw(found: FoundImage, number: int, room: ReportingRoom, made_at: datetime) -> Dataset | None:
    """Draw the heat map of one image, if there is any evidence to show."""
    if found.activation is None:
        return None
    author, source = room.author, found.image.source
    _keep_for_the_page(source, found.activation, room)
    if not room.maps.heat_map:
        return None
    result = summary([_reported(found, None)], author.language)
    limits = [
        statement_in_words(one, author.population, author.language)
        for one in found.image.statements
    ]
    caption = (result, DISCLAIMER[author.language], *limits)
    drawn = draw(found.image.grey, found.activation, caption)
    return heat_map_image(source, drawn, author, number=number, made_at=made_at)


def _regions(
    found: Sequence[FoundImage], room: ReportingRoom, made_at: datetime
) -> Iterator[tuple[ReportKind, Dataset]]:
    """Build what programs and presentation states want of each map, where the site asks for it."""
    for number, one in enumerate(found, start=1):
        if one.activation is None or not one.activation.any():
            continue
        of_image = one.image.source, one.activation, room.author
        if room.maps.segmentation:
            yield (
                ReportKind.SEGMENTATION,
                segmentation(*of_image, number=number, made_at=made_at),
            )
        if room.maps.presentation_state:
            yield ReportKind.OUTLINE, outline(*of_image, number=number, made_at=made_at)


def _keep_for_the_page(source: Dataset, activation: np.ndarray, room: ReportingRoom) -> None:
    """Keep the bare map, which the reading page colours itself; a repeat replaces it."""
    buffer = io.BytesIO()
    Image.fromarray((activation * 255).round().astype(np.uint8)).save(buffer, "PNG")
    content = buffer.getvalue()
    digest = sha256_of(content)
    received = reference_to(source).key
    name = of_model(Kind.PICTURE, room.author.model, [received.sop_instance_uid])
    key = replace(received, sop_instance_uid=SopInstanceUid(name))
    room.keep_heat_map(
        HeatMap(
            sop_instance_uid=received.sop_instance_uid,
            file_key=room.files.write_report(key, content, file_sha256=digest),
            file_sha256=digest,
            display_threshold=LEAST_HEAT_FRACTION,
        )
    )


def _reported(found: FoundImage, heat_map: Dataset | None) -> ReportedImage:
    return ReportedImage(
        source=found.image.source,
        finding=found.finding,
        statements=found.image.statements,
        heat_map=None if heat_map is None else reference_to(heat_map),
    )


def _without_findings(
    study: OpenedStudy, earlier: Earlier, placement: Placement, room: ReportingRoom
) -> Outcome:
    refusal = foremost([one.refusal for one in study.refused])
    first = next(one for one in study.refused if one.refusal is refusal)
    has_failed = refusal is Refusal.PROCESSING_FAILED
    state = StudyState.FAILED if has_failed else StudyState.NOT_ANALYSED

    def build(predecessor: ObjectReference | None) -> Dataset:
        following = replace(placement, predecessor=predecessor)
        return not_analysed(study.refused, first, following, room.author, state=state)

    ds = _following(build, earlier, room.files)
    return Outcome(
        state=state,
        model=room.author.model,
        refusal=refusal,
        reason=refusal_in_words(refusal, first.detail),
        image_refusals=_image_refusals(study.refused),
        reports=(_write(ds, ReportKind.AI_RESULT, earlier.detail, room.files),),
    )


def _placement(study: OpenedStudy, made_at: datetime) -> Placement:
    sources = [image.source for image in study.images] + [one.source for one in study.refused]
    return Placement(
        source=sources[0],
        received=tuple(reference_to(source) for source in sources),
        made_at=made_at,
    )


def _following(
    build: Callable[[ObjectReference | None], Dataset], earlier: Earlier, files: FileStore
) -> Dataset:
    """Build the document that follows the one that stands, or that one again if nothing changed.

    What a document follows is part of its identity: after a way back to an older model the PACS
    gets a further document, not the older one under its old UID.
    """
    standing = _standing_document(earlier.detail)
    if standing is None:
        return build(_document_of_deleted(earlier.deletions))
    repeated = build(_predecessor_of(standing, files))
    if repeated.SOPInstanceUID == standing.key.sop_instance_uid:
        return repeated
    return build(ObjectReference(key=standing.key, sop_class_uid=standing.sop_class_uid))


def _standing_document(earlier: StudyDetail) -> Report | None:
    """Find the newest document on the study that a model made."""
    for result in earlier.results:
        for report in result.outcome.reports:
            if report.kind is ReportKind.AI_RESULT:
                return report
    return None


def _document_of_deleted(deletions: Sequence[Deletion]) -> ObjectReference | None:
    """Refer to the document of an earlier life, which the PACS still has."""
    for one in deletions:
        if one.document is not None:
            return ObjectReference(key=one.document.key, sop_class_uid=one.document.sop_class_uid)
    return None


def _predecessor_of(report: Report, files: FileStore) -> ObjectReference | None:
    """Read what a document of ours follows; None where it cannot be read any more."""
    try:
        content = files.read(report.file_key, sha256=report.file_sha256)
    except (FileDamaged, FileMissing):
        return None
    return predecessor_in(dcmread(io.BytesIO(content)))


def _image_refusals(refused: Sequence[RefusedImage]) -> tuple[ImageRefusal, ...]:
    return tuple(
        ImageRefusal(
            sop_instance_uid=SopInstanceUid(str(one.source.SOPInstanceUID)),
            refusal=one.refusal,
            reason=refusal_in_words(one.refusal, one.detail),
        )
        for one in refused
    )


def _write(ds: Dataset, kind: ReportKind, earlier: StudyDetail, files: FileStore) -> Report:
    """Make an object durable; one that is already recorded stays as it was first written."""
    for report in earlier.reports:
        if report.key.sop_instance_uid == ds.SOPInstanceUID:
            return report
    content = encode(ds)
    digest = sha256_of(content)
    key: InstanceKey = reference_to(ds).key
    return Report(
        key=key,
        sop_class_uid=str(ds.SOPClassUID),
        kind=kind,
        file_key=files.write_report(key, content, file_sha256=digest),
        file_sha256=digest,
        byte_count=len(content),
    )
