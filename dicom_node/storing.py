"""The C-STORE requests of one association, from fragments of messages to an answer.

Fragments go to the place of their data set as they come. Every other message is passed on to
pynetdicom.
"""

from collections.abc import Callable

from pydicom.uid import UID

from dicom_node.errors import MessageMalformed
from dicom_node.incoming import Heading, IncomingDataSet
from dicom_node.pdata import DataValue
from dicom_node.store_command import (
    StoreAnswer,
    StoreRequest,
    read_store_request,
    write_store_response,
)

# The command of a request has a few hundred bytes.
MOST_COMMAND_BYTES = 1 << 16

OpenDataSet = Callable[[Heading], IncomingDataSet]
Serve = Callable[[StoreRequest, IncomingDataSet], StoreAnswer]


class Storing:
    """What one association brings by C-STORE.

    Parameters
    ----------
    transfer_syntax_of
        The transfer syntax of an accepted presentation context; None for any other number.
    open_data_set
        Makes the place for one data set.
    serve
        Answers a request whose data set has come; must not raise.
    send
        Sends the command set of a response in a presentation context.
    pass_on
        Takes a fragment of another message; tells whether that message goes on.
    """

    def __init__(
        self,
        *,
        transfer_syntax_of: Callable[[int], UID | None],
        open_data_set: OpenDataSet,
        serve: Serve,
        send: Callable[[bytes, int], None],
        pass_on: Callable[[DataValue], bool],
    ) -> None:
        self._transfer_syntax_of = transfer_syntax_of
        self._open_data_set = open_data_set
        self._serve = serve
        self._send = send
        self._pass_on = pass_on
        self._commands: list[DataValue] = []
        self._command_bytes = 0
        self._current: tuple[StoreRequest, IncomingDataSet] | None = None
        self._is_passing_on = False

    @property
    def is_busy(self) -> bool:
        """Whether a message has begun and is not yet answered."""
        return self._current is not None or bool(self._commands)

    def take(self, value: DataValue) -> None:
        """Take the next fragment of the association (PS3.7 6.3, PS3.8 annex E).

        Raises
        ------
        MessageMalformed
            The fragments are no sequence of messages; the association cannot go on.
        """
        if self._current is not None:
            self._take_data(value, *self._current)
        elif self._is_passing_on or not (value.is_command or self._commands):
            self._is_passing_on = self._pass_on(value)
        else:
            self._take_command(value)

    def discard(self) -> None:
        """Drop what came of a request that nobody will answer; safe to repeat."""
        if self._current is not None:
            self._current[1].discard()
            self._current = None

    def _take_command(self, value: DataValue) -> None:
        self._command_bytes += len(value.fragment)
        if not value.is_command or self._command_bytes > MOST_COMMAND_BYTES:
            raise MessageMalformed("a command does not end")
        # A copy: the buffer of the connection is filled again.
        self._commands.append(value._replace(fragment=memoryview(bytes(value.fragment))))
        if value.is_last:
            try:
                self._begin()
            finally:
                self._commands, self._command_bytes = [], 0

    def _begin(self) -> None:
        context_id = self._commands[-1].context_id
        content = b"".join(one.fragment for one in self._commands)
        request = read_store_request(content, context_id=context_id)
        if request is None:
            for one in self._commands:
                self._is_passing_on = self._pass_on(one)
            return
        transfer_syntax = self._transfer_syntax_of(context_id)
        if transfer_syntax is None:
            raise MessageMalformed("a presentation context that was not accepted")
        heading = Heading(command=request.command, transfer_syntax=transfer_syntax)
        self._current = request, self._open_data_set(heading)
        if not request.has_data_set:
            self._answer(*self._current)

    def _take_data(
        self, value: DataValue, request: StoreRequest, data_set: IncomingDataSet
    ) -> None:
        if value.is_command or value.context_id != request.context_id:
            raise MessageMalformed("another message within a data set")
        data_set.write(value.fragment)
        if value.is_last:
            self._answer(request, data_set)

    def _answer(self, request: StoreRequest, data_set: IncomingDataSet) -> None:
        try:
            answer = self._serve(request, data_set)
            try:
                self._send(write_store_response(request, answer), request.context_id)
            finally:
                answer.afterwards()
        finally:
            data_set.discard()
            self._current = None
