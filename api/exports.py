"""Reviews and studies as tables to take away: CSV or Parquet, without names, comments or logins."""

import csv
import io
from collections.abc import Iterable
from dataclasses import fields
from enum import Enum
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from archive.operation_records import ListedStudy
from archive.review_records import JudgedResult

Record = TypeVar("Record", JudgedResult, ListedStudy)
_TYPES = {
    "review_id": pa.int64(),
    "made_at": pa.timestamp("us", tz="UTC"),
    "image_visible_milliseconds": pa.int64(),
    "key_count": pa.int64(),
    "click_count": pa.int64(),
    "is_heat_map_opened": pa.bool_(),
    "probability": pa.float64(),
    "decision_threshold": pa.float64(),
    "patient_age_years": pa.int64(),
    "priority": pa.int64(),
    "instance_count": pa.int64(),
    "first_received_at": pa.timestamp("us", tz="UTC"),
    "last_received_at": pa.timestamp("us", tz="UTC"),
    "result_made_at": pa.timestamp("us", tz="UTC"),
    "ai_probability": pa.float64(),
    "is_read": pa.bool_(),
}


def as_csv(records: Iterable[Record], kind: type[Record]) -> bytes:
    """Return one line per record, with a header, in UTF-8 (RFC 4180)."""
    columns = _columns_of(kind)
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for one in records:
        writer.writerow([_as_text(getattr(one, name)) for name in columns])
    return buffer.getvalue().encode()


def as_parquet(records: Iterable[Record], kind: type[Record]) -> bytes:
    """Return the same columns, typed."""
    rows = list(records)
    columns = {
        name: pa.array(
            [_plain(getattr(one, name)) for one in rows], type=_TYPES.get(name, pa.string())
        )
        for name in _columns_of(kind)
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def _columns_of(kind: type[Record]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    text = value.isoformat() if hasattr(value, "isoformat") else str(_plain(value))
    # A spreadsheet would run a cell that begins like a formula; senders choose their AE titles.
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text
