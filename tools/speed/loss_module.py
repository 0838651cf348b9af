"""What DCL over logits and labels costs, beside the cross-entropy it replaces.

    python tools/speed/loss_module.py --json loss_module.json

The loss modules of `mmdcl` and mmpretrain's `CrossEntropyLoss`, forward and
backward, on the logits of N anchors against N columns, as in MoCo v3. Medians
of interleaved rounds. What is around it, two encoders, is not measured.
"""

from collections.abc import Callable

import torch
from measure import Table, flags, interleaved
from torch import Tensor

TEMPERATURE = 0.2
CROSS_ENTROPY = 'CrossEntropyLoss'


def peers() -> dict[str, Callable]:
    from mmpretrain.models.losses import CrossEntropyLoss

    from mmdcl.models import (
        DecoupledCrossEntropyLoss,
        WeightedDecoupledCrossEntropyLoss,
    )

    modules = [
        CrossEntropyLoss(),
        DecoupledCrossEntropyLoss(),
        WeightedDecoupledCrossEntropyLoss(TEMPERATURE),
    ]
    return {type(module).__name__: module for module in modules}


def step(loss: Callable, logits: Tensor, labels: Tensor) -> None:
    logits.grad = None
    loss(logits, labels).backward()


def main() -> None:
    parser = flags(__doc__, rounds=15)
    parser.add_argument(
        '--images', type=int, nargs='+', default=[256, 1024, 4096]
    )
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    losses = peers()
    table = Table('', 'images', 'ms', 'of CrossEntropyLoss')
    for images in args.images:
        torch.manual_seed(images)
        logits = torch.rand(images, images, device=args.device) / TEMPERATURE
        logits.requires_grad_()
        labels = torch.arange(images, device=args.device)
        seconds = interleaved(
            {
                name: lambda loss=loss, x=(logits, labels): step(loss, *x)
                for name, loss in losses.items()
            },
            args.rounds,
            args.device,
        )
        for name, second in seconds.items():
            ratio = second / seconds[CROSS_ENTROPY]
            row = dict(
                name=name,
                n_images=images,
                ms=round(1e3 * second, 3),
                ratio=round(ratio, 2),
                threads=args.threads,
                device=args.device,
                rounds=args.rounds,
            )
            table.add(row, name, images, f'{row["ms"]:.2f}', f'{ratio:.2f}x')
    table.write(args.json)


if __name__ == '__main__':
    main()
