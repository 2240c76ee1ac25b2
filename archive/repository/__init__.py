"""The only SQL of the house: every statement that touches patient data is in this folder.

`Repository` is put together from one file per subject: receiving, working, predicting, delivering,
committing, giving up, watching, calling, reading, operating, failures, ruling, fetching priors,
accounts, links to choose passwords, signing in, tokens, auditing, sending the audit trail,
reviewing, the reading list, what is shown beside a result, the store as a whole, lists to take
away and studies whose time is over. All methods are synchronous and thread safe; each is one
transaction.
"""

from archive.repository.accounts import AccountRows
from archive.repository.audit_exporting import AuditExportingRows
from archive.repository.auditing import AuditRows
from archive.repository.calling import CallingRows
from archive.repository.committing import CommittingRows
from archive.repository.delivering import DeliveringRows
from archive.repository.failing import FailingRows
from archive.repository.figures import FigureRows
from archive.repository.giving_up import GivingUpRows
from archive.repository.listing import ListingRows
from archive.repository.operating import OperatingRows
from archive.repository.password_links import PasswordLinkRows
from archive.repository.predicting import PredictingRows
from archive.repository.prior_fetching import PriorFetchingRows
from archive.repository.querying import QueryingRows
from archive.repository.reading import ReadingRows
from archive.repository.reading_list import ReadingListRows
from archive.repository.receiving import ReceivingRows
from archive.repository.retaining import RetainingRows
from archive.repository.reviewing import ReviewingRows
from archive.repository.ruling import RulingRows
from archive.repository.showing import ShowingRows
from archive.repository.signing_in import SigningInRows
from archive.repository.storing import StoringRows
from archive.repository.tokens import TokenRows
from archive.repository.watching import WatchingRows
from archive.repository.working import WorkingRows

__all__ = ["Repository"]


class Repository(
    ReceivingRows,
    WorkingRows,
    PredictingRows,
    DeliveringRows,
    CommittingRows,
    GivingUpRows,
    WatchingRows,
    CallingRows,
    ReadingRows,
    OperatingRows,
    FailingRows,
    RulingRows,
    PriorFetchingRows,
    AccountRows,
    PasswordLinkRows,
    SigningInRows,
    TokenRows,
    AuditRows,
    AuditExportingRows,
    ReviewingRows,
    ReadingListRows,
    ShowingRows,
    FigureRows,
    QueryingRows,
    StoringRows,
    ListingRows,
    RetainingRows,
):
    """All rows of one installation."""
