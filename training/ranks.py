"""Several processes that train one network, started by torchrun; one process alone is rank 0 of 1.

Every rank holds the whole prepared set, takes its share of each batch and gets the mean gradient of
all. Only the first writes and reports. Batch statistics are each rank's own; the first's are kept.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from training.errors import RunUnusable

SEED_STRIDE = 1 << 40  # further apart than the seeds of any two epochs


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """Which process of those that train together runs here."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    @property
    def seed_offset(self) -> int:
        """What to add to a seed so that no two ranks change their images alike."""
        return self.rank * SEED_STRIDE

    def check_batch(self, batch_size: int) -> None:
        """Refuse a batch that the ranks cannot share evenly.

        Raises
        ------
        RunUnusable
            The batch size is no multiple of the number of ranks.
        """
        if batch_size % self.count:
            raise RunUnusable(f"recipe: {self.count} ranks cannot share a batch of {batch_size}")

    def share(self, rows: torch.Tensor) -> torch.Tensor:
        """Take this rank's part of the rows of a batch."""
        return rows[self.rank :: self.count]

    def parallel(self, network: nn.Module) -> nn.Module:
        """Wrap a network so that its gradients become the mean over all ranks."""
        if self.count == 1:
            return network
        devices = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=devices)

    def gathered(self, values: torch.Tensor) -> torch.Tensor:
        """Join the equally long tensors of all ranks, (N,) each."""
        if self.count == 1:
            return values
        parts = [torch.empty_like(values) for _ in range(self.count)]
        distributed.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    def from_first(self, values: torch.Tensor) -> torch.Tensor:
        """Return the first rank's values on every rank; the others bring a tensor of that shape."""
        if self.count > 1:
            distributed.broadcast(values, src=0)
        return values

    def wait(self) -> None:
        """Go on when all ranks have come so far."""
        if self.count > 1:
            distributed.barrier()


@contextlib.contextmanager
def joined_ranks() -> Iterator[Ranks]:
    """Join the other processes if torchrun started this one; otherwise work alone."""
    has_gpu = torch.cuda.is_available()
    if not distributed.is_torchelastic_launched():
        yield Ranks(device=torch.device("cuda" if has_gpu else "cpu"))
        return
    device = torch.device("cpu")
    if has_gpu:
        device = torch.device("cuda", distributed.get_node_local_rank())
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if has_gpu else "gloo")
    try:
        yield Ranks(device=device, rank=distributed.get_rank(), count=distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
