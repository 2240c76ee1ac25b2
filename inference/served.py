"""A bundle as the worker serves it: on the engine of the settings, checked on this machine."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import structlog
import torch

from config.settings import ModelSettings, WorkerSettings
from inference.engine import PyTorchEngine
from inference.errors import BundleInvalid
from inference.model import Classifier, load_classifier, verify_vectors
from inference.openvino_engine import OpenVinoEngine

log = structlog.get_logger()


def threads_of(settings: WorkerSettings) -> int:
    """How many threads of the processor a network may use."""
    return settings.threads or os.cpu_count() or 1


def load_served(folder: Path, settings: ModelSettings, *, threads: int) -> Classifier:
    """Load a bundle and run its test vectors on the engine that shall serve it.

    An engine that gives others than the bundle promises is passed over for PyTorch in 32 bits.

    Raises
    ------
    BundleInvalid
        The bundle is not as it was published or made for other code, or not even PyTorch gives
        here what it promises.
    """
    if settings.device == "cpu" and settings.engine == "auto":
        precision = None if settings.precision == "auto" else settings.precision
        on_openvino = partial(OpenVinoEngine, precision=precision, threads=threads)
        classifier = load_classifier(folder, make_engine=on_openvino)
        # OpenVINO has its own copy of the weights; only the last layer is asked for again.
        classifier.network.trunk.to_empty(device="meta")
        try:
            verify_vectors(classifier, folder)
        except BundleInvalid as error:
            log.warning(
                "this engine is not used here", engine=classifier.engine_name, error=str(error)
            )
        else:
            return classifier
    on_pytorch = partial(PyTorchEngine, device=torch.device(settings.device))
    classifier = load_classifier(folder, make_engine=on_pytorch)
    verify_vectors(classifier, folder)
    return classifier
