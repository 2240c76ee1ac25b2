"""Takes from a connection what there is, and hands it out in the pieces that are asked for.

One read of the operating system brings many small PDUs, or a large one; nothing is copied but what
stands at the end of the buffer when it is full.
"""

from collections.abc import Callable


class ReadAhead:
    """The bytes of one connection that came and were not yet asked for.

    Parameters
    ----------
    receive_into
        Fills a buffer as far as it can at once and returns how many bytes that were, 0 at the end
        of the connection; may raise OSError.
    size_bytes
        Of the buffer; it grows where a single piece is longer.
    """

    def __init__(self, receive_into: Callable[[memoryview], int], size_bytes: int) -> None:
        self._receive_into = receive_into
        self._view = memoryview(bytearray(size_bytes))
        self._begin = 0
        self._end = 0

    @property
    def byte_count(self) -> int:
        """How many bytes can be taken without waiting."""
        return self._end - self._begin

    def wait_for(self, count: int) -> bool:
        """Wait until that many bytes are there; False when the connection ends before.

        Raises
        ------
        OSError
            As `receive_into` does.
        """
        if self._begin + count > len(self._view):
            self._make_room(count)
        while self.byte_count < count:
            received = self._receive_into(self._view[self._end :])
            if received == 0:
                return False
            self._end += received
        return True

    def peek(self, count: int) -> memoryview:
        """Return the next bytes, which have to be there; good until the next wait."""
        return self._view[self._begin : self._begin + count]

    def take(self, count: int) -> memoryview:
        """Return the next bytes, which have to be there, and go on; good until the next wait."""
        taken = self.peek(count)
        self._begin += count
        if self._begin == self._end:
            self._begin = self._end = 0
        return taken

    def _make_room(self, count: int) -> None:
        kept = bytes(self.peek(self.byte_count))
        if count > len(self._view):
            self._view = memoryview(bytearray(count))
        self._view[: len(kept)] = kept
        self._begin, self._end = 0, len(kept)
