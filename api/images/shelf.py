"""Keeps the images that were shown last, decoded, so that the next reader does not wait."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from api.images.shown import ShownImage

LARGEST_SHELF_BYTES = 512 << 20


class ImageShelf:
    """Decoded images by the digest of their files; the longest unused go first.

    Each image is decoded once however many ask for it at the same time.
    """

    def __init__(self, largest_bytes: int = LARGEST_SHELF_BYTES) -> None:
        self._largest_bytes = largest_bytes
        self._images: OrderedDict[str, ShownImage] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, file_sha256: str, make: Callable[[], ShownImage]) -> ShownImage:
        """Return an image, made by `make` where it is not here."""
        with self._lock:
            found = self._found(file_sha256)
            if found is not None:
                return found
            making = self._making.setdefault(file_sha256, threading.Lock())
        with making:
            with self._lock:
                found = self._found(file_sha256)
            if found is not None:
                return found
            try:
                image = make()
                with self._lock:
                    self._put(file_sha256, image)
                return image
            finally:
                with self._lock:
                    self._making.pop(file_sha256, None)

    def _found(self, file_sha256: str) -> ShownImage | None:
        image = self._images.get(file_sha256)
        if image is not None:
            self._images.move_to_end(file_sha256)
        return image

    def _put(self, file_sha256: str, image: ShownImage) -> None:
        self._images[file_sha256] = image
        held = sum(one.byte_count for one in self._images.values())
        while held > self._largest_bytes and len(self._images) > 1:
            _, oldest = self._images.popitem(last=False)
            held -= oldest.byte_count
