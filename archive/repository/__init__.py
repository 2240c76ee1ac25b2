"""The only SQL of the house: every statement that touches patient data is in this folder.

`Repository` is put together from one file per subject: receiving, working, predicting, delivering,
watching and reading. All methods are synchronous and thread safe; each is one transaction.
"""

from archive.repository.delivering import DeliveringRows
from archive.repository.operating import OperatingRows
from archive.repository.predicting import PredictingRows
from archive.repository.reading import ReadingRows
from archive.repository.receiving import ReceivingRows
from archive.repository.watching import WatchingRows
from archive.repository.working import WorkingRows

__all__ = ["Repository"]


class Repository(
    ReceivingRows,
    WorkingRows,
    PredictingRows,
    DeliveringRows,
    WatchingRows,
    ReadingRows,
    OperatingRows,
):
    """All rows of one installation."""
