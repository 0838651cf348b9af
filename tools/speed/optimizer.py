"""What a step of LARS costs, and upstream's.

    python tools/speed/optimizer.py --json optimizer.json

`mmdcl.LARS` and mmpretrain's on the parameters of ResNets, each a group of its
own, as `paramwise_cfg` of SimCLR makes them. Medians of interleaved rounds.
"""

import torch
import torchvision
from measure import Table, flags, interleaved
from torch.optim import Optimizer


def optimizers(name: str, device: str) -> dict[str, Optimizer]:
    from mmpretrain.engine.optimizers import LARS as Upstream

    from mmdcl.engine import LARS

    shapes = [x.shape for x in torchvision.models.get_model(name).parameters()]
    found = {}
    for peer, kind in dict(mmdcl=LARS, mmpretrain=Upstream).items():
        torch.manual_seed(0)
        groups = []
        for shape in shapes:
            parameter = torch.randn(shape, device=device, requires_grad=True)
            parameter.grad = torch.randn(shape, device=device)
            # Biases and norms, as in the recipe.
            alone = dict(lars_exclude=True, weight_decay=0)
            one = dict(params=[parameter])
            groups.append(one | (alone if len(shape) == 1 else {}))
        found[peer] = kind(groups, lr=0.3, momentum=0.9, weight_decay=1e-6)
    return found


def main() -> None:
    parser = flags(__doc__, rounds=15)
    parser.add_argument(
        '--models', nargs='+', default=['resnet18', 'resnet50']
    )
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    table = Table('', 'parameters of', 'ms', 'mmdcl is cheaper')
    for model in args.models:
        peers = optimizers(model, args.device)
        seconds = interleaved(
            {name: peer.step for name, peer in peers.items()},
            args.rounds,
            args.device,
        )
        for name, second in seconds.items():
            ratio = second / seconds['mmdcl']
            row = dict(
                name=name,
                model=model,
                ms=round(1e3 * second, 2),
                ratio=round(ratio, 2),
                threads=args.threads,
                rounds=args.rounds,
                device=args.device,
            )
            table.add(row, name, model, row['ms'], f'{ratio:.1f}x')
    table.write(args.json)


if __name__ == '__main__':
    main()
