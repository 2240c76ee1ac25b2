"""Whatever a study does to the worker, it is set aside with a reason and the queue goes on."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

import numpy as np
import pytest
import structlog
import torch
from structlog.testing import capture_logs

from archive.database import Archive
from archive.records import Refusal, ReportKind, StudyState, StudyUid
from config.settings import load_settings
from inference.model import Classifier
from inference.pipeline import Pipeline, analyse
from inference.report.author import author_of
from inference.worker import Bench, work_once
from tests.builders.radiographs import drawn_chest, radiograph
from tests.builders.studies import (
    as_dataset,
    claim_everything,
    queue_everything,
    receive,
    report_of,
)
from tests.fakes.classifier import FakeClassifier, a_classifier

NOW = datetime(2026, 3, 14, tzinfo=UTC)
A_NAME = "^".join(("Doe", "Jane"))
BRIGHT = np.full((300, 240), 4095, dtype=np.uint16)
BRIGHT[:, :100] = 0


def a_bench(archive: Archive, classifier: Classifier) -> Bench:
    return Bench(
        name="worker-1",
        pipeline=Pipeline(
            archive=archive,
            classifier=classifier,
            author=author_of(classifier.manifest),
            clock=lambda: NOW,
        ),
        settings=load_settings().worker,
        destinations=("pacs",),
    )


def failing_on(is_poison: Callable[[torch.Tensor], bool]) -> Classifier:
    def answer(batch: torch.Tensor) -> np.ndarray:
        if any(is_poison(image) for image in batch):
            raise RuntimeError(f"out of memory while scoring {A_NAME}")
        return np.full(len(batch), 0.9)

    return cast(Classifier, FakeClassifier(answer))


def test_several_studies_share_one_forward_pass_and_keep_their_scores(archive: Archive) -> None:
    studies = [receive(archive, radiograph()) for _ in range(3)]
    fake = FakeClassifier([0.1, 0.6, 0.9])
    bench = a_bench(archive, cast(Classifier, fake))
    claims = claim_everything(archive)
    outcomes = analyse(claims, bench.pipeline)
    assert fake.batches == [3]
    assert {one.study_uid for one in claims} == set(studies)
    assert [one.findings[0].probability for one in outcomes] == [0.1, 0.6, 0.9]
    uids = [one.findings[0].sop_instance_uid for one in outcomes]
    assert uids == [one.instances[0].key.sop_instance_uid for one in claims]


def test_only_what_is_not_negative_gets_a_heat_map(archive: Archive) -> None:
    receive(archive, radiograph())
    receive(archive, radiograph())
    claims = claim_everything(archive)
    bench = a_bench(archive, a_classifier(0.9, 0.1))
    positive, negative = analyse(claims, bench.pipeline)
    assert [one.kind for one in positive.reports] == [ReportKind.AI_RESULT, ReportKind.HEAT_MAP]
    assert [one.kind for one in negative.reports] == [ReportKind.AI_RESULT]
    report, heat_map = (as_dataset(archive.files.read(one.file_key)) for one in positive.reports)
    assert heat_map.SOPInstanceUID in str(report.ContentSequence)
    assert heat_map.Rows > 300


def test_a_batch_that_fails_as_a_whole_is_tried_study_by_study(archive: Archive) -> None:
    good = [receive(archive, radiograph()) for _ in range(2)]
    poison = receive(archive, radiograph(pixels=BRIGHT))
    queue_everything(archive)
    bench = a_bench(archive, failing_on(lambda image: bool(image[0, 100, 200] > 0.99)))
    assert float(drawn_chest()[150, 200]) < 4000  # the good ones are not poison
    with capture_logs() as logs:
        while work_once(bench):
            pass
    assert {state_of(archive, one) for one in good} == {StudyState.REPORTED}
    assert state_of(archive, poison) is StudyState.FAILED
    assert archive.repository.study(poison).study.refusal is Refusal.PROCESSING_FAILED
    report = as_dataset(report_of(archive, poison))
    assert report.StudyInstanceUID == poison
    assert A_NAME not in str(logs)
    assert any(line["event"] == "batch failed" for line in logs)


def test_a_study_is_tried_as_often_as_the_settings_say(archive: Archive) -> None:
    poison = receive(archive, radiograph())
    queue_everything(archive)
    fake = FakeClassifier(_raise)
    bench = a_bench(archive, cast(Classifier, fake))
    while work_once(bench):
        pass
    assert len(fake.batches) == bench.settings.maximum_attempts
    assert state_of(archive, poison) is StudyState.FAILED


def test_a_study_that_ended_its_workers_is_not_looked_at_again(archive: Archive) -> None:
    poison = receive(archive, radiograph())
    queue_everything(archive)
    for attempt in range(3):  # three workers die with it
        (claim,) = archive.repository.claim_studies(
            f"dead-{attempt}", limit=1, lease_seconds=0, maximum_attempts=3
        )
    fake = FakeClassifier([0.9])
    bench = a_bench(archive, cast(Classifier, fake))
    while work_once(bench):
        pass
    assert fake.batches == []
    assert claim.attempt == 3
    assert state_of(archive, poison) is StudyState.FAILED
    assert as_dataset(report_of(archive, poison)).Modality == "SR"


@pytest.mark.parametrize("probability", [float("nan"), 2.0])
def test_what_is_no_probability_never_becomes_a_result(
    archive: Archive, probability: float
) -> None:
    study_uid = receive(archive, radiograph())
    queue_everything(archive)
    bench = a_bench(archive, a_classifier(*[probability] * 3))
    while work_once(bench):
        pass
    assert state_of(archive, study_uid) is StudyState.FAILED
    result = archive.repository.current_result(study_uid)
    assert result is not None
    assert result.outcome.findings == ()


def test_nothing_of_the_patient_is_logged(archive: Archive) -> None:
    receive(archive, radiograph(PatientName="Secret^Name", PatientID="SECRET-ID"))
    queue_everything(archive)
    structlog.reset_defaults()
    with capture_logs() as logs:
        work_once(a_bench(archive, a_classifier(0.7)))
    assert [line["event"] for line in logs] == ["study finished"]
    assert "SECRET" not in str(logs).upper()


def _raise(batch: torch.Tensor) -> np.ndarray:
    raise ValueError("no")


def state_of(archive: Archive, study_uid: StudyUid) -> StudyState:
    return archive.repository.study(study_uid).study.state
