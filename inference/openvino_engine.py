"""A network on OpenVINO: its convolutions take a third to two thirds of PyTorch's time."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from inference.engine import Pass, Tapped
from inference.network import RadiographNet
from inference.preprocessing import INPUT_SIZE

if TYPE_CHECKING:
    import openvino

DEVICE = "CPU"
Precision = Literal["float32", "bfloat16"]
_HINTS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVinoEngine:
    """A network converted to OpenVINO.

    Parameters
    ----------
    network
        In evaluation mode afterwards.
    tap
        The trunk's layer that the gate looks at.
    precision
        What convolutions are calculated in; None: bfloat16 where the processor multiplies it.
    threads
        Of the processor; None: one for each core.
    """

    def __init__(
        self,
        network: RadiographNet,
        tap: str | None,
        *,
        precision: Precision | None = None,
        threads: int | None = None,
    ) -> None:
        library = _openvino()
        core = library.Core()
        self._precision = precision or _fastest(core)
        settings: dict[str, str | int | bool] = {
            "INFERENCE_PRECISION_HINT": _HINTS[self._precision],
            "PERFORMANCE_HINT": "LATENCY",
            # Else every worker of a machine would hold to the same cores.
            "ENABLE_CPU_PINNING": False,
        }
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        with warnings.catch_warnings(), torch.inference_mode():
            # It traces the network with what PyTorch has deprecated; the versions are pinned. What
            # the trace takes for constant are the sizes of layers, and every input has one size.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
            model = library.convert_model(
                Tapped(network, tap).eval(),
                example_input=torch.zeros(1, 1, INPUT_SIZE, INPUT_SIZE),
                input=[-1, 1, INPUT_SIZE, INPUT_SIZE],
            )
        self._request = core.compile_model(model, DEVICE, settings).create_infer_request()

    @property
    def name(self) -> str:
        """See `Engine`."""
        return f"openvino {self._precision} on cpu"

    def __call__(self, batch: torch.Tensor) -> Pass:
        """See `Engine`."""
        self._request.infer([batch.to(torch.float32).contiguous().numpy()])
        # Copies: the next batch is written where these are.
        features, scores, *tapped = (
            np.array(self._request.get_output_tensor(number).data)
            for number in range(len(self._request.model_outputs))
        )
        return Pass(
            features=features,
            scores=torch.from_numpy(scores),
            tapped=torch.from_numpy(tapped[0]) if tapped else None,
        )


def _openvino() -> openvino:
    # It reports its use to its makers where that package is found; a hospital's node must not.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: not found
    import openvino

    return openvino


def _fastest(core: openvino.Core) -> Precision:
    can = core.get_property(DEVICE, "OPTIMIZATION_CAPABILITIES")
    return "bfloat16" if "BF16" in can else "float32"
