"""Each teacher sees an image as it learnt to, whatever its pupil sees of it."""

import numpy as np
import pytest
import torch
from torch import nn

from config.training import Stage, load_training_settings
from inference.network import RadiographNet
from training.dataset import Part
from training.ranks import Ranks
from training.run import Origin, Progress, Teaching
from training.trainer import Trainer


class Watching(RadiographNet):
    """A network of nothing, which writes down what it is shown."""

    def __init__(self) -> None:
        super().__init__(nn.AvgPool2d(8), width=1, outputs=3, dropout=0.0)
        self.shown: list[int] = []

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        self.shown.append(batch.shape[-1])
        return super().forward(batch)


@pytest.mark.parametrize("pupil", [32, 40, 64])
def test_every_teacher_sees_the_size_it_was_trained_at(pupil: int) -> None:
    recipe = (
        load_training_settings()
        .recipes["hilum"]
        .model_copy(
            update={"stages": (Stage(epochs=1, size=pupil),), "finish": None, "batch_size": 4}
        )
    )
    part = Part(
        images=torch.from_numpy(np.random.default_rng(1).integers(0, 256, (6, 224, 224), np.uint8)),
        classes=torch.tensor([0, 1, 2, 0, 1, 2]),
        names=tuple("abcdef"),
    )
    taught, coarse, fine = Watching(), Watching(), Watching()
    trainer = Trainer(
        recipe,
        part,
        part,
        ranks=Ranks(device=torch.device("cpu")),
        teaching=Teaching(
            networks=(coarse, fine),
            origins=(Origin(name="coarse", sha256=None), Origin(name="fine", sha256=None)),
            share=0.7,
            sizes=(32, 48),
        ),
        step_bar=lambda batches, _epoch, _count: batches,
    )

    trainer.epoch(
        Progress(
            network=taught,
            parallel=taught,
            averaged=Watching(),
            optimizer=torch.optim.SGD(taught.parameters(), lr=0.1),
            history=[],
        )
    )

    assert (coarse.shown, fine.shown, taught.shown) == ([32], [48], [pupil])
