"""The worker process: claims studies and predictions, analyses them, records what came of it.

The only broad `except` of the room is here: whatever a study does to us, it is set aside with a
reason and the queue goes on.
"""

import os
import socket
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pydicom.config
import structlog
import torch

from archive.account_records import AuditAction, AuditEntry
from archive.database import Archive
from archive.errors import ArchiveUnavailable, LeaseLost
from archive.records import (
    ClaimedPrediction,
    ClaimedStudy,
    Outcome,
    Prediction,
    Refusal,
    StudyState,
)
from archive.repository.outcomes import Takes, takes_every_kind
from archive.review_records import ClaimedReview
from config.destinations import Destination
from config.logs import uid_digest
from config.settings import ReportSettings, Settings, WorkerSettings
from inference.bundle import bundle_folder
from inference.deadline import Deadline
from inference.heartbeat import Heartbeat
from inference.model import Classifier
from inference.pipeline import Pipeline, analyse, give_up
from inference.prediction import predict
from inference.report.author import Author, author_of
from inference.report.codes import ProcedureCode
from inference.report.decisions import DecisionInvalid
from inference.report.words import Language, refusal_in_words
from inference.reporting import Maps
from inference.reviewing import report_review, withdraw
from inference.served import load_served, threads_of
from inference.turns import Turns
from inference.warm_up import warm_up

# The network runs for one batch at a time, and reports are built by Python: more would only wait.
LANES = 2
# One answer at a time: people wait for it, and between two a study may be served.
PREDICTIONS_AT_ONCE = 8

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What one worker works with."""

    name: str
    pipeline: Pipeline
    settings: WorkerSettings
    destinations: tuple[str, ...]
    takes: Takes = takes_every_kind
    """Which objects a destination gets; its kind decides."""
    writes_rejection_notes: bool = False
    turns: Turns = field(default_factory=Turns)
    """Of all lanes of this worker."""

    @property
    def archive(self) -> Archive:
        """Where work comes from and goes to."""
        return self.pipeline.archive


def run(
    settings: Settings,
    archive: Archive,
    stop: threading.Event,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Work until `stop` is set; what is held then is finished first.

    Raises
    ------
    BundleInvalid
        The model bundle may not be used; nothing is claimed.
    """
    _keep_values_out_of_warnings()
    torch.set_num_threads(threads_of(settings.worker))
    bench = make_bench(settings, archive)
    warm_up(bench.pipeline)
    _note_model(bench)
    # A claimant each: a study that goes from one lane to the other is lost to the first.
    lanes = [replace(bench, name=f"{bench.name}-{number}") for number in range(1, LANES + 1)]
    deadline = Deadline(settings.worker.longest_work_seconds)
    with Heartbeat(
        archive.repository,
        bench.name,
        claimants=[lane.name for lane in lanes],
        lease_seconds=settings.worker.lease_seconds,
        deadline=deadline,
    ):
        log.info(
            "worker ready",
            worker=bench.name,
            model=bench.pipeline.author.model.name,
            engine=bench.pipeline.classifier.engine_name,
        )
        on_ready()
        _work_in_lanes(lanes, stop, deadline)


def _work_in_lanes(lanes: Sequence[Bench], stop: threading.Event, deadline: Deadline) -> None:
    """Work in several threads: while one waits for the network, another writes its reports."""

    def work(bench: Bench) -> None:
        try:
            while not stop.is_set():
                with deadline.at_work():
                    had_work = work_once(bench)
                if not had_work:
                    stop.wait(bench.settings.poll_seconds)
        finally:
            stop.set()  # one that breaks ends the others, and the process with them

    with ThreadPoolExecutor(len(lanes), thread_name_prefix="lane") as pool:
        for lane in [pool.submit(work, bench) for bench in lanes]:
            lane.result()


def make_bench(settings: Settings, archive: Archive) -> Bench:
    """Load and verify the model, and put together what a worker needs.

    Raises
    ------
    BundleInvalid
        The model bundle may not be used.
    """
    classifier = load_served(
        bundle_folder(settings.model.bundle, settings.installed_bundles),
        settings.model,
        threads=threads_of(settings.worker),
    )
    return Bench(
        name=f"{socket.gethostname()}-{os.getpid()}",
        pipeline=Pipeline(
            archive=archive,
            classifier=classifier,
            author=_author(classifier, settings.report),
            clock=lambda: datetime.now(UTC),
            maps=_maps(settings.report),
        ),
        settings=settings.worker,
        destinations=tuple(destination.name for destination in settings.destinations),
        takes=_takes(settings.destinations),
        writes_rejection_notes=settings.report.rejection_note,
    )


def _note_model(bench: Bench) -> None:
    """Leave a line in the audit trail where results come from another network than before."""
    manifest = bench.pipeline.classifier.manifest
    details = {
        "model": f"{manifest.name} {manifest.version}",
        "weights_sha256": manifest.weights_sha256,
    }
    action, repository = AuditAction.MODEL_CHANGED, bench.archive.repository
    last = repository.audit_events(limit=1, action=action)
    if not last or last[0].entry.details != details:
        repository.record_audit(AuditEntry(actor="worker", action=action, details=details))


def _takes(destinations: Sequence[Destination]) -> Takes:
    by_name = {destination.name: destination for destination in destinations}
    # A rule may name one that the settings no longer have: its objects are seen waiting.
    return lambda name, kind: name not in by_name or by_name[name].takes(kind)


def _author(classifier: Classifier, settings: ReportSettings) -> Author:
    named = settings.procedure_code
    return author_of(
        classifier.manifest,
        language=Language(settings.language),
        institution_name=settings.institution_name,
        procedure=None if named is None else ProcedureCode(**named.model_dump()),
    )


def _maps(settings: ReportSettings) -> Maps:
    return Maps(
        heat_map=settings.heat_map,
        segmentation=settings.segmentation,
        presentation_state=settings.presentation_state,
    )


def work_once(bench: Bench) -> bool:
    """Answer what is asked and analyse one batch; tell whether there was anything to do."""
    try:
        questions = bench.archive.repository.claim_predictions(
            bench.name, limit=PREDICTIONS_AT_ONCE, lease_seconds=bench.settings.lease_seconds
        )
        for question in questions:
            _answer(question, bench)
        decisions = bench.archive.repository.claim_reviews(
            bench.name,
            limit=bench.settings.batch_size,
            lease_seconds=bench.settings.lease_seconds,
            maximum_attempts=bench.settings.maximum_attempts,
        )
        for decision in decisions:
            _report_review(decision, bench)
        has_studies = _work_on_studies(bench)
    except ArchiveUnavailable as error:
        # What was claimed comes back to the queue when its lease ends.
        log.warning("the archive does not answer", error=type(error).__name__)
        return False
    return bool(questions or decisions or has_studies)


def _work_on_studies(bench: Bench) -> bool:
    """Analyse the next batch, or the one study that comes next and was tried before."""
    with bench.turns.beside_others() as has_turn:
        if has_turn and _claim_and_analyse(bench, only_untried=True):
            return True
    if not bench.archive.repository.tried_study_is_next():
        return False
    with bench.turns.alone() as has_turn:
        return has_turn and _claim_and_analyse(bench, only_untried=False)


def _claim_and_analyse(bench: Bench, *, only_untried: bool) -> bool:
    claims = bench.archive.repository.claim_studies(
        bench.name,
        limit=bench.settings.batch_size,
        lease_seconds=bench.settings.lease_seconds,
        maximum_attempts=bench.settings.maximum_attempts,
        only_untried=only_untried,
    )
    if claims and claims[0].attempt > bench.settings.maximum_attempts:
        _set_aside(claims[0], bench)  # one that was claimed before comes by itself
    else:
        _analyse(claims, bench)
    return bool(claims)


def _analyse(claims: Sequence[ClaimedStudy], bench: Bench) -> None:
    """Analyse a batch; one that fails as a whole is tried study by study."""
    if not claims:
        return
    try:
        outcomes = analyse(claims, bench.pipeline)
    except ArchiveUnavailable:
        raise
    except Exception as error:  # noqa: BLE001  # the process loop
        _log_failure("batch failed", error, count=len(claims))
        if len(claims) == 1:
            _return_or_set_aside(claims[0], bench)
        else:
            for claim in claims:
                _analyse([claim], bench)
        return
    for claim, outcome in zip(claims, outcomes, strict=True):
        record(claim, outcome, bench)


def _return_or_set_aside(claim: ClaimedStudy, bench: Bench) -> None:
    if claim.attempt >= bench.settings.maximum_attempts:
        _set_aside(claim, bench)
        return
    try:
        bench.archive.repository.return_study(
            claim, reason=refusal_in_words(Refusal.PROCESSING_FAILED)
        )
    except LeaseLost:
        log.info("lease lost", study=uid_digest(claim.study_uid))


def _set_aside(claim: ClaimedStudy, bench: Bench) -> None:
    """Finish a study as FAILED; with a report where even that can be made."""
    try:
        outcome = give_up(claim, bench.pipeline)
    except ArchiveUnavailable:
        raise
    except Exception as error:  # noqa: BLE001  # the process loop
        _log_failure("failure could not be reported", error, study=uid_digest(claim.study_uid))
        outcome = bare_failure(bench.pipeline)
    record(claim, outcome, bench)


def bare_failure(pipeline: Pipeline) -> Outcome:
    """Outcome FAILED without a report, when none can be made."""
    return Outcome(
        state=StudyState.FAILED,
        model=pipeline.author.model,
        refusal=Refusal.PROCESSING_FAILED,
        reason=refusal_in_words(Refusal.PROCESSING_FAILED),
    )


def record(claim: ClaimedStudy, outcome: Outcome, bench: Bench) -> None:
    """Record an outcome with its deliveries; drops it when the study is no longer ours."""
    study = uid_digest(claim.study_uid)
    try:
        bench.archive.repository.finish_study(
            claim, outcome, destinations=bench.destinations, takes=bench.takes
        )
    except LeaseLost:
        log.info("lease lost", study=study)
        return
    log.info(
        "study finished",
        study=study,
        state=outcome.state,
        refusal=outcome.refusal,
        count=len(outcome.findings),
        attempt=claim.attempt,
    )


def _answer(question: ClaimedPrediction, bench: Bench) -> None:
    classifier: Classifier = bench.pipeline.classifier
    try:
        prediction = predict(question, bench.archive.files, classifier)
    except ArchiveUnavailable:
        raise
    except Exception as error:  # noqa: BLE001  # the process loop
        _log_failure("prediction failed", error)
        prediction = Prediction(
            model=bench.pipeline.author.model,
            refusal=Refusal.PROCESSING_FAILED,
            reason=refusal_in_words(Refusal.PROCESSING_FAILED),
        )
    try:
        bench.archive.repository.finish_prediction(question, prediction)
    except LeaseLost:
        log.info("nobody waits for this prediction")


def _report_review(claim: ClaimedReview, bench: Bench) -> None:
    """Turn one decision into a verified report; one that cannot be is set aside with its reason."""
    study, repository = uid_digest(claim.review.study_uid), bench.archive.repository
    try:
        try:
            report = report_review(claim, bench.archive)
            further = withdraw(claim, bench.archive) if bench.writes_rejection_notes else ()
            repository.finish_review(
                claim,
                report,
                further=further,
                destinations=bench.destinations,
                takes=bench.takes,
            )
        except (ArchiveUnavailable, LeaseLost):
            raise
        except DecisionInvalid as error:
            repository.return_review(claim, reason=str(error), is_hopeless=True)
        except Exception as error:  # noqa: BLE001  # the process loop
            _log_failure("review could not be reported", error, study=study)
            is_hopeless = claim.attempt >= bench.settings.maximum_attempts
            reason = refusal_in_words(Refusal.PROCESSING_FAILED)
            repository.return_review(claim, reason=reason, is_hopeless=is_hopeless)
        else:
            log.info("review reported", study=study, attempt=claim.attempt)
    except LeaseLost:
        log.info("lease lost", study=study)


def _log_failure(message: str, error: Exception, **fields: object) -> None:
    """Log where it happened, not what was said: messages of pydicom repeat element values."""
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__))
    log.error(message, error=type(error).__name__, exception="".join(frames), **fields)


def _keep_values_out_of_warnings() -> None:
    """Silence what pydicom says about malformed values, because it repeats them."""
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    for module in ("pydicom", "highdicom"):
        warnings.filterwarnings("ignore", module=module)
