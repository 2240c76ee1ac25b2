"""What administrators ask of single rows."""

from sqlalchemy import select

from archive.errors import NotFound
from archive.records import Delivery
from archive.repository.rows import delivery_of
from archive.repository.transactions import Transactions
from archive.schema import deliveries, reports


class OperatingRows(Transactions):
    """Single deliveries, for replay and inspection."""

    def delivery(self, delivery_id: int) -> Delivery:
        """Return one delivery.

        Raises
        ------
        NotFound
            There is no such delivery.
        """
        with self._reading() as connection:
            row = connection.execute(
                select(deliveries, reports.c.sop_class_uid, reports.c.kind)
                .join(reports, reports.c.sop_instance_uid == deliveries.c.sop_instance_uid)
                .where(deliveries.c.delivery_id == delivery_id)
            ).one_or_none()
        if row is None:
            raise NotFound("no such delivery")
        return delivery_of(row)
