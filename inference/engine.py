"""What carries out a network: PyTorch, as it was trained, or OpenVINO, faster on processors.

Both give the same but for rounding. With the bundle that ships and 5,840 real images the
probability moved by at most 1e-6 in 32 bits, and in bfloat16 by at most 0.0175, which changed no
decision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import nn

from inference.network import RadiographNet


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one forward pass of N images gives."""

    features: np.ndarray
    """(N, width, rows, columns), float32, the last convolutional features."""
    scores: torch.Tensor
    """(N, outputs), float32, class scores."""
    tapped: torch.Tensor | None
    """(N, channels), float32, averages of the layer that the gate looks at; None without one."""


class Engine(Protocol):
    """Carries out one network; one batch at a time."""

    @property
    def name(self) -> str:
        """What it is and calculates in, for logs."""
        ...

    def __call__(self, batch: torch.Tensor) -> Pass:
        """Look at model inputs, (N, 1, 224, 224), float32 in [0, 1]."""
        ...


MakeEngine = Callable[[RadiographNet, str | None], Engine]
"""Makes an engine of a network and the name of the trunk's layer that the gate looks at."""


class Tapped(nn.Module):
    """A network that gives features, class scores and the averages of one more layer at once."""

    def __init__(self, network: RadiographNet, tap: str | None) -> None:
        super().__init__()
        self.network = network
        self._seen: torch.Tensor | None = None
        if tap is not None:
            network.trunk.get_submodule(tap).register_forward_hook(self._keep)

    def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return features and class scores, and with a tap the averages, (N, channels)."""
        features = self.network.features(batch)
        scores = self.network.logits(features)
        seen, self._seen = self._seen, None
        return (features, scores) if seen is None else (features, scores, seen)

    def _keep(self, _module: object, _inputs: object, output: torch.Tensor) -> None:
        self._seen = output.mean(dim=(2, 3))


class PyTorchEngine:
    """The network as it was trained, in 32 bits."""

    def __init__(
        self, network: RadiographNet, tap: str | None, *, device: torch.device | None = None
    ) -> None:
        self._device = device or torch.device("cpu")
        tapped = Tapped(network, tap).eval()
        self._network = tapped.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs

    @property
    def name(self) -> str:
        """See `Engine`."""
        return f"pytorch float32 on {self._device}"

    @torch.inference_mode()
    def __call__(self, batch: torch.Tensor) -> Pass:
        """See `Engine`."""
        batch = batch.to(self._device, torch.float32, memory_format=torch.channels_last)
        features, scores, *tapped = self._network(batch)
        return Pass(
            features=features.cpu().numpy(),
            scores=scores.cpu(),
            tapped=tapped[0].cpu() if tapped else None,
        )
