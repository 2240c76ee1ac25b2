"""EfficientNet-Lite0 is the published network: its size, and how its strides pad."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from inference.efficientnet_lite import SamePaddedConv2d, efficientnet_lite0


def test_it_has_the_published_number_of_parameters_and_no_squeeze_or_swish() -> None:
    network = efficientnet_lite0(None)

    assert sum(one.numel() for one in network.parameters()) == 4_652_008
    kinds = {type(module).__name__ for module in network.modules()}
    assert kinds & {"SiLU", "SqueezeExcitation"} == set()


@pytest.mark.parametrize(
    ("kernel", "size", "before", "after"), [(3, 8, 0, 1), (5, 8, 1, 2), (3, 7, 1, 1), (5, 7, 2, 2)]
)
def test_a_stride_pads_as_the_weights_were_trained(
    kernel: int, size: int, before: int, after: int
) -> None:
    torch.manual_seed(1)
    convolution = SamePaddedConv2d(2, 3, kernel, 2, bias=False)
    batch = torch.rand(1, 2, size, size)
    plain = nn.Conv2d(2, 3, kernel, 2, bias=False)
    plain.load_state_dict(convolution.state_dict())

    padded = functional.pad(batch, (before, after, before, after))

    torch.testing.assert_close(convolution(batch), plain(padded))
    assert convolution(batch).shape[2:] == (4, 4)
