"""Which number format a device multiplies in."""

from collections.abc import Mapping

import torch

# As `torch.cpu.get_capabilities` calls them: x86-64 (two kinds of unit), ARM.
_BFLOAT16_UNITS = ("avx512_bf16", "amx_bf16", "bf16")


def has_bfloat16(device: torch.device) -> bool:
    """Whether `device` multiplies bfloat16 itself.

    Where it does not, PyTorch emulates it, on older processors more than ten times slower than in
    32 bits.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities: Mapping[str, object] = torch.cpu.get_capabilities()
        return any(bool(capabilities.get(unit)) for unit in _BFLOAT16_UNITS)
    return False
