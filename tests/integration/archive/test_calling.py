"""The log of associations: what is kept of it, and how it is looked through."""

from dataclasses import asdict, replace

from archive.association_records import AssociationOutcome, AssociationQuery
from archive.database import Archive
from tests.builders.calls import A_CALL, REJECTED

ANY = AssociationQuery()


def test_a_line_comes_back_as_it_was(any_archive: Archive) -> None:
    any_archive.repository.record_associations([A_CALL, REJECTED], keep=100)
    rejected, first = any_archive.repository.associations(ANY, limit=10)
    assert asdict(first) == asdict(A_CALL) | {"association_id": first.association_id}
    assert (rejected.count, rejected.outcome) == (7, AssociationOutcome.REJECTED)


def test_lines_are_found_by_peer_and_outcome_page_by_page(any_archive: Archive) -> None:
    other = replace(A_CALL, calling_ae_title="MR1", address="10.0.0.8")
    any_archive.repository.record_associations([A_CALL, other, REJECTED, other], keep=100)

    def found(query: AssociationQuery, before: int | None = None) -> list[int]:
        lines = any_archive.repository.associations(query, limit=2, before=before)
        return [one.association_id for one in lines]

    newest = found(ANY)
    assert len(newest) == 2
    assert found(ANY, newest[-1]) == [newest[-1] - 1, newest[-1] - 2]
    assert found(AssociationQuery(peer="mr1")) == found(AssociationQuery(peer="10.0.0.8"))
    assert len(found(AssociationQuery(peer="mr1"))) == 2
    assert len(found(AssociationQuery(outcome=AssociationOutcome.REJECTED))) == 1
    wrong = AssociationQuery(peer="mr1", outcome=AssociationOutcome.REJECTED)
    assert found(wrong) == []


def test_only_the_newest_lines_are_kept(any_archive: Archive) -> None:
    for number in range(30):
        line = replace(A_CALL, stored=number)
        any_archive.repository.record_associations([line], keep=10)
    lines = any_archive.repository.associations(ANY, limit=100)
    assert [one.stored for one in lines] == list(range(29, 19, -1))


def test_callers_who_are_turned_away_do_not_push_out_the_others(any_archive: Archive) -> None:
    any_archive.repository.record_associations([A_CALL], keep=100)
    for _ in range(30):
        any_archive.repository.record_associations([REJECTED] * 10, keep=100)
    lines = any_archive.repository.associations(ANY, limit=1000)
    assert [one.outcome for one in lines].count(AssociationOutcome.REJECTED) == 10
    assert lines[-1].outcome is AssociationOutcome.RELEASED
