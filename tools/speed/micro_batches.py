"""Memory and time of a training step in micro-batches, and in one pass.

    python tools/speed/micro_batches.py --json results/speed/micro_batches.json

SimCLR with DCL of a ResNet-18 at 32 px, `--width` channels wide: batches of
`--micro` images, batches of `--images` in micro-batches of `--micro`, and
those in one pass. A step: views, forward, backward, SGD with momentum.

Memory is of a process of its own. Tensors: the most that they hold at a time
in the second step, beyond weights, gradients and momenta, counted as they are
made and freed. RSS: the most that the process holds beyond what it held before
the first. Time is CPU time, medians of interleaved rounds. `--one-pass 0`
leaves out what may be too large.
"""

import resource
import weakref
from multiprocessing import get_context
from typing import Any

import torch
from measure import Table, flags, interleaved
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MIB = 2**20


class Held(TorchDispatchMode):
    """Bytes of all storages that were made inside and are still there."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: dict[int, int] = {}
        self.now = self.most = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self._see(tensor.untyped_storage())
        return out

    def _see(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self.sizes:
            self.sizes[key] = storage.nbytes()
            self.now += storage.nbytes()
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self.now -= self.sizes.pop(key)


def step_of(images: int, micro: int | None, width: int):
    """A function that makes a step of so many images."""
    from mmpretrain.registry import MODELS

    import mmdcl.models  # noqa: F401

    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='mmdcl.SimCLR',
            backbone=dict(
                type='ResNet_CIFAR',
                depth=18,
                stem_channels=width,
                base_channels=width,
            ),
            neck=dict(
                type='NonLinearNeck',
                in_channels=8 * width,
                hid_channels=8 * width,
                out_channels=128,
            ),
            head=dict(type='mmdcl.DCLHead'),
            micro_batch=micro,
        )
    ).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)

    def step() -> None:
        views = list(torch.rand(2, images, 3, 32, 32))
        model(views, mode='loss')['loss'].backward()
        del views
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)

    return step


def memory_of(
    images: int, micro: int | None, width: int, threads: int
) -> tuple[int, int]:
    """Bytes of tensors, and of the process, at the most."""
    torch.set_num_threads(threads)
    step = step_of(images, micro, width)
    before = _most_resident()
    step()
    resident = _most_resident() - before
    with Held() as held:
        step()
    return held.most, resident


def _most_resident() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = flags(__doc__, rounds=5)
    parser.add_argument('--images', type=int, default=1024)
    parser.add_argument('--micro', type=int, default=64)
    parser.add_argument('--width', type=int, default=64)
    parser.add_argument('--one-pass', type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    ways = {
        'small batch': (args.micro, None),
        'micro-batches': (args.images, args.micro),
        'one pass': (args.images, None),
    }
    if not args.one_pass:
        del ways['one pass']
    context = get_context('spawn')
    with context.Pool(1, maxtasksperchild=1) as pool:
        given = [(*way, args.width, args.threads) for way in ways.values()]
        memory = pool.starmap(memory_of, given, chunksize=1)
    steps = {name: step_of(*way, args.width) for name, way in ways.items()}
    seconds = interleaved(steps, args.rounds)
    table = Table('', 'images', 'MiB of tensors', 'MiB RSS', 'ms an image')
    for (name, (images, micro)), (held, resident) in zip(
        ways.items(), memory, strict=True
    ):
        row = dict(
            way=name,
            images=images,
            micro_batch=micro,
            width=args.width,
            bytes_of_tensors=held,
            bytes_resident=resident,
            seconds=seconds[name],
            rounds=args.rounds,
            threads=args.threads,
        )
        each = 1e3 * seconds[name] / images
        table.add(
            row,
            name,
            images,
            f'{held / MIB:.0f}',
            f'{resident / MIB:.0f}',
            f'{each:.2f}',
        )
    table.write(args.json)


if __name__ == '__main__':
    main()
