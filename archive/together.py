"""Lets threads that want the same kind of thing done at one moment share a single doing of it."""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# One doing stays short, however many wait.
MOST_AT_ONCE = 64


class Together(Generic[Item, Result]):
    """Whoever comes while another's doing is under way is served by the next, with all who wait.

    Nobody returns before his own item is done.

    Parameters
    ----------
    do_all
        Does all items, or none where it raises; returns a result for each, in order.
    alone_after
        Where `do_all` raises one of these, each item is done by itself: one must not spoil the
        others.
    """

    def __init__(
        self,
        do_all: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        alone_after: tuple[type[Exception], ...] = (),
    ) -> None:
        self._do_all = do_all
        self._alone_after = alone_after
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[_Wish[Item, Result]] = []

    def do(self, item: Item) -> Result:
        """Do one item; raises what `do_all` raised for it."""
        wish = _Wish[Item, Result](item)
        with self._lock:
            self._waiting.append(wish)
        while not wish.is_done:
            with self._turn:
                if not wish.is_done:
                    self._serve(self._next())
        if wish.error is not None:
            raise wish.error
        return wish.results[0]

    def _next(self) -> "list[_Wish[Item, Result]]":
        with self._lock:
            wishes, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
        return wishes

    def _serve(self, wishes: "Sequence[_Wish[Item, Result]]") -> None:
        try:
            results = self._do_all([wish.item for wish in wishes])
        except Exception as error:  # noqa: BLE001  # raised again where each item came from
            if len(wishes) > 1 and isinstance(error, self._alone_after):
                for wish in wishes:
                    self._serve([wish])
                return
            for wish in wishes:
                wish.error = error
                wish.is_done = True
            return
        for wish, result in zip(wishes, results, strict=True):
            wish.results.append(result)
            wish.is_done = True


class _Wish(Generic[Item, Result]):
    """An item and what came of it."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.results: list[Result] = []
        self.error: Exception | None = None
        self.is_done = False
