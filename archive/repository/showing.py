"""What is shown of a study beside its result: priors, images, heat maps."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select

from archive.errors import NotFound
from archive.prior_records import PriorState
from archive.prior_tables import expected_priors
from archive.records import Instance, Presence, StudyState, StudyUid
from archive.repository.reading import studies_with_counts
from archive.repository.rows import AnyRow, instance_of, study_of
from archive.repository.transactions import Transactions, database_now
from archive.review_records import HeatMap, Prior, Verdict
from archive.review_tables import heat_maps, reviews
from archive.schema import instances, studies


class ShowingRows(Transactions):
    """Priors of a study, single images, and the heat maps on them."""

    def priors(self, study_uid: StudyUid, *, limit: int = 10) -> tuple[Prior, ...]:
        """Return other studies of the same patient, the newest first; none without a patient ID.

        A patient is the same where patient ID, birth date and name are: an ID alone repeats
        between hospitals, and a wrong prior is worse than none. What an archive sends as a prior
        is shown once all of it was compared with the patient, and never if that was another.
        """
        this = studies.alias("this")
        same = and_(
            # By this the index finds them.
            func.lower(this.c.patient_id) == func.lower(studies.c.patient_id),
            this.c.patient_id == studies.c.patient_id,
            this.c.patient_birth_date == studies.c.patient_birth_date,
            this.c.patient_name == studies.c.patient_name,
        )
        is_current = and_(reviews.c.study_uid == studies.c.study_uid, reviews.c.is_current)
        with self._reading() as connection:
            rows = connection.execute(
                studies_with_counts()
                .add_columns(reviews.c.verdict, reviews.c.presence.label("reviewed_presence"))
                .join(this, same)
                .outerjoin(reviews, is_current)
                .where(
                    this.c.study_uid == study_uid,
                    this.c.patient_id != "",
                    studies.c.study_uid != study_uid,
                    ~_is_doubtful_prior(database_now(connection)),
                )
                .order_by(studies.c.study_date.desc(), studies.c.first_received_at.desc())
                .limit(limit)
            ).all()
        return tuple(_prior_of(row) for row in rows)

    def instance(self, sop_instance_uid: str) -> Instance:
        """Return one received instance.

        Raises
        ------
        NotFound
            There is no such instance.
        """
        with self._reading() as connection:
            row = connection.execute(
                select(instances).where(instances.c.sop_instance_uid == sop_instance_uid)
            ).one_or_none()
        if row is None:
            raise NotFound("no such instance")
        return instance_of(row)

    def images_with_heat_maps(self, sop_instance_uids: Sequence[str]) -> frozenset[str]:
        """Return which of these images have a heat map."""
        with self._reading() as connection:
            return frozenset(
                connection.execute(
                    select(heat_maps.c.sop_instance_uid).where(
                        heat_maps.c.sop_instance_uid.in_(sop_instance_uids)
                    )
                ).scalars()
            )

    def record_heat_map(self, heat_map: HeatMap) -> None:
        """Record where a model looked; a later one of the same image replaces it."""
        with self._writing() as connection:
            connection.execute(
                delete(heat_maps).where(heat_maps.c.sop_instance_uid == heat_map.sop_instance_uid)
            )
            connection.execute(
                insert(heat_maps).values(
                    sop_instance_uid=heat_map.sop_instance_uid,
                    file_key=heat_map.file_key,
                    file_sha256=heat_map.file_sha256,
                    display_threshold=heat_map.display_threshold,
                    made_at=database_now(connection),
                )
            )

    def heat_map(self, sop_instance_uid: str) -> HeatMap:
        """Return the heat map of an image.

        Raises
        ------
        NotFound
            There is none.
        """
        with self._reading() as connection:
            row = connection.execute(
                select(heat_maps).where(heat_maps.c.sop_instance_uid == sop_instance_uid)
            ).one_or_none()
        if row is None:
            raise NotFound("there is no heat map of this image")
        return HeatMap(
            sop_instance_uid=row.sop_instance_uid,
            file_key=row.file_key,
            file_sha256=row.file_sha256,
            display_threshold=row.display_threshold,
        )


def _is_doubtful_prior(now: datetime) -> Any:
    """Return whether a study that we asked for as a prior is not known to be the patient's."""
    expected = expected_priors.c
    is_uncompared = or_(
        expected.state == PriorState.EXPECTED,
        # A further image has come since.
        studies.c.state == StudyState.RECEIVING,
    )
    return (
        select(expected.study_uid)
        .where(
            expected.study_uid == studies.c.study_uid,
            or_(
                expected.state == PriorState.OTHER_PATIENT,
                # Later it is an ordinary study.
                and_(expected.expected_until >= now, is_uncompared),
            ),
        )
        .correlate(studies)
        .exists()
    )


def _prior_of(row: AnyRow) -> Prior:
    is_own_reading = row.verdict not in (None, Verdict.ACCEPT)
    presence = row.reviewed_presence if is_own_reading else row.ai_presence
    return Prior(
        study=study_of(row),
        presence=Presence(presence) if presence else None,
        probability=row.ai_probability,
        verdict=Verdict(row.verdict) if row.verdict else None,
    )
