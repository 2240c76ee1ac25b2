"""What can go wrong in the archive, named after what happens next."""


class ArchiveError(Exception):
    """Base of the archive's errors."""


class MoveForbidden(ArchiveError):
    """A state change that the workflow table does not know; a defect in the caller."""


class LeaseLost(ArchiveError):
    """The work was given to another process, or a late image arrived; drop what was made."""


class ArchiveUnavailable(ArchiveError):
    """The database or the file store does not answer now; try again later."""


class StorageFull(ArchiveUnavailable):
    """The file store has no room left; refuse until there is."""


class FilesInUse(ArchiveError):
    """Files are being deleted or copied by another process; run it again afterwards."""


class FileMissing(ArchiveError):
    """A recorded file is not in the store."""


class FileDamaged(ArchiveError):
    """A stored file no longer has the SHA-256 that was recorded."""


class UidInvalid(ArchiveError):
    """A UID that PS3.5 section 9.1 does not permit; nothing may be stored under it."""


class NotFound(ArchiveError):
    """There is no such study, delivery or report."""


class AlreadyThere(ArchiveError):
    """Something of this name exists already; choose another."""


class AuditBroken(ArchiveError):
    """The audit trail was changed from outside; keep the database as it is and find out who."""


class RevisionStale(ArchiveError):
    """Somebody changed it since it was looked at; look again before deciding."""


class ReviewSettled(ArchiveError):
    """The review is on its way to the PACS; decide anew instead of changing it."""
