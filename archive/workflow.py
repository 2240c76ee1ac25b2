"""Who may move what to where: one table for studies, one for deliveries, one for reviews.

Every state change passes through `check_study_move` or `check_delivery_move`; the SQL of
`repository.py` repeats the permitted earlier states in its WHERE, so that a row which moved in the
meantime is not moved again. README draws these tables.
"""

from archive.errors import MoveForbidden
from archive.records import DeliveryState as D
from archive.records import StudyState as S
from archive.review_records import ReviewState as R

STUDY_MOVES: dict[S, frozenset[S]] = {
    # a further image; nothing came for the quiet period; the same, and a rule discards it
    S.RECEIVING: frozenset({S.RECEIVING, S.QUEUED, S.KEPT}),
    # a late image; claimed by a worker; set aside after its worker died too often
    S.QUEUED: frozenset({S.RECEIVING, S.ANALYSING, S.FAILED}),
    # a late image (the worker's outcome is then refused); the three outcomes; the lease ran out
    S.ANALYSING: frozenset({S.RECEIVING, S.REPORTED, S.NOT_ANALYSED, S.FAILED, S.QUEUED}),
    # a late image, or asked for again: a new result replaces this one
    S.REPORTED: frozenset({S.RECEIVING, S.QUEUED}),
    S.NOT_ANALYSED: frozenset({S.RECEIVING, S.QUEUED}),
    S.FAILED: frozenset({S.RECEIVING, S.QUEUED}),
    # a late image, about which the rules are asked again; a person asked for it
    S.KEPT: frozenset({S.RECEIVING, S.QUEUED}),
}

# Where nothing is on its way any more.
FINISHED_STUDIES = (S.REPORTED, S.NOT_ANALYSED, S.FAILED, S.KEPT)
UNFINISHED_STUDIES = tuple(state for state in S if state not in FINISHED_STUDIES)

DELIVERY_MOVES: dict[D, frozenset[D]] = {
    # claimed by a sender; tried for too long
    D.READY: frozenset({D.SENDING, D.GAVE_UP}),
    # the PACS took it; to be tried again (also when the lease ran out); refused for good
    D.SENDING: frozenset({D.DELIVERED, D.READY, D.GAVE_UP}),
    # storage commitment; sent again because an administrator asked; the PACS does not keep it
    D.DELIVERED: frozenset({D.COMMITTED, D.READY, D.GAVE_UP}),
    D.COMMITTED: frozenset(),
    # sent again because an administrator asked; the PACS said late that it keeps it
    D.GAVE_UP: frozenset({D.READY, D.COMMITTED}),
}

REVIEW_MOVES: dict[R, frozenset[R]] = {
    # its author took it back, or decided anew; the undo window is over and a worker claimed it
    R.HELD: frozenset({R.UNDONE, R.BUILDING}),
    # the verified report is recorded; the lease ran out; failed too often
    R.BUILDING: frozenset({R.REPORTED, R.HELD, R.FAILED}),
    R.REPORTED: frozenset(),
    R.UNDONE: frozenset(),
    # asked for again by an administrator
    R.FAILED: frozenset({R.HELD}),
}


def check_study_move(before: S, after: S) -> None:
    """Do nothing if a study may go from `before` to `after`; else raise `MoveForbidden`."""
    if after not in STUDY_MOVES[before]:
        raise MoveForbidden(f"a study cannot go from {before} to {after}")


def check_delivery_move(before: D, after: D) -> None:
    """Do nothing if a delivery may go from `before` to `after`; else raise `MoveForbidden`."""
    if after not in DELIVERY_MOVES[before]:
        raise MoveForbidden(f"a delivery cannot go from {before} to {after}")


def studies_that_may_become(after: S) -> tuple[S, ...]:
    """States from which a study may go to `after`, for the WHERE of an UPDATE."""
    return tuple(before for before, targets in STUDY_MOVES.items() if after in targets)


def deliveries_that_may_become(after: D) -> tuple[D, ...]:
    """States from which a delivery may go to `after`, for the WHERE of an UPDATE."""
    return tuple(before for before, targets in DELIVERY_MOVES.items() if after in targets)
