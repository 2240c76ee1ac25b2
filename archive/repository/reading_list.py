"""The worklist: what nobody has read yet, in the order in which it should be read."""

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    case,
    delete,
    false,
    func,
    insert,
    select,
    tuple_,
    update,
)

from archive.account_tables import users
from archive.errors import NotFound
from archive.records import Presence, StudyUid
from archive.repository.reading import studies_with_counts
from archive.repository.rows import AnyRow, age_seconds, study_of
from archive.repository.transactions import Transactions, database_now, unix_seconds
from archive.review_records import (
    Band,
    Change,
    WorklistDepth,
    WorklistItem,
)
from archive.review_tables import deferrals, readings
from archive.schema import studies

# First to last; the number is part of cursors.
_BANDS = (Band.OVERDUE, Band.POSITIVE, Band.ROUTINE, Band.DEFERRED)


class ReadingListRows(Transactions):
    """Unread studies, who reads them, what was put off."""

    def worklist(
        self,
        *,
        limit: int,
        waiting_cap_seconds: float,
        after: str | None = None,
        band: Band | None = None,
        is_blind: bool = False,
    ) -> tuple[tuple[WorklistItem, ...], str | None]:
        """Return unread studies: overdue, then AI-positive by probability, then by arrival.

        Bands are those of the moment when the first page was asked for, so that pages neither
        repeat nor leave out a study that becomes overdue in between.

        Parameters
        ----------
        limit
            Studies on a page.
        waiting_cap_seconds
            Who waits longer is overdue.
        after
            The cursor of the page before.
        band
            Only this one.
        is_blind
            What the model says neither orders the list nor stands in it: overdue, then by arrival.

        Raises
        ------
        NotFound
            `after` is no cursor of ours.
        """
        with self._reading() as connection:
            now = database_now(connection)
            as_of, place = _read_cursor(after) if after else (now, None)
            order = _order(as_of - timedelta(seconds=waiting_cap_seconds), is_blind=is_blind)
            rows = connection.execute(_page(order, place, band, limit + 1)).all()
            page = rows[:limit]
            readers = _readers(connection, [row.study_uid for row in page], now)
        items = tuple(_item_of(row, readers.get(row.study_uid, ()), now) for row in page)
        if is_blind:
            items = tuple(replace(item, presence=None, probability=None) for item in items)
        return items, _cursor_after(page[-1], as_of) if len(rows) > limit else None

    def worklist_counts(
        self, *, waiting_cap_seconds: float, is_blind: bool = False
    ) -> dict[Band, int]:
        """Return how many unread studies stand in each band; a blind list has no positives."""
        with self._reading() as connection:
            overdue_before = database_now(connection) - timedelta(seconds=waiting_cap_seconds)
            band = _order(overdue_before, is_blind=is_blind)[0]
            rows = connection.execute(
                select(band, func.count())
                .select_from(studies)
                .outerjoin(deferrals, deferrals.c.study_uid == studies.c.study_uid)
                .where(~studies.c.is_read)
                .group_by(band)
            ).all()
        counts = dict.fromkeys(Band, 0)
        return counts | {_BANDS[number]: count for number, count in rows}

    def worklist_depths(self, *, waiting_cap_seconds: float) -> tuple[WorklistDepth, ...]:
        """Return how many unread studies stand in each band and how long they have waited."""
        with self._reading() as connection:
            now = database_now(connection)
            band = _order(now - timedelta(seconds=waiting_cap_seconds), is_blind=False)[0]
            rows = connection.execute(
                select(
                    band.label("band"),
                    func.count().label("number"),
                    func.min(studies.c.first_received_at).label("oldest"),
                    func.avg(unix_seconds(connection, studies.c.first_received_at)).label("mean"),
                )
                .select_from(studies)
                .outerjoin(deferrals, deferrals.c.study_uid == studies.c.study_uid)
                .where(~studies.c.is_read)
                .group_by(band)
            ).all()
        found = {_BANDS[row.band]: _depth_of(row, now) for row in rows}
        return tuple(found.get(band) or _no_depth(band) for band in _BANDS)

    def begin_reading(self, study_uid: StudyUid, *, user_id: int, lease_seconds: float) -> None:
        """Say that a person has a study open; repeat it while they do.

        Raises
        ------
        NotFound
            There is no such study.
        """
        with self._writing() as connection:
            until = database_now(connection) + timedelta(seconds=lease_seconds)
            connection.execute(delete(readings).where(readings.c.until < database_now(connection)))
            mine = (readings.c.study_uid == study_uid) & (readings.c.user_id == user_id)
            renewed = connection.execute(
                update(readings).where(mine).values(until=until).returning(readings.c.user_id)
            )
            if renewed.first() is None:
                _touch(connection, study_uid)
                connection.execute(
                    insert(readings).values(study_uid=study_uid, user_id=user_id, until=until)
                )

    def end_reading(self, study_uid: StudyUid, *, user_id: int) -> None:
        """Say that a person no longer has a study open; safe to repeat."""
        with self._writing() as connection:
            ended = connection.execute(
                delete(readings)
                .where(readings.c.study_uid == study_uid, readings.c.user_id == user_id)
                .returning(readings.c.study_uid)
            )
            if ended.first() is not None:
                _touch(connection, study_uid)

    def readers(self, study_uid: StudyUid) -> tuple[str, ...]:
        """Return the person names of who has a study open now."""
        with self._reading() as connection:
            return _readers(connection, [study_uid], database_now(connection)).get(study_uid, ())

    def defer(self, study_uid: StudyUid, *, user_id: int, reason: str) -> None:
        """Put a study at the end of the worklist; repeating replaces the reason.

        Raises
        ------
        NotFound
            There is no such study.
        """
        with self._writing() as connection:
            _touch(connection, study_uid)
            connection.execute(delete(deferrals).where(deferrals.c.study_uid == study_uid))
            connection.execute(
                insert(deferrals).values(
                    study_uid=study_uid,
                    user_id=user_id,
                    reason=reason,
                    deferred_at=database_now(connection),
                )
            )

    def changes(self, since: datetime, *, limit: int = 1000) -> tuple[Change, ...]:
        """Return studies that changed at or after a moment, the oldest change first."""
        with self._reading() as connection:
            rows = connection.execute(
                select(studies.c.study_uid, studies.c.revision, studies.c.changed_at)
                .where(studies.c.changed_at >= since)
                .order_by(studies.c.changed_at)
                .limit(limit)
            ).all()
        return tuple(
            Change(
                study_uid=StudyUid(row.study_uid),
                revision=row.revision,
                changed_at=row.changed_at,
            )
            for row in rows
        )


def _page(
    order: tuple[Any, Any, Any, Any],
    place: tuple[Any, ...] | None,
    band: Band | None,
    limit: int,
) -> Select[Any]:
    """Choose a page by its few sorted columns first; everything else is read for that page only.

    Sorting whole rows would count the images of every unread study for every page.
    """
    chosen = (
        select(
            studies.c.study_uid,
            order[0].label("band"),
            order[1].label("suspicion"),
            deferrals.c.reason.label("deferred_reason"),
        )
        .outerjoin(deferrals, deferrals.c.study_uid == studies.c.study_uid)
        .where(~studies.c.is_read)
    )
    if band is not None:
        chosen = chosen.where(order[0] == _BANDS.index(band))
    if place is not None:
        chosen = chosen.where(tuple_(*order) > tuple_(*place))
    page = chosen.order_by(*order).limit(limit).subquery()
    return (
        studies_with_counts()
        .add_columns(page.c.band, page.c.deferred_reason)
        .join(page, page.c.study_uid == studies.c.study_uid)
        .order_by(page.c.band, page.c.suspicion, studies.c.first_received_at, studies.c.study_uid)
    )


def _order(overdue_before: datetime, *, is_blind: bool) -> tuple[Any, Any, Any, Any]:
    """Columns to sort by, all ascending: band, suspicion, arrival, UID."""
    is_positive = false() if is_blind else studies.c.ai_presence == Presence.PRESENT
    band = case(
        (deferrals.c.study_uid.is_not(None), _BANDS.index(Band.DEFERRED)),
        (studies.c.first_received_at <= overdue_before, _BANDS.index(Band.OVERDUE)),
        (is_positive, _BANDS.index(Band.POSITIVE)),
        else_=_BANDS.index(Band.ROUTINE),
    )
    # Only positives are ordered by what the model says: ordering negatives by score would make
    # the least suspicious wait without end.
    suspicion = case(
        (band == _BANDS.index(Band.POSITIVE), -func.coalesce(studies.c.ai_probability, 0.0)),
        else_=0.0,
    )
    return band, suspicion, studies.c.first_received_at, studies.c.study_uid


def _depth_of(row: AnyRow, now: datetime) -> WorklistDepth:
    return WorklistDepth(
        band=_BANDS[row.band],
        count=row.number,
        longest_wait_seconds=age_seconds(row.oldest, now),
        mean_wait_seconds=max(0.0, now.timestamp() - row.mean),
    )


def _no_depth(band: Band) -> WorklistDepth:
    return WorklistDepth(band=band, count=0, longest_wait_seconds=0.0, mean_wait_seconds=0.0)


def _touch(connection: Connection, study_uid: str) -> None:
    """Show a study to those who watch, without a new revision: nothing of it changed."""
    touched = connection.execute(
        update(studies)
        .where(studies.c.study_uid == study_uid)
        .values(is_read=studies.c.is_read)
        .returning(studies.c.study_uid)
    )
    if touched.first() is None:
        raise NotFound("no such study")


def _readers(
    connection: Connection, study_uids: Sequence[str], now: datetime
) -> dict[str, tuple[str, ...]]:
    rows = connection.execute(
        select(readings.c.study_uid, users.c.person_name)
        .join(users, users.c.user_id == readings.c.user_id)
        .where(readings.c.study_uid.in_(study_uids), readings.c.until > now)
        .order_by(users.c.person_name)
    )
    found: dict[str, tuple[str, ...]] = {}
    for row in rows:
        found[row.study_uid] = (*found.get(row.study_uid, ()), row.person_name)
    return found


def _item_of(row: AnyRow, readers: Iterable[str], now: datetime) -> WorklistItem:
    return WorklistItem(
        study=study_of(row),
        band=_BANDS[row.band],
        presence=Presence(row.ai_presence) if row.ai_presence else None,
        probability=row.ai_probability,
        waiting_seconds=age_seconds(row.first_received_at, now),
        readers=tuple(readers),
        deferred_reason=row.deferred_reason or "",
    )


def _cursor_after(row: AnyRow, as_of: datetime) -> str:
    is_positive = row.band == _BANDS.index(Band.POSITIVE)
    place = [
        as_of.isoformat(),
        row.band,
        -(row.ai_probability or 0.0) if is_positive else 0.0,
        row.first_received_at.isoformat(),
        row.study_uid,
    ]
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, tuple[Any, ...]]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        as_of, band, suspicion, received, uid = json.loads(base64.urlsafe_b64decode(padded))
        moments = datetime.fromisoformat(as_of), datetime.fromisoformat(received)
        if any(moment.tzinfo is None for moment in moments) or not isinstance(uid, str):
            raise ValueError(cursor)
        return moments[0], (int(band), float(suspicion), moments[1], uid)
    except (ValueError, TypeError, binascii.Error, OverflowError):
        raise NotFound("no such page") from None
