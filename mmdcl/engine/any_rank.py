"""What one rank knows, all act upon."""

from collections.abc import Callable

import torch
from mmengine.dist import get_comm_device, get_world_size


class AnyRank:
    """Whether something holds on some rank; the same answer on all of them.

    Cheap enough for every step: one number is reduced. On a GPU the answer
    may be that of the call before, because to read this one a process would
    wait until its GPU has done all the work that it was given.
    """

    def __init__(self) -> None:
        self._last: Callable[[], bool] | None = None

    def __call__(self, here: bool, late: bool = True) -> bool:
        """Ask all ranks.

        Args:
            here: What holds on this rank.
            late: Whether the answer may be that of the call before.
        """
        if get_world_size() == 1:
            return here
        device = get_comm_device()
        flag = torch.full((1,), float(here), device=device)
        torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
        if device.type != 'cuda' or not late:
            return bool(flag.item())
        last, self._last = self._last, _read_later(flag)
        return last is not None and last()


def _read_later(flag: torch.Tensor) -> Callable[[], bool]:
    copy = torch.empty(1, pin_memory=True)
    copy.copy_(flag, non_blocking=True)
    copied = torch.cuda.Event()
    copied.record()

    def read() -> bool:
        copied.synchronize()
        return bool(copy.item())

    return read
