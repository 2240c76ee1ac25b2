"""Any fragmentation of the same message makes the same file; what is no message ends in order."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import UID, ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from archive.files import FileStore
from dicom_node.errors import MessageMalformed, ObjectRefused
from dicom_node.incoming import Heading, IncomingDataSet
from dicom_node.pdata import DataValue, values_of
from dicom_node.statuses import StoreStatus
from dicom_node.store_command import StoreAnswer, StoreRequest
from dicom_node.storing import MOST_COMMAND_BYTES, Storing
from tests.builders.dicom_files import radiograph
from tests.builders.pdus import COMMAND, LAST, data_set_of, pieces, store_command, values

UIDS = (str(ComputedRadiographyImageStorage), "1.2.3")
CONTEXT = 5
ECHO = b"\0\0\0\1\2\0\0\0\x30\0"  # Command Field (0000,0100): C-ECHO-RQ
DATA_SET = data_set_of(radiograph(rows=20, columns=30))


@dataclass
class Scene:
    """One association of a node that answers everything with what became of the data set."""

    files: FileStore
    stored: list[bytes] = field(default_factory=list)
    refused: list[StoreStatus] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    passed_on: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.storing = Storing(
            transfer_syntax_of={CONTEXT: UID(ExplicitVRLittleEndian)}.get,
            open_data_set=self.open_data_set,
            serve=self.serve,
            send=lambda _command, context_id: self.sent.append(context_id),
            pass_on=self.pass_on,
        )

    def open_data_set(self, heading: Heading) -> IncomingDataSet:
        return IncomingDataSet(self.files, minimum_free_bytes=0, heading=heading)

    def serve(self, _request: StoreRequest, data_set: IncomingDataSet) -> StoreAnswer:
        try:
            file = data_set.finish()
        except ObjectRefused as refusal:
            self.refused.append(refusal.status)
        else:
            self.stored.append(file.path.read_bytes()[file.data_set_offset :])
        return StoreAnswer(status=StoreStatus.SUCCESS)

    def pass_on(self, value: DataValue) -> bool:
        self.passed_on.append(bytes(value.fragment))
        return not value.is_last

    def take(self, *some: bytes) -> None:
        for one in values_of(memoryview(b"".join(some))):
            self.storing.take(one)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(FileStore(tmp_path))


def command(*fragments: bytes) -> list[bytes]:
    whole = fragments or (store_command(*UIDS),)
    return values(whole, context_id=CONTEXT, is_command=True)


def data(*fragments: bytes) -> list[bytes]:
    return values(fragments or (DATA_SET,), context_id=CONTEXT, is_command=False)


cuts = st.lists(st.integers(0, 10_000), max_size=12)


@given(command_cuts=cuts, data_cuts=cuts, per_pdu=st.integers(1, 6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_fragmentation_makes_the_same_file(
    tmp_path: Path, command_cuts: list[int], data_cuts: list[int], per_pdu: int
) -> None:
    scene = Scene(FileStore(tmp_path))
    message = command(*pieces(store_command(*UIDS), command_cuts))
    message += data(*pieces(DATA_SET, data_cuts))
    message *= 2
    for position in range(0, len(message), per_pdu):
        scene.take(*message[position : position + per_pdu])
    assert scene.stored == [DATA_SET] * 2
    assert scene.sent == [CONTEXT] * 2
    assert not scene.storing.is_busy
    assert list(scene.files.incoming.iterdir()) == []


def test_other_messages_are_passed_on_between_objects(scene: Scene) -> None:
    scene.take(*command(), *data(), *command(ECHO[:4], ECHO[4:]), *command(), *data())
    assert scene.passed_on == [ECHO[:4], ECHO[4:]]
    assert scene.stored == [DATA_SET] * 2


def test_a_data_set_that_is_passed_on_may_look_like_a_request(scene: Scene) -> None:
    # pynetdicom says that its message goes on: everything is its own until it ends.
    scene.storing._is_passing_on = True
    scene.take(*data(store_command(*UIDS)))
    assert scene.passed_on == [store_command(*UIDS)]
    scene.take(*command(), *data())
    assert scene.stored == [DATA_SET]


def test_a_request_without_a_data_set_is_answered_at_once(scene: Scene) -> None:
    scene.take(*command(store_command(*UIDS, with_data_set=False)))
    assert scene.refused == [StoreStatus.CANNOT_UNDERSTAND]
    assert scene.sent == [CONTEXT]


@pytest.mark.parametrize("is_gone", [False, True])
def test_what_can_wait_is_done_behind_the_answer(tmp_path: Path, is_gone: bool) -> None:
    happened: list[str] = []

    def send(_command: bytes, _context_id: int) -> None:
        happened.append("answer")
        if is_gone:
            raise ConnectionResetError

    files = FileStore(tmp_path)
    storing = Storing(
        transfer_syntax_of={CONTEXT: UID(ExplicitVRLittleEndian)}.get,
        open_data_set=lambda heading: IncomingDataSet(files, minimum_free_bytes=0, heading=heading),
        serve=lambda _request, _data_set: StoreAnswer(
            status=StoreStatus.SUCCESS, afterwards=lambda: happened.append("log")
        ),
        send=send,
        pass_on=lambda _value: False,
    )
    with pytest.raises(ConnectionResetError) if is_gone else nullcontext():
        for value in values_of(memoryview(b"".join([*command(), *data()]))):
            storing.take(value)
    assert happened == ["answer", "log"]
    assert list(files.incoming.iterdir()) == []


def test_it_is_busy_from_the_first_fragment_to_the_answer(scene: Scene) -> None:
    whole = store_command(*UIDS)
    first, rest = command(whole[:10], whole[10:])
    for some in (first, rest, data(DATA_SET[:10], DATA_SET[10:])[0]):
        scene.take(some)
        assert scene.storing.is_busy
    scene.take(data(DATA_SET[10:])[0])
    assert not scene.storing.is_busy


def test_what_came_of_an_aborted_request_is_removed(scene: Scene) -> None:
    scene.take(*command(), data(bytes(1 << 20), DATA_SET)[0])  # enough to be written
    assert len(list(scene.files.incoming.iterdir())) == 1
    scene.storing.discard()
    scene.storing.discard()
    assert list(scene.files.incoming.iterdir()) == []


MALFORMED: dict[str, Callable[[], list[bytes]]] = {
    "a command within a data set": lambda: [*command(), data(b"a", b"b")[0], *command()],
    "another context within a data set": lambda: [
        *command(),
        *values([DATA_SET], context_id=CONTEXT + 2, is_command=False),
    ],
    "a context that was not accepted": lambda: values(
        [store_command(*UIDS)], context_id=CONTEXT + 2, is_command=True
    ),
    "data within a command": lambda: [command(b"a", b"b")[0], *data()],
    "a command that does not end": lambda: [command(bytes(MOST_COMMAND_BYTES), b"x")[0]] * 2,
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_what_is_no_sequence_of_messages_is_malformed(scene: Scene, kind: str) -> None:
    with pytest.raises(MessageMalformed):
        scene.take(*MALFORMED[kind]())
    scene.storing.discard()
    assert scene.stored == []
    assert list(scene.files.incoming.iterdir()) == []


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([1, CONTEXT]), cuts), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_fragments_in_any_order_are_taken_or_malformed(
    tmp_path: Path, some: list[tuple[int, int, list[int]]]
) -> None:
    scene = Scene(FileStore(tmp_path))
    contents = {COMMAND: store_command(*UIDS), COMMAND | LAST: store_command(*UIDS)}
    try:
        for control, context_id, at in some:
            content = pieces(contents.get(control, DATA_SET), at)[0]
            scene.storing.take(DataValue(context_id, control, memoryview(content)))
    except MessageMalformed:
        pass
    scene.storing.discard()
    assert list(scene.files.incoming.iterdir()) == []
