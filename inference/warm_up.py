"""Does once, before the worker is ready, what is slow the first time: network, decoder, report."""

import numpy as np
import torch
from pydicom.dataset import Dataset
from pydicom.uid import ComputedRadiographyImageStorage

from archive.records import Finding, Presence, SopInstanceUid
from inference.labels import PNEUMONIA_NAME
from inference.pipeline import Pipeline, score
from inference.preprocessing import INPUT_SIZE, to_model_input
from inference.report.document import Placement, encode
from inference.report.evidence import reference_to
from inference.report.structured_report import ReportedImage, ai_result


def warm_up(pipeline: Pipeline) -> None:
    """Score an empty image and build a report of nobody; neither leaves this function."""
    empty = to_model_input(np.linspace(0, 1, INPUT_SIZE * INPUT_SIZE).reshape(INPUT_SIZE, -1))
    list(score([empty, torch.zeros_like(empty)], pipeline.classifier))
    source = Dataset()
    source.SOPClassUID = ComputedRadiographyImageStorage
    source.SOPInstanceUID = source.SeriesInstanceUID = source.StudyInstanceUID = "2.25.1"
    nobody = Finding(
        sop_instance_uid=SopInstanceUid("2.25.1"),
        label=PNEUMONIA_NAME,
        presence=Presence.PRESENT,
        probability=1.0,
        decision_threshold=1.0,
    )
    placement = Placement(source=source, received=(reference_to(source),), made_at=pipeline.clock())
    encode(
        ai_result([ReportedImage(source=source, finding=nobody)], [], placement, pipeline.author)
    )
