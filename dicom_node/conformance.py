"""The DICOM conformance statement, written from what the code does (PS3.2).

``python -m dicom_node.conformance docs/conformance.md`` writes it; a test fails when the file in
the repository is not what the code says today.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydicom.uid import UID
from pynetdicom import ALL_TRANSFER_SYNTAXES
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    StorageCommitmentPushModel,
)

from archive.records import Refusal
from config.settings import Settings, load_settings
from dicom_node import (
    audit_kinds,
    commitment,
    intake,
    listener,
    query,
    retrieve,
    sender,
    statuses,
    stow,
    syslog,
    tls,
)
from dicom_node.incoming import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.statuses import DeliveryVerdict, NotificationStatus, StoreStatus

_ANSWERS = {
    StoreStatus.SUCCESS: "the bytes and their record are durable, or were before (a repeat)",
    StoreStatus.PROCESSING_FAILURE: "the archive does not answer; nothing kept; repeat later",
    StoreStatus.DUPLICATE_INSTANCE: "the UID stands for another object; kept apart, not analysed",
    StoreStatus.INVALID_INSTANCE_UID: "a UID against PS3.5 9.1; nothing kept",
    StoreStatus.CLASS_NOT_SUPPORTED: "not a SOP class of section 2; nothing kept",
    StoreStatus.OUT_OF_RESOURCES: "no room; nothing kept; repeat later",
    StoreStatus.DATA_SET_MISMATCH: "SOP class or instance differ from the request; nothing kept",
    StoreStatus.CANNOT_UNDERSTAND: "not a data set, or study or series missing; nothing kept",
}
_REJECTIONS = (
    statuses.CALLED_AE_UNKNOWN,
    statuses.CALLING_AE_UNKNOWN,
    statuses.TOO_MANY_ASSOCIATIONS,
    statuses.STOPPING,
    statuses.UNDECIDED,
)
_VERDICTS = {
    DeliveryVerdict.DELIVERED: "delivered",
    DeliveryVerdict.DELIVERED_WITH_WARNING: "delivered; the code is kept and shown",
    DeliveryVerdict.PEER_IS_FULL: "not delivered; tried again, nothing else is sent until then",
    DeliveryVerdict.TRY_AGAIN: "not delivered; tried again",
    DeliveryVerdict.REFUSED: "not delivered; given up, shown, and sent again on demand",
}


def statement(settings: Settings) -> str:
    """Return the statement as Markdown; `settings` are the ones that ship."""
    parts = (
        _overview(),
        _associations(settings),
        _reception(settings),
        _delivery(settings),
        _commitment(settings),
        _store_over_the_web(),
        _security(),
        _transfer_syntaxes(),
        _queries(),
        _suitability(),
        _audit(),
        _limits(),
    )
    return "\n\n".join(parts) + "\n"


def _overview() -> str:
    rows = [
        ("Verification", "SCU and SCP"),
        ("Storage", "SCP for images, SCU for our results"),
        ("Storage Commitment Push Model", "SCU for our results"),
        ("Study Root Query/Retrieve, FIND, MOVE and GET", "SCU, where a site names sources"),
        ("Store transaction (DICOMweb STOW-RS)", "user agent for our results"),
    ]
    return "\n".join(
        [
            "# DICOM conformance statement",
            "",
            "Written from the code by `python -m dicom_node.conformance docs/conformance.md`; do "
            "not edit.",
            "",
            "Hilum takes projection radiographs, analyses them, and sends structured reports into "
            "the same study. Received objects are never altered.",
            "",
            *_table(("Service class", "Role"), rows),
            "",
            f"Implementation Class UID `{IMPLEMENTATION_CLASS_UID}`, Implementation Version Name "
            f"`{IMPLEMENTATION_VERSION_NAME}`. Application context `1.2.840.10008.3.1.1.1`. "
            "Asynchronous operations, extended negotiation and user identity are not used.",
        ]
    )


def _associations(settings: Settings) -> str:
    node = settings.node
    rejected = [(f"{one.result} / {one.source} / {one.reason}", one.words) for one in _REJECTIONS]
    return "\n".join(
        [
            "## 1. Associations that are accepted",
            "",
            "An association is accepted when it calls a title of this node (`node.ae_title` or one "
            "of `node.further_ae_titles`) and comes from a peer of the settings: AE title "
            "and address (or network) both match. "
            "`node.accept_unknown_peers` lifts the second rule.",
            "",
            *_table(("Result / source / reason", "Rejected because"), rejected),
            "",
            *_table(
                ("Limit", "As shipped"),
                [
                    ("associations at once", str(node.maximum_associations)),
                    ("PDU length announced", f"{node.maximum_pdu_bytes} bytes"),
                    ("silence within an association", f"{node.network_timeout_seconds:g} s"),
                    (
                        "wait for an association request (ARTIM)",
                        f"{listener.artim_seconds(node):g} s",
                    ),
                    ("finishing what is received at a stop", f"{listener.STOP_SECONDS:g} s"),
                ],
            ),
        ]
    )


def _reception(settings: Settings) -> str:
    contexts = [
        (UID(context.abstract_syntax or "").name, f"`{context.abstract_syntax}`", syntaxes)
        for context in listener.supported_contexts()
        for syntaxes in [_named(context.transfer_syntax)]
    ]
    answers = [(f"0x{status:04X}", words) for status, words in _ANSWERS.items()]
    return "\n".join(
        [
            "## 2. Presentation contexts accepted (SCP)",
            "",
            *_table(("SOP class", "UID", "Transfer syntaxes"), contexts),
            "",
            "Of the transfer syntaxes in one context the first that the requestor names is "
            "accepted. The data set is kept byte for byte as it came, behind a file meta "
            "information of our own; Storage level 2 (PS3.4 B.4.1).",
            "",
            *_table(("Status of C-STORE", "Meaning"), answers),
            "",
            "Error Comment (0000,0902) names the reason and no value of the object. A study is "
            "analysed once the associations that brought it are gone and nothing came for "
            f"{settings.node.quiet_period_seconds:g} s, at the latest "
            f"{settings.node.study_cap_seconds:g} s after its first image; later images lead to a "
            "result that replaces the earlier. Study priority is taken from Requested Procedure "
            "Priority (0040,1003), also in Request Attributes Sequence (0040,0275), and from Study "
            "Priority ID (0032,000C).",
        ]
    )


def _delivery(settings: Settings) -> str:
    delivery = settings.delivery
    classes = [
        (uid.name, f"`{uid}`", ", ".join(one.name for one in sender.FALLBACKS.get(uid, ())) or "-")
        for uid in sender.OFFERED_SOP_CLASSES
    ]
    verdicts = [(_ranges(verdict), words) for verdict, words in _VERDICTS.items()]
    return "\n".join(
        [
            "## 3. Presentation contexts proposed (SCU)",
            "",
            "Each in Explicit VR Little Endian and Implicit VR Little Endian, one transfer syntax "
            "per context; an object is also offered in the transfer syntax that it is kept in, a "
            "segmentation in RLE Lossless. Where that is not accepted, the same object is sent "
            "uncompressed.",
            "",
            *_table(("SOP class", "UID", "Sent instead where it is not accepted"), classes),
            "",
            *_table(("Answer to our C-STORE", "Taken as"), verdicts),
            "",
            f"Attempts are repeated after {delivery.first_retry_seconds:g} s, doubling up to "
            f"{delivery.longest_retry_seconds:g} s, and given up "
            f"{delivery.give_up_after_seconds / 3600:g} h after the report was made. Reports of "
            "one study keep their order. A destination that does not answer is asked with one "
            "report at a time and does not delay others. An association is kept open for further "
            "reports; a destination may be given several at once (`connections`) and a pace "
            "(`objects_per_second`). "
            f"Time-out for connection, association and answer: "
            f"{delivery.timeout_seconds:g} s (connection at most "
            f"{sender.LONGEST_CONNECT_SECONDS:g} s).",
        ]
    )


def _commitment(settings: Settings) -> str:
    delivery = settings.delivery
    answers = [
        (f"0x{NotificationStatus.SUCCESS:04X}", "recorded"),
        (f"0x{NotificationStatus.PROCESSING_FAILURE:04X}", "the archive does not answer; repeat"),
        (f"0x{NotificationStatus.INVALID_ARGUMENT:04X}", "not a transaction of ours, or none"),
    ]
    return "\n".join(
        [
            "## 4. Storage commitment (SCU)",
            "",
            f"{UID(StorageCommitmentPushModel).name} (`{StorageCommitmentPushModel}`, PS3.4 annex "
            "J) for destinations with `storage_commitment`. N-ACTION (type "
            f"{commitment.REQUEST_STORAGE_COMMITMENT}) follows the delivery, for at most "
            f"{commitment.MOST_REFERENCES} objects in a transaction, on an association of its own "
            f"that stays open for up to {commitment.SAME_ASSOCIATION_SECONDS:g} s. N-EVENT-REPORT "
            "is taken on it and, at any time, on associations that the destination opens to this "
            "node, where it is the SCP by role selection (PS3.7 D.3.3.4).",
            "",
            *_table(("Answer to N-EVENT-REPORT", "Meaning"), answers),
            "",
            "What is committed is shown as COMMITTED. What the report names as failed (with its "
            "Failure Reason), or does not name, is given up, shown, and sent again on demand. A "
            "request that is refused, or not reported on within "
            f"{delivery.commitment_timeout_seconds:g} s, is repeated in a new transaction, "
            f"{delivery.commitment_attempts} times in all; a report that comes late still counts.",
        ]
    )


def _store_over_the_web() -> str:
    told = ", ".join(str(int(status)) for status in stow.TELLS_OF_INSTANCES)
    refused = ", ".join(str(int(status)) for status in sorted(stow.REFUSED))
    rows = [
        (told, "read per instance, see below; an instance that is not named is tried again"),
        (refused, "not delivered; given up, shown, and sent again on demand"),
        ("500", "not delivered; tried again"),
        ("every other", "not delivered; tried again, nothing else is sent until then"),
    ]
    return "\n".join(
        [
            "## 5. Store transaction of DICOMweb (STOW-RS user agent)",
            "",
            "To destinations of kind `stow` every object goes by `POST /studies` (PS3.18 10.5), "
            'one per request, as `multipart/related; type="application/dicom"` in the transfer '
            "syntax that it is kept in; the answer is asked for as `application/dicom+json`. "
            "Server certificates are verified; a client certificate, a bearer token or basic "
            "authentication may be set, the latter two over https only.",
            "",
            *_table(("HTTP status", "Taken as"), rows),
            "",
            "Failure Reason (0008,1197) and Warning Reason (0008,1196) are taken as the status of "
            "C-STORE is, see section 3; an instance in Referenced SOP Sequence (0008,1199) "
            "without a warning is delivered.",
        ]
    )


def _security() -> str:
    return "\n".join(
        [
            "## 6. Secure transport",
            "",
            "BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile (PS3.15 B.12), as "
            "server and as client: TLS 1.2 and 1.3, no older version, no renegotiation. For "
            f"TLS 1.2: {', '.join(tls.CIPHERS_OF_TLS_1_2)}; for 1.3 the suites of RFC 8446.",
            "",
            "With `node.tls` the port (`node.port`; 2762 is registered for this use) speaks TLS "
            "only. A peer's certificate is ignored, optional or required "
            "(`client_certificate`); one that is shown must be signed by "
            "`client_ca_certificates`. Renewed files are taken without a restart. A destination "
            "with `tls` is called by TLS: its certificate and host name are verified, ours is "
            "shown where one is set.",
        ]
    )


def _transfer_syntaxes() -> str:
    rows = [(UID(uid).name, f"`{uid}`") for uid in ALL_TRANSFER_SYNTAXES]
    return "\n".join(
        ["## 7. Transfer syntaxes of received images", "", *_table(("Name", "UID"), rows)]
    )


def _queries() -> str:
    rows = [
        ("STUDY", ", ".join(query.STUDY_KEYS)),
        ("SERIES", ", ".join(("StudyInstanceUID", *query.SERIES_KEYS))),
    ]
    return "\n".join(
        [
            "## 8. Query and retrieve (SCU)",
            "",
            "Off unless the settings name `sources`. C-FIND of the Study Root model asks for:",
            "",
            *_table(("Level", "Keys"), rows),
            "",
            "Priors of a new study are asked for by PatientID (0010,0020), never with a wildcard; "
            "answers count only where PatientID and IssuerOfPatientID (0010,0021) are equal, the "
            "study is not later, and a series is a frontal chest radiograph by its Modality, "
            "BodyPartExamined and SeriesDescription. `hilum pull` asks by StudyDate and "
            "ModalitiesInStudy. What is wanted comes by C-GET, or by C-MOVE to the node's title, "
            "as the source is set. With C-GET we propose, in the role of SCP, the image classes "
            f"of section 2 in {_named(retrieve.SYNTAXES)}, and answer as in section 2. What came "
            "as a prior, either way, is compared with the patient's ID and issuer again before it "
            "is shown. Priors are kept for reading and not analysed.",
        ]
    )


def _suitability() -> str:
    return "\n".join(
        [
            "## 9. Which images are analysed",
            "",
            "Every image is examined by its header and then by its pixels; one that the model was "
            "not made for gets no number. The study's report then says why, by one of: "
            f"{', '.join(f'`{refusal}`' for refusal in Refusal)}. "
            "`NOT_A_CHEST_RADIOGRAPH` is the verdict of a gate on the pixels, whatever the header "
            "says. Rules of the site may keep a study from analysis altogether; then no report is "
            "made.",
        ]
    )


def _audit() -> str:
    rows = [
        (
            f"`{action}`",
            f"({kind.event.value}, DCM) {kind.event.meaning}",
            f"({kind.type.value}, DCM) {kind.type.meaning}" if kind.type else "",
            kind.action_code,
        )
        for action, kind in audit_kinds.KINDS.items()
    ]
    transfers = (
        "`STUDY_RECEIVED` is written once for each association and study, at its end, with the "
        "instances by SOP class; its action is R where all of them were here before. `REPORT_SENT` "
        "is written with each delivery that a destination accepted; of `hl7v2`, `fhir` and "
        "`webhook` destinations, which get no DICOM objects, it is (110106, DCM) Export, R."
    )
    return "\n".join(
        [
            "## 10. Audit trail",
            "",
            "Off unless the settings name `syslog.host`. Each line of the audit trail is then sent "
            "as audit message (PS3.15 A.5) by syslog over TLS (A.6: RFC 5424, 5425) or UDP (A.7: "
            "RFC 5426), or over TCP (RFC 6587): facility 10, severity 5, or 4 for what failed, "
            f"MSGID {syslog.MESSAGE_ID}, UTF-8; `sequenceId` is the number of the line. Our own "
            "word goes with each as a further EventTypeCode of the scheme 99HILUM. Studies are "
            "named by UID, patients by ID (`syslog.patient_ids`), search keys not at all.",
            "",
            *_table(("Line", "EventID", "EventTypeCode", "Action"), rows),
            "",
            transfers,
        ]
    )


def _limits() -> str:
    return "\n".join(
        [
            "## 11. What is not offered",
            "",
            "Storage of other SOP classes, query/retrieve as SCP, modality worklist, "
            "MPPS and media. No extended, specialised or private SOP class is used; "
            f"{len(intake.HEADER_TAGS)} elements of a received header are read on arrival. "
            "Search, retrieve and store over HTTP (PS3.18): [DICOMweb](dicomweb.md).",
        ]
    )


def _named(syntaxes: Iterable[str]) -> str:
    found = list(syntaxes)
    if found == list(ALL_TRANSFER_SYNTAXES):
        return "all of section 7"
    return ", ".join(UID(uid).name for uid in found)


def _ranges(verdict: DeliveryVerdict) -> str:
    """Name the codes that have a verdict, neighbours as a range."""
    if verdict is DeliveryVerdict.TRY_AGAIN:
        return "every other"
    codes = [code for code in range(0x10000) if statuses.delivery_verdict(code) is verdict]
    found: list[list[int]] = []
    for code in codes:
        if found and code == found[-1][1] + 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return ", ".join(
        f"0x{low:04X}" if low == high else f"0x{low:04X} to 0x{high:04X}" for low, high in found
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(statement(load_settings()), encoding="utf-8")
