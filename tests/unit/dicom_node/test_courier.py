import threading
from datetime import UTC, datetime, timedelta

import pytest

from archive.database import Archive
from archive.records import Delivery, DeliveryState
from config.settings import DeliverySettings
from dicom_node.answers import Answer, Consignment, answer_of
from dicom_node.backoff import BackOff
from dicom_node.courier import IDLE_SECONDS, Courier
from dicom_node.errors import ContextRefused, PeerUnavailable
from dicom_node.standing import Standing
from tests.builders.reports_to_send import a_study_with_reports

SETTINGS = DeliverySettings(
    poll_seconds=0.1,
    lease_seconds=60,
    batch_size=16,
    first_retry_seconds=2,
    longest_retry_seconds=900,
    give_up_after_seconds=172800,
    timeout_seconds=1,
    commitment_timeout_seconds=60,
    commitment_attempts=3,
)
# Due again at once, so that a test need not wait for the database's clock.
NO_WAIT = BackOff(first_seconds=0, longest_seconds=0, uniform=lambda _low, _high: 1.0)
GONE = PeerUnavailable("nobody answers at the port")


class Script:
    """Plays the link: answers or raises what is on its list, then success for ever."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[bytes] = []
        self.idle: list[float] = []
        self.is_aborted = False

    def send(self, consignment: Consignment) -> Answer:
        self.sent.append(consignment.content)
        answer = self.answers.pop(0) if self.answers else 0
        if isinstance(answer, Exception):
            raise answer
        return answer_of(answer)

    def close(self) -> None:
        pass

    def close_when_idle_for(self, seconds: float) -> None:
        self.idle.append(seconds)

    def abort(self) -> None:
        self.is_aborted = True


class Clock:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def courier(
    archive: Archive, link: Script, *, clock: Clock | None = None, back_off: BackOff = NO_WAIT
) -> Courier:
    return Courier(
        "pacs",
        archive,
        link,
        SETTINGS,
        claimant="s1",
        back_off=back_off,
        clock=clock or Clock(),
    )


def step(sender: Courier, times: int = 1) -> float:
    return [sender.step(threading.Event()) for _ in range(times)][-1]


def deliveries(archive: Archive) -> list[Delivery]:
    return sorted(archive.repository.deliveries(), key=lambda delivery: delivery.delivery_id)


def states(archive: Archive) -> list[DeliveryState]:
    return [delivery.state for delivery in deliveries(archive)]


def test_a_report_is_delivered_once(archive: Archive) -> None:
    (report,) = a_study_with_reports(archive)
    link = Script()
    step(courier(archive, link), times=3)
    assert link.sent == [archive.files.read(report.file_key)]
    (delivery,) = deliveries(archive)
    assert (delivery.state, delivery.dicom_status) == (DeliveryState.DELIVERED, 0)


@pytest.mark.parametrize("status", [0xB000, 0xB006, 0xB007])
def test_a_warning_counts_as_delivered_and_is_said(archive: Archive, status: int) -> None:
    a_study_with_reports(archive)
    step(courier(archive, Script(status)))
    (delivery,) = deliveries(archive)
    assert delivery.state is DeliveryState.DELIVERED
    assert delivery.dicom_status == status
    assert f"0x{status:04X}" in delivery.reason


@pytest.mark.parametrize("status", [0xA900, 0xC000, 0xC123])
def test_what_is_refused_for_good_is_given_up_with_the_code(archive: Archive, status: int) -> None:
    a_study_with_reports(archive)
    link = Script(status)
    step(courier(archive, link), times=3)
    (delivery,) = deliveries(archive)
    assert (delivery.state, delivery.dicom_status) == (DeliveryState.GAVE_UP, status)
    assert f"0x{status:04X}" in delivery.reason
    assert len(link.sent) == 1


@pytest.mark.parametrize("status", [0x0110, 0xA700, 0x0122])
def test_a_failure_is_never_delivered_and_tried_again(archive: Archive, status: int) -> None:
    a_study_with_reports(archive)
    sender = courier(archive, Script(status))
    step(sender)
    (delivery,) = deliveries(archive)
    assert (delivery.state, delivery.dicom_status) == (DeliveryState.READY, status)
    step(sender)
    (delivery,) = deliveries(archive)
    assert (delivery.state, delivery.attempt) == (DeliveryState.DELIVERED, 2)


def test_a_later_report_does_not_overtake_one_that_failed(archive: Archive) -> None:
    first, second = a_study_with_reports(archive, reports=2)
    back_off = BackOff(first_seconds=60, longest_seconds=60, uniform=lambda _low, _high: 1.0)
    link = Script(0x0110)
    sender = courier(archive, link, back_off=back_off)
    step(sender, times=2)
    assert link.sent == [archive.files.read(first.file_key)]
    assert [one.attempt for one in deliveries(archive)] == [1, 0]
    assert second.key.sop_instance_uid == deliveries(archive)[1].sop_instance_uid


def test_a_dead_destination_costs_one_probe_for_all_that_waits(archive: Archive) -> None:
    for study in range(1, 21):
        a_study_with_reports(archive, study)
    clock, link = Clock(), Script(*[GONE] * 3)
    back_off = BackOff(first_seconds=4, longest_seconds=900, uniform=lambda _low, _high: 1.0)
    sender = courier(archive, link, clock=clock, back_off=back_off)
    step(sender)
    assert step(sender) == 4
    assert sender.is_waiting
    assert len(link.sent) == 1
    assert set(states(archive)) == {DeliveryState.READY}
    assert {one.attempt for one in deliveries(archive)} == {0}
    clock.seconds += 4
    step(sender)
    assert step(sender) == 8
    assert len(link.sent) == 2


def test_a_destination_that_is_back_gets_everything(archive: Archive) -> None:
    for study in range(1, 4):
        a_study_with_reports(archive, study, reports=2)
    sender = courier(archive, Script(GONE, GONE))
    step(sender, times=5)
    assert set(states(archive)) == {DeliveryState.DELIVERED}
    assert not sender.is_waiting


def test_a_full_destination_is_spared_everything_else(archive: Archive) -> None:
    for study in (1, 2, 3):
        a_study_with_reports(archive, study)
    back_off = BackOff(first_seconds=4, longest_seconds=900, uniform=lambda _low, _high: 1.0)
    link = Script(0xA700)
    sender = courier(archive, link, back_off=back_off)
    step(sender)
    assert step(sender) == 4
    assert len(link.sent) == 1
    assert [one.dicom_status for one in deliveries(archive)] == [0xA700, None, None]


def test_what_was_tried_for_two_days_is_given_up_with_the_last_reason(archive: Archive) -> None:
    a_study_with_reports(archive)
    sender = Courier(
        "pacs",
        archive,
        Script(GONE),
        SETTINGS,
        claimant="s1",
        back_off=NO_WAIT,
        now=lambda: datetime.now(UTC) + timedelta(hours=49),
    )
    step(sender)
    (delivery,) = deliveries(archive)
    assert delivery.state is DeliveryState.GAVE_UP
    assert delivery.reason == "nobody answers at the port"


def test_a_context_that_is_refused_does_not_hold_back_the_rest(archive: Archive) -> None:
    a_study_with_reports(archive, reports=2)
    step(courier(archive, Script(ContextRefused("the peer does not take SR"))))
    assert states(archive) == [DeliveryState.GAVE_UP, DeliveryState.DELIVERED]
    assert "does not take SR" in deliveries(archive)[0].reason


def test_a_damaged_file_is_never_sent(archive: Archive) -> None:
    (report,) = a_study_with_reports(archive)
    archive.files.path_of(report.file_key).write_bytes(b"something else")
    link = Script()
    step(courier(archive, link))
    (delivery,) = deliveries(archive)
    assert delivery.state is DeliveryState.GAVE_UP
    assert "FileDamaged" in delivery.reason
    assert link.sent == []


def test_a_lost_lease_ends_nothing(archive: Archive) -> None:
    a_study_with_reports(archive)
    a_study_with_reports(archive, study=2)

    class Slow(Script):
        def send(self, consignment: Consignment) -> Answer:
            if not self.sent:
                # While the first is being sent, its lease ends and another sender finishes it.
                held = archive.repository.claim_deliveries("s1", "pacs", limit=0, lease_seconds=1)
                assert held == ()
                first = deliveries(archive)[0]
                archive.repository.extend_delivery_leases("s1", lease_seconds=-1)
                (claim, *rest) = archive.repository.claim_deliveries(
                    "s2", "pacs", limit=16, lease_seconds=60
                )
                assert claim.delivery_id == first.delivery_id
                for one in (claim, *rest):
                    archive.repository.mark_delivered(one, dicom_status=0)
            return super().send(consignment)

    link = Slow()
    step(courier(archive, link))
    assert len(link.sent) == 2
    assert set(states(archive)) == {DeliveryState.DELIVERED}


def test_a_stopped_sender_gives_back_what_it_has_not_sent(archive: Archive) -> None:
    a_study_with_reports(archive, reports=3)
    stop = threading.Event()

    class Stopping(Script):
        def send(self, consignment: Consignment) -> Answer:
            stop.set()
            return super().send(consignment)

    courier(archive, Stopping()).step(stop)
    assert states(archive) == [
        DeliveryState.DELIVERED,
        DeliveryState.READY,
        DeliveryState.READY,
    ]
    assert [one.attempt for one in deliveries(archive)] == [1, 0, 0]


def test_an_idle_association_is_released(archive: Archive) -> None:
    link = Script()
    assert step(courier(archive, link)) == SETTINGS.poll_seconds
    assert link.idle == [IDLE_SECONDS]


def test_a_pace_is_kept_between_objects_and_ends_at_a_stop(archive: Archive) -> None:
    a_study_with_reports(archive, reports=3)
    waits: list[float | None] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            return len(waits) > 2

    link = Script()
    standing = Standing(NO_WAIT, objects_per_second=0.5, clock=Clock())
    sender = Courier("pacs", archive, link, SETTINGS, claimant="s1", standing=standing)
    sender.step(Stop())
    assert waits == [0, 2, 4]
    assert len(link.sent) == 2
    assert states(archive)[2] is DeliveryState.READY
