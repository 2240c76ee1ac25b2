"""What can go wrong when talking DICOM, named after what happens next."""

from dicom_node.statuses import StoreStatus


class DicomNodeError(Exception):
    """Base of the errors of this room."""


class ListenerFailed(DicomNodeError):
    """The port cannot be opened; the node does not start."""


class ObjectRefused(DicomNodeError):
    """A received object is not kept; the sender hears why.

    Parameters
    ----------
    status
        What C-STORE answers.
    comment
        In words for the sender's log, free of patient data; becomes Error Comment (0000,0902),
        of which the first 64 characters travel (VR LO).
    """

    def __init__(self, status: StoreStatus, comment: str) -> None:
        super().__init__(comment)
        self.status = status
        self.comment = comment


class MessageMalformed(DicomNodeError):
    """What a peer sends in its PDUs are no DIMSE messages; its association is aborted."""


class HeaderUnreadable(DicomNodeError):
    """The beginning of a data set is not DICOM in its transfer syntax."""


class PeerUnavailable(DicomNodeError):
    """No association could be opened, or it broke; nothing was answered, try again later."""


class TitleInvalid(DicomNodeError):
    """An AE title has 1 to 16 characters, no backslash, and is not blank (PS3.5 6.2)."""


class EchoRefused(DicomNodeError):
    """The peer is there and knows us, but answered C-ECHO with a failure."""


class QueryRefused(DicomNodeError):
    """The archive is there and does not answer this question, or does not send what is asked."""


class ContextRefused(DicomNodeError):
    """The peer takes no presentation context under which this object could be sent."""


class ReportUnreadable(DicomNodeError):
    """An object that should be sent is not a DICOM file."""


class TlsUnusable(PeerUnavailable):
    """A certificate, a key or a list of authorities cannot be used; the message names the file."""


class NotificationUnreadable(DicomNodeError):
    """An N-EVENT-REPORT does not say what it speaks of; the peer hears that its argument is bad."""
