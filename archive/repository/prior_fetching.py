"""Which studies still want their priors, and which studies come as priors."""

from datetime import timedelta

from sqlalchemy import and_, delete, insert, or_, select, update

from archive.prior_records import ExpectedPrior, NamedPatient, PriorState
from archive.prior_tables import expected_priors, prior_searches
from archive.records import StudyState, StudyUid
from archive.repository.transactions import Transactions, database_now, insert_if_absent
from archive.schema import studies

# Older studies were read without, or have nobody waiting for them.
SEARCHED_WITHIN = timedelta(days=1)
_WANTING = (StudyState.QUEUED, StudyState.ANALYSING, StudyState.REPORTED, StudyState.NOT_ANALYSED)


class PriorFetchingRows(Transactions):
    """Priors of studies, fetched from other archives."""

    def claim_prior_search(self, *, lease_seconds: float) -> StudyUid | None:
        """Take the most urgent study whose priors nobody has looked for; None where there is none.

        Without `finish_prior_search` or `retry_prior_search` it may be claimed again after the
        lease.
        """
        with self._writing() as connection:
            now = database_now(connection)
            row = connection.execute(
                select(studies.c.study_uid, prior_searches.c.attempt)
                .select_from(studies)
                .outerjoin(prior_searches, prior_searches.c.study_uid == studies.c.study_uid)
                .where(
                    studies.c.state.in_(_WANTING),
                    studies.c.patient_id != "",
                    studies.c.first_received_at >= now - SEARCHED_WITHIN,
                    or_(
                        prior_searches.c.study_uid.is_(None),
                        and_(
                            prior_searches.c.finished_at.is_(None),
                            prior_searches.c.next_attempt_at <= now,
                        ),
                    ),
                )
                .order_by(studies.c.priority.desc(), studies.c.first_received_at)
                .limit(1)
            ).one_or_none()
            if row is None:
                return None
            until = now + timedelta(seconds=lease_seconds)
            claim = {"attempt": (row.attempt or 0) + 1, "next_attempt_at": until}
            if row.attempt is None:
                values = {"study_uid": row.study_uid, "words": "", **claim}
                # Another node may have been faster: then it is theirs.
                is_ours = insert_if_absent(connection, prior_searches, values)
                return StudyUid(row.study_uid) if is_ours else None
            taken = connection.execute(
                update(prior_searches)
                .where(
                    prior_searches.c.study_uid == row.study_uid,
                    prior_searches.c.attempt == row.attempt,
                )
                .values(**claim)
            )
            return StudyUid(row.study_uid) if taken.rowcount == 1 else None

    def prior_search_attempts(self, study_uid: StudyUid) -> int:
        """Return how often the priors of a study were looked for."""
        with self._reading() as connection:
            found = connection.execute(
                select(prior_searches.c.attempt).where(prior_searches.c.study_uid == study_uid)
            ).scalar_one_or_none()
        return int(found or 0)

    def finish_prior_search(self, study_uid: StudyUid, *, words: str) -> None:
        """Say what came of a search; it is not made again."""
        with self._writing() as connection:
            connection.execute(
                update(prior_searches)
                .where(prior_searches.c.study_uid == study_uid)
                .values(finished_at=database_now(connection), words=words)
            )

    def retry_prior_search(self, study_uid: StudyUid, *, words: str, after_seconds: float) -> None:
        """Let a search be made again later."""
        with self._writing() as connection:
            later = database_now(connection) + timedelta(seconds=after_seconds)
            connection.execute(
                update(prior_searches)
                .where(prior_searches.c.study_uid == study_uid)
                .values(next_attempt_at=later, words=words)
            )

    def expect_prior(
        self, study_uid: StudyUid, expected: ExpectedPrior, *, within_seconds: float
    ) -> bool:
        """Say that a study is about to come as a prior; False where we have it already."""
        with self._writing() as connection:
            now = database_now(connection)
            known = select(studies.c.study_uid).where(studies.c.study_uid == study_uid)
            if connection.execute(known).first() is not None:
                return False
            connection.execute(
                delete(expected_priors).where(
                    or_(
                        expected_priors.c.study_uid == study_uid,
                        and_(
                            expected_priors.c.expected_until < now,
                            # That another patient's objects came is never forgotten.
                            expected_priors.c.state != PriorState.OTHER_PATIENT,
                        ),
                    )
                )
            )
            connection.execute(
                insert(expected_priors).values(
                    study_uid=study_uid,
                    source=expected.source,
                    patient_id=expected.patient.patient_id,
                    issuer_of_patient_id=expected.patient.issuer_of_patient_id,
                    expected_until=now + timedelta(seconds=within_seconds),
                )
            )
        return True

    def expected_prior(self, study_uid: StudyUid) -> ExpectedPrior | None:
        """Return as whose prior a study is expected now, or None."""
        with self._reading() as connection:
            now = database_now(connection)
            found = connection.execute(
                select(expected_priors).where(
                    expected_priors.c.study_uid == study_uid,
                    expected_priors.c.expected_until >= now,
                )
            ).one_or_none()
        if found is None:
            return None
        return ExpectedPrior(
            source=found.source,
            patient=NamedPatient(
                patient_id=found.patient_id, issuer_of_patient_id=found.issuer_of_patient_id
            ),
        )

    def judge_prior(self, study_uid: StudyUid, *, is_same_patient: bool) -> None:
        """Say whose an expected study was found to be; safe to repeat."""
        state = PriorState.SAME_PATIENT if is_same_patient else PriorState.OTHER_PATIENT
        with self._writing() as connection:
            connection.execute(
                update(expected_priors)
                .where(expected_priors.c.study_uid == study_uid)
                .values(state=state)
            )
