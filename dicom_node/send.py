"""Sends files to a peer as they are, for administrators and the demonstration."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.presentation import build_context

from config.destinations import ClientTlsSettings
from dicom_node.errors import PeerUnavailable
from dicom_node.sender import MOST_CONTEXTS, Peer, application_entity, associate
from dicom_node.statuses import DeliveryVerdict, StoreStatus, delivery_verdict, words_for
from dicom_node.upper_layer import prepare_pynetdicom

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class FileAnswer:
    """What became of one file."""

    path: Path
    is_stored: bool
    status: int | None
    """None where the file was not sent, or no answer came."""
    words: str


@dataclass(frozen=True, kw_only=True)
class _Sendable:
    path: Path
    sop_class_uid: UID
    transfer_syntax_uid: UID

    @property
    def form(self) -> tuple[UID, UID]:
        return self.sop_class_uid, self.transfer_syntax_uid


def send_files(
    host: str,
    port: int,
    paths: Iterable[Path],
    *,
    called_ae_title: str,
    calling_ae_title: str,
    timeout_seconds: float = TIMEOUT_SECONDS,
    tls: ClientTlsSettings | None = None,
) -> Iterator[FileAnswer]:
    """Send files, and all files in folders, bytes unchanged; yield one answer per file.

    Raises
    ------
    PeerUnavailable
        No association; answers that came before were yielded.
    TitleInvalid
        One of the titles is none.
    """
    prepare_pynetdicom()
    sendable: list[_Sendable] = []
    for path in files_in(paths):
        found = _look_at(path)
        if isinstance(found, FileAnswer):
            yield found
        else:
            sendable.append(found)
    peer = Peer(ae_title=called_ae_title, host=host, port=port, tls=tls)
    ae = application_entity(calling_ae_title, timeout_seconds=timeout_seconds)
    for files, forms in _associations(sendable):
        contexts = [build_context(sop_class, syntax) for sop_class, syntax in forms]
        association = associate(ae, peer, contexts, timeout_seconds)
        try:
            for message_id, file in enumerate(files):
                yield _send(association, file, message_id % 0xFFFF + 1)
        finally:
            if association.is_established:
                association.release()


def files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield files as they are named, and all files in folders."""
    for path in paths:
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if found.is_file())
        else:
            yield path


def _look_at(path: Path) -> _Sendable | FileAnswer:
    try:
        meta = read_file_meta_info(path)
        return _Sendable(
            path=path,
            sop_class_uid=UID(meta.MediaStorageSOPClassUID),
            transfer_syntax_uid=UID(meta.TransferSyntaxUID),
        )
    except OSError as error:
        words = f"cannot be read: {error.strerror}"
    except (InvalidDicomError, AttributeError, EOFError, ValueError):
        words = "not a DICOM file"
    return FileAnswer(path=path, is_stored=False, status=None, words=words)


def _associations(
    files: Sequence[_Sendable],
) -> Iterator[tuple[list[_Sendable], list[tuple[UID, UID]]]]:
    """Group files so that no association needs more contexts than one may have."""
    forms = list(dict.fromkeys(file.form for file in files))
    for start in range(0, len(forms), MOST_CONTEXTS):
        chosen = forms[start : start + MOST_CONTEXTS]
        yield [file for file in files if file.form in chosen], chosen


def _send(association: Association, file: _Sendable, message_id: int) -> FileAnswer:
    try:
        answer = association.send_c_store(file.path, msg_id=message_id)
    except ValueError:
        words = f"the peer does not take {file.sop_class_uid.name} as it is encoded"
        return FileAnswer(path=file.path, is_stored=False, status=None, words=words)
    except (RuntimeError, OSError):
        raise PeerUnavailable("the association ended") from None
    if "Status" not in answer:
        raise PeerUnavailable("no answer to C-STORE")
    status = int(answer.Status)
    comment = str(answer.get("ErrorComment", "") or "")
    delivered = (DeliveryVerdict.DELIVERED, DeliveryVerdict.DELIVERED_WITH_WARNING)
    return FileAnswer(
        path=file.path,
        # 0x0111 from a peer that compares objects means another object has this UID.
        is_stored=delivery_verdict(status) in delivered
        and status != StoreStatus.DUPLICATE_INSTANCE,
        status=status,
        words=f"{words_for(status)}: {comment}" if comment else words_for(status),
    )
