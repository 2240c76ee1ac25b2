"""Inserts that run for every object: compiled once, then given to the driver as they are.

To look a statement, its columns and their types up anew for each execution, as SQLAlchemy does,
takes longer than a database needs for a row.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Insert


class Prepared:
    """An insert of rows; a column that a row does not give is null, whatever its default.

    Parameters
    ----------
    statement
        Without values; its literals are part of it.
    dialect
        Of the database.
    """

    def __init__(self, statement: Insert, dialect: Dialect) -> None:
        columns = statement.table.c.keys()
        compiled = statement.compile(dialect=dialect, column_keys=columns)
        self._text = str(compiled)
        self._otherwise = {**compiled.params, **dict.fromkeys(columns)}
        self._order = compiled.positiontup if compiled.positional else None
        types = {name: statement.table.c[name].type.dialect_impl(dialect) for name in columns}
        converters = {name: type_.bind_processor(dialect) for name, type_ in types.items()}
        self._converters = {name: one for name, one in converters.items() if one is not None}

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run it for rows; return how many of the table were inserted or changed."""
        parameters = [self._parameters(row) for row in rows]
        options = {"preserve_rowcount": True}
        return connection.exec_driver_sql(self._text, parameters, options).rowcount

    def _parameters(self, row: Mapping[str, Any]) -> Any:  # as the driver wants them
        values = {**self._otherwise, **row}
        for name, convert in self._converters.items():
            values[name] = convert(values[name])
        return values if self._order is None else tuple([values[name] for name in self._order])
