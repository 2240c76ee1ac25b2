"""Which studies still want their priors, and which studies come as priors."""

from datetime import timedelta
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, tuple_, update

from archive.errors import NotFound
from archive.prior_records import (
    ExpectedPrior,
    NamedPatient,
    PriorSearch,
    PriorSearchState,
    PriorState,
)
from archive.prior_tables import expected_priors, prior_searches
from archive.records import StudyState, StudyUid
from archive.repository.cursors import cursor_at, place_of
from archive.repository.rows import AnyRow
from archive.repository.transactions import Transactions, database_now, insert_if_absent
from archive.schema import studies

# Older studies were read without, or have nobody waiting for them.
SEARCHED_WITHIN = timedelta(days=1)
# How the words of a search begin that failed too often; the table has no column for it.
_GAVE_UP = "given up: "
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
                    or_(
                        and_(
                            prior_searches.c.study_uid.is_(None),
                            studies.c.first_received_at >= now - SEARCHED_WITHIN,
                        ),
                        # Begun, or asked for again by an administrator: however old the study is.
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

    def give_up_prior_search(self, study_uid: StudyUid, *, words: str) -> None:
        """Say why a search failed for the last time; an administrator may ask for it again."""
        self.finish_prior_search(study_uid, words=f"{_GAVE_UP}{words}")

    def prior_searches(
        self, *, limit: int, before: str | None = None, state: PriorSearchState | None = None
    ) -> tuple[tuple[PriorSearch, ...], str | None]:
        """Return searches, the last made first, and the cursor of the next page if there is one.

        Parameters
        ----------
        limit
            Searches on a page.
        before
            The cursor of the page before.
        state
            Only searches in this state.

        Raises
        ------
        NotFound
            `before` is no cursor of ours.
        """
        order = (prior_searches.c.next_attempt_at, prior_searches.c.study_uid)
        statement = select(prior_searches).order_by(*(column.desc() for column in order))
        if before is not None:
            statement = statement.where(tuple_(*order) < tuple_(*place_of(before)))
        if state is not None:
            statement = statement.where(_is_in(state))
        with self._reading() as connection:
            rows = connection.execute(statement.limit(limit + 1)).all()
        page = tuple(_search_of(row) for row in rows[:limit])
        if len(rows) <= limit:
            return page, None
        return page, cursor_at(page[-1].next_attempt_at, page[-1].study_uid)

    def prior_search_counts(self) -> dict[PriorSearchState, int]:
        """Return how many searches stand in each state."""
        with self._reading() as connection:
            return {
                state: connection.execute(
                    select(func.count()).select_from(prior_searches).where(_is_in(state))
                ).scalar_one()
                for state in PriorSearchState
            }

    def replay_prior_search(self, study_uid: StudyUid) -> None:
        """Let a finished search be made again from the start, as soon as a node has time.

        Raises
        ------
        NotFound
            There is no finished search of this study.
        """
        with self._writing() as connection:
            replayed = connection.execute(
                update(prior_searches)
                .where(
                    prior_searches.c.study_uid == study_uid,
                    prior_searches.c.finished_at.is_not(None),
                )
                .values(
                    attempt=0,
                    next_attempt_at=database_now(connection),
                    finished_at=None,
                    words="",
                )
                .returning(prior_searches.c.study_uid)
            )
            if replayed.first() is None:
                raise NotFound("no finished search for priors")

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


def _is_in(state: PriorSearchState) -> Any:
    is_given_up = prior_searches.c.words.startswith(_GAVE_UP)
    if state is PriorSearchState.WAITING:
        return prior_searches.c.finished_at.is_(None)
    return and_(
        prior_searches.c.finished_at.is_not(None),
        is_given_up if state is PriorSearchState.GAVE_UP else ~is_given_up,
    )


def _search_of(row: AnyRow) -> PriorSearch:
    state = PriorSearchState.WAITING
    if row.finished_at is not None:
        is_given_up = row.words.startswith(_GAVE_UP)
        state = PriorSearchState.GAVE_UP if is_given_up else PriorSearchState.DONE
    return PriorSearch(
        study_uid=StudyUid(row.study_uid),
        state=state,
        attempt=row.attempt,
        next_attempt_at=row.next_attempt_at,
        finished_at=row.finished_at,
        words=row.words,
    )
