"""Deliveries that were given up, one after the other, for the webhooks that want to know.

A trigger of the migrations writes each of them down, by whatever statement it was given up.
"""

from sqlalchemy import func, select, update

from archive.operation_records import GiveUp
from archive.operation_tables import give_ups, give_ups_told
from archive.records import SopInstanceUid, StudyUid
from archive.repository.transactions import Transactions, insert_if_absent
from archive.schema import deliveries


class GivingUpRows(Transactions):
    """What was given up, and how far each webhook was told of it."""

    def begin_telling_give_ups(self, webhook: str) -> None:
        """Let a webhook be told of what is given up from now on; safe to repeat."""
        with self._writing() as connection:
            newest = connection.execute(select(func.max(give_ups.c.give_up_id))).scalar_one()
            row = {"webhook": webhook, "give_up_id": newest or 0}
            insert_if_absent(connection, give_ups_told, row)

    def next_give_up(self, webhook: str) -> GiveUp | None:
        """Return the oldest that a webhook was not told of; never one of its own deliveries."""
        told = select(give_ups_told.c.give_up_id).where(give_ups_told.c.webhook == webhook)
        with self._reading() as connection:
            row = connection.execute(
                select(
                    give_ups,
                    deliveries.c.destination,
                    deliveries.c.study_uid,
                    deliveries.c.sop_instance_uid,
                )
                .join(deliveries, deliveries.c.delivery_id == give_ups.c.delivery_id)
                .where(
                    give_ups.c.give_up_id > told.scalar_subquery(),
                    deliveries.c.destination != webhook,
                )
                .order_by(give_ups.c.give_up_id)
                .limit(1)
            ).one_or_none()
        if row is None:
            return None
        return GiveUp(
            give_up_id=row.give_up_id,
            at=row.at,
            destination=row.destination,
            study_uid=StudyUid(row.study_uid),
            sop_instance_uid=SopInstanceUid(row.sop_instance_uid),
        )

    def give_up_told(self, webhook: str, give_up_id: int) -> None:
        """Say that a webhook knows of it, or never will; safe to repeat."""
        with self._writing() as connection:
            connection.execute(
                update(give_ups_told)
                .where(give_ups_told.c.webhook == webhook, give_ups_told.c.give_up_id < give_up_id)
                .values(give_up_id=give_up_id)
            )
