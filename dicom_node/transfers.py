"""What an association brought of each study, as lines of the audit trail (PS3.15 A.5.3.7)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from archive.account_records import AuditAction, AuditEntry
from archive.records import Recorded, StudyUid


@dataclass(kw_only=True)
class _Transfer:
    instances: Counter[str] = field(default_factory=Counter)
    """How many of each SOP class."""
    new: int = 0


class Transfers:
    """Objects that were answered with success; of one association, for one thread."""

    def __init__(self) -> None:
        self._studies: dict[StudyUid, _Transfer] = {}

    def add(self, study_uid: StudyUid, *, sop_class_uid: str, recorded: Recorded) -> None:
        """Note one object."""
        transfer = self._studies.setdefault(study_uid, _Transfer())
        transfer.instances[sop_class_uid] += 1
        transfer.new += recorded is Recorded.NEW

    def entries(self, *, sender: str, receiver: str, address: str) -> Iterator[AuditEntry]:
        """Yield a line for each study.

        Parameters
        ----------
        sender, receiver
            AE titles.
        address
            Of the sender.
        """
        for study_uid, transfer in self._studies.items():
            yield AuditEntry(
                actor=f"ae:{sender}",
                action=AuditAction.STUDY_RECEIVED,
                study_uid=study_uid,
                address=address,
                details={
                    "sender": sender,
                    "receiver": receiver,
                    "instances": dict(transfer.instances),
                    "new": transfer.new,
                },
            )
