from archive.commitment_records import CommitmentReport, CommitmentRequest, NotCommitted
from archive.database import Archive
from archive.records import Delivery, DeliveryState
from tests.integration.archive.test_delivering import reported, take


def deliver(archive: Archive, sent_as: str | None = None) -> None:
    reported(archive)
    for claim in take(archive):
        archive.repository.mark_delivered(claim, dicom_status=0, sent_as=sent_as)


def ask(
    archive: Archive, transaction_uid: str = "2.25.1", *, within_seconds: float = 60
) -> CommitmentRequest | None:
    return archive.repository.open_commitment(
        "pacs",
        transaction_uid=transaction_uid,
        limit=100,
        answer_within_seconds=within_seconds,
    )


def asked(archive: Archive, transaction_uid: str = "2.25.1") -> CommitmentRequest:
    request = ask(archive, transaction_uid)
    assert request is not None
    return request


def all_of(request: CommitmentRequest, *failed: NotCommitted) -> CommitmentReport:
    not_kept = {one.sop_instance_uid for one in failed}
    return CommitmentReport(
        transaction_uid=request.transaction_uid,
        committed=frozenset(one.sop_instance_uid for one in request.references) - not_kept,
        failed=failed,
    )


def deliveries(archive: Archive) -> list[Delivery]:
    return sorted(archive.repository.deliveries(), key=lambda one: one.delivery_id)


def states(archive: Archive) -> list[DeliveryState]:
    return [one.state for one in deliveries(archive)]


def expire(archive: Archive, most_attempts: int = 3) -> int:
    return archive.repository.expire_commitments(
        "pacs", most_attempts=most_attempts, reason="no answer"
    )


DELIVERED, COMMITTED = DeliveryState.DELIVERED, DeliveryState.COMMITTED
GAVE_UP = DeliveryState.GAVE_UP


def test_what_is_delivered_is_asked_for_once_and_committed_by_the_answer(
    any_archive: Archive,
) -> None:
    deliver(any_archive)
    request = asked(any_archive)
    assert len(request.references) == 2
    assert ask(any_archive, "2.25.2") is None
    assert any_archive.repository.commitment_is_open("2.25.1")
    assert states(any_archive) == [DELIVERED, DELIVERED]
    assert any_archive.repository.record_commitment(all_of(request))
    assert any_archive.repository.record_commitment(all_of(request))
    assert states(any_archive) == [COMMITTED, COMMITTED]
    assert not any_archive.repository.commitment_is_open("2.25.1")


def test_it_is_asked_for_under_the_class_that_the_destination_took(archive: Archive) -> None:
    deliver(archive, sent_as="1.2.840.10008.5.1.4.1.1.88.33")
    assert {one.sop_class_uid for one in asked(archive).references} == {
        "1.2.840.10008.5.1.4.1.1.88.33"
    }


def test_what_is_not_kept_is_given_up_with_the_reason_and_may_be_sent_again(
    any_archive: Archive,
) -> None:
    deliver(any_archive)
    request = asked(any_archive)
    lost = NotCommitted(
        sop_instance_uid=request.references[0].sop_instance_uid,
        failure_reason=0x0112,
        words="0x0112 no such object instance",
    )
    any_archive.repository.record_commitment(all_of(request, lost))
    assert states(any_archive) == [GAVE_UP, COMMITTED]
    first = deliveries(any_archive)[0]
    assert (first.dicom_status, first.reason) == (
        0x0112,
        "not committed: 0x0112 no such object instance",
    )
    any_archive.repository.replay_deliveries([first.delivery_id])
    (claim,) = take(any_archive)
    any_archive.repository.mark_delivered(claim, dicom_status=0)
    # The old word, repeated, says nothing of what was sent since.
    any_archive.repository.record_commitment(all_of(request, lost))
    assert states(any_archive) == [DELIVERED, COMMITTED]
    assert len(asked(any_archive, "2.25.2").references) == 1


def test_what_a_report_passes_over_is_not_committed(archive: Archive) -> None:
    deliver(archive)
    request = asked(archive)
    archive.repository.record_commitment(
        CommitmentReport(
            transaction_uid=request.transaction_uid,
            committed=frozenset({request.references[1].sop_instance_uid}),
            failed=(),
        )
    )
    assert states(archive) == [GAVE_UP, COMMITTED]
    assert "did not speak" in deliveries(archive)[0].reason


def test_an_unknown_transaction_changes_nothing(archive: Archive) -> None:
    deliver(archive)
    report = CommitmentReport(transaction_uid="2.25.9", committed=frozenset(), failed=())
    assert archive.repository.record_commitment(report) is False
    assert states(archive) == [DELIVERED, DELIVERED]


def test_silence_is_asked_again_and_given_up_after_enough_attempts(any_archive: Archive) -> None:
    deliver(any_archive)
    assert ask(any_archive, "2.25.1", within_seconds=-1)
    assert expire(any_archive, 2) == 1
    assert states(any_archive) == [DELIVERED, DELIVERED]
    assert deliveries(any_archive)[0].reason == "not committed yet: no answer"
    late = ask(any_archive, "2.25.2", within_seconds=-1)
    assert late is not None
    assert expire(any_archive, 2) == 1
    assert states(any_archive) == [GAVE_UP, GAVE_UP]
    assert ask(any_archive, "2.25.3") is None
    # A word that comes late is a word.
    any_archive.repository.record_commitment(all_of(late))
    assert states(any_archive) == [COMMITTED, COMMITTED]


def test_a_destination_that_is_away_is_not_counted_against_it(archive: Archive) -> None:
    deliver(archive)
    for number in range(5):
        request = asked(archive, f"2.25.{number}")
        archive.repository.postpone_commitment(
            request.transaction_uid, delay_seconds=0, reason="nobody answers at the port"
        )
    assert states(archive) == [DELIVERED, DELIVERED]
    request = asked(archive, "2.25.7")
    archive.repository.postpone_commitment(
        request.transaction_uid, delay_seconds=60, reason="nobody answers at the port"
    )
    assert ask(archive, "2.25.8") is None
    assert archive.repository.give_up_commitments("pacs", after_seconds=60) == 0
    assert archive.repository.give_up_commitments("pacs", after_seconds=-1) == 2
    assert "nobody answers" in deliveries(archive)[0].reason


def test_an_answer_that_is_faster_than_ours_is_kept(archive: Archive) -> None:
    deliver(archive)
    request = asked(archive)
    archive.repository.record_commitment(all_of(request))
    archive.repository.fail_commitment(
        request.transaction_uid, delay_seconds=0, most_attempts=1, reason="0x0110"
    )
    assert states(archive) == [COMMITTED, COMMITTED]
