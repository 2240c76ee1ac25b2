"""Reviews as a table to take away: CSV or Parquet, without names, comments or logins."""

import csv
import io
from collections.abc import Iterable
from dataclasses import fields
from enum import Enum
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from archive.review_records import JudgedResult

COLUMNS = tuple(field.name for field in fields(JudgedResult))
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
}


def as_csv(judged: Iterable[JudgedResult]) -> bytes:
    """Return one line per decision, with a header, in UTF-8 (RFC 4180)."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for one in judged:
        writer.writerow([_as_text(getattr(one, name)) for name in COLUMNS])
    return buffer.getvalue().encode()


def as_parquet(judged: Iterable[JudgedResult]) -> bytes:
    """Return the same columns, typed."""
    rows = list(judged)
    columns = {
        name: pa.array(
            [_plain(getattr(one, name)) for one in rows], type=_TYPES.get(name, pa.string())
        )
        for name in COLUMNS
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    text = value.isoformat() if hasattr(value, "isoformat") else str(_plain(value))
    # A spreadsheet would run a cell that begins like a formula; senders choose their AE titles.
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text
