"""A processor that would have to emulate bfloat16 calculates in 32 bits."""

import pytest
import torch
from torch import nn

from inference.network import RadiographNet
from training.scores import score


class Noting(nn.Module):
    """Notes in which format it multiplies."""

    def __init__(self) -> None:
        super().__init__()
        self.multiply = nn.Conv2d(1, 1, kernel_size=8, stride=8)
        self.formats: list[torch.dtype] = []

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.multiply(batch)
        self.formats.append(answer.dtype)
        return answer


@pytest.mark.parametrize(
    ("capabilities", "full_precision", "expected"),
    [
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, False, torch.float32),
        ({"avx512_f": True, "avx512_bw": True}, False, torch.float32),
        ({}, False, torch.float32),
        ({"avx512_bf16": True}, False, torch.bfloat16),
        ({"avx512_bf16": False, "amx_bf16": True}, False, torch.bfloat16),
        ({"neon": True, "bf16": True}, False, torch.bfloat16),
        ({"avx512_bf16": True}, True, torch.float32),
    ],
)
def test_bfloat16_only_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch,
    capabilities: dict[str, object],
    full_precision: bool,
    expected: torch.dtype,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    trunk = Noting()
    network = RadiographNet(trunk, width=1, outputs=2, dropout=0.0)

    score(
        network,
        torch.zeros(1, 224, 224, dtype=torch.uint8),
        size=32,
        device=torch.device("cpu"),
        full_precision=full_precision,
    )

    assert trunk.formats == [expected]
