"""The queue behind `/predict`: images that belong to no study, asked for by a waiting client."""

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, delete, insert, or_, select, update

from archive.errors import LeaseLost, NotFound
from archive.records import (
    ClaimedPrediction,
    FileKey,
    ModelIdentity,
    Prediction,
    Refusal,
)
from archive.repository.transactions import Transactions, database_now
from archive.schema import predictions

# Nobody waits longer; what is older was left behind by a web process that died.
FORGOTTEN_AFTER = timedelta(hours=1)


class PredictingRows(Transactions):
    """Questions of `/predict` and their answers."""

    def add_prediction(self, *, file_key: FileKey, media_type: str) -> str:
        """Ask for a prediction; returns the identifier to look it up with."""
        prediction_id = uuid.uuid4().hex
        with self._writing() as connection:
            connection.execute(
                insert(predictions).values(
                    prediction_id=prediction_id,
                    file_key=file_key,
                    media_type=media_type,
                    asked_at=database_now(connection),
                )
            )
        return prediction_id

    def claim_predictions(
        self, claimant: str, *, limit: int, lease_seconds: float
    ) -> tuple[ClaimedPrediction, ...]:
        """Claim the oldest questions that nobody answers."""
        with self._reading() as connection:
            now = database_now(connection)
            if connection.execute(select(1).where(_is_open(now)).limit(1)).first() is None:
                return ()
        with self._writing() as connection:
            now = database_now(connection)
            rows = connection.execute(
                select(predictions)
                .where(_is_open(now))
                .order_by(predictions.c.asked_at)
                .limit(limit)
                .with_for_update(skip_locked=True)
            ).all()
            connection.execute(
                update(predictions)
                .where(predictions.c.prediction_id.in_([row.prediction_id for row in rows]))
                .values(claimed_by=claimant, lease_until=now + timedelta(seconds=lease_seconds))
            )
        return tuple(
            ClaimedPrediction(
                prediction_id=row.prediction_id,
                claimed_by=claimant,
                file_key=FileKey(row.file_key),
                media_type=row.media_type,
            )
            for row in rows
        )

    def finish_prediction(self, claim: ClaimedPrediction, prediction: Prediction) -> None:
        """Answer a question.

        Raises
        ------
        LeaseLost
            The client no longer waits, or another worker answers it.
        """
        with self._writing() as connection:
            answered = connection.execute(
                update(predictions)
                .where(
                    predictions.c.prediction_id == claim.prediction_id,
                    predictions.c.claimed_by == claim.claimed_by,
                    predictions.c.answer.is_(None),
                )
                .values(answer=_as_json(prediction))
            )
        if answered.rowcount != 1:
            raise LeaseLost("nobody waits for this answer")

    def prediction(self, prediction_id: str) -> Prediction | None:
        """Return the answer, or None while there is none.

        Raises
        ------
        NotFound
            There is no such question.
        """
        with self._reading() as connection:
            row = connection.execute(
                select(predictions.c.answer).where(predictions.c.prediction_id == prediction_id)
            ).one_or_none()
        if row is None:
            raise NotFound("no such prediction")
        return _from_json(row.answer) if row.answer is not None else None

    def drop_prediction(self, prediction_id: str) -> None:
        """Forget a question and its answer; safe to repeat."""
        with self._writing() as connection:
            connection.execute(
                delete(predictions).where(predictions.c.prediction_id == prediction_id)
            )

    def drop_forgotten_predictions(self) -> tuple[FileKey, ...]:
        """Forget questions whose client is long gone; returns the files to delete."""
        with self._writing() as connection:
            limit = database_now(connection) - FORGOTTEN_AFTER
            old = predictions.c.asked_at < limit
            keys = connection.execute(select(predictions.c.file_key).where(old)).scalars().all()
            connection.execute(delete(predictions).where(old))
        return tuple(FileKey(key) for key in keys)


def _is_open(now: Any) -> Any:
    return and_(
        predictions.c.answer.is_(None),
        or_(predictions.c.claimed_by.is_(None), predictions.c.lease_until < now),
    )


def _as_json(prediction: Prediction) -> dict[str, Any]:
    model = prediction.model
    return {
        "label": prediction.label,
        "probability": prediction.probability,
        "decision_threshold": prediction.decision_threshold,
        "model": model
        and {
            "name": model.name,
            "version": model.version,
            "weights_sha256": model.weights_sha256,
            "preprocessing_version": model.preprocessing_version,
        },
        "warnings": list(prediction.warnings),
        "refusal": prediction.refusal,
        "reason": prediction.reason,
    }


def _from_json(answer: dict[str, Any]) -> Prediction:
    return Prediction(
        label=answer["label"],
        probability=answer["probability"],
        decision_threshold=answer["decision_threshold"],
        model=ModelIdentity(**answer["model"]) if answer["model"] else None,
        warnings=tuple(answer["warnings"]),
        refusal=Refusal(answer["refusal"]) if answer["refusal"] else None,
        reason=answer["reason"],
    )
