"""Where each node stands with its rules, and requests to read them again."""

from sqlalchemy import func, insert, select, update

from archive.operation_records import RuleStanding
from archive.operation_tables import rule_reloads, rule_standings
from archive.repository.transactions import Transactions, database_now, insert_if_absent


class RulingRows(Transactions):
    """Rules as nodes and administrators see them."""

    def ask_rule_reload(self, *, asked_by: str) -> int:
        """Ask every node to read its rules again; returns the number of the request."""
        with self._writing() as connection:
            reload_id: int = connection.execute(
                insert(rule_reloads)
                .values(asked_by=asked_by, asked_at=database_now(connection))
                .returning(rule_reloads.c.reload_id)
            ).scalar_one()
        return reload_id

    def last_rule_reload(self) -> int:
        """Return the number of the newest request, 0 before the first."""
        with self._reading() as connection:
            newest = connection.execute(select(func.max(rule_reloads.c.reload_id))).scalar_one()
        return int(newest or 0)

    def rules_loaded(self, node: str, *, rules_sha256: str, rule_count: int) -> None:
        """Say that a node works by these rules; safe to repeat."""
        with self._writing() as connection:
            row = {
                "rules_sha256": rules_sha256,
                "rule_count": rule_count,
                "loaded_at": database_now(connection),
                "fault": "",
                "faulted_at": None,
            }
            here = rule_standings.c.node == node
            if not insert_if_absent(connection, rule_standings, {"node": node, **row}):
                connection.execute(update(rule_standings).where(here).values(row))

    def rules_not_loaded(self, node: str, *, fault: str) -> None:
        """Say why a node keeps the rules that it has."""
        with self._writing() as connection:
            connection.execute(
                update(rule_standings)
                .where(rule_standings.c.node == node)
                .values(fault=fault, faulted_at=database_now(connection))
            )

    def rule_standings(self) -> tuple[RuleStanding, ...]:
        """Return the rules of every node, by name."""
        with self._reading() as connection:
            rows = connection.execute(select(rule_standings).order_by(rule_standings.c.node)).all()
        return tuple(
            RuleStanding(
                node=row.node,
                rules_sha256=row.rules_sha256,
                rule_count=row.rule_count,
                loaded_at=row.loaded_at,
                fault=row.fault,
                faulted_at=row.faulted_at,
            )
            for row in rows
        )
