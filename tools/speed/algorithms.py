"""What a training step of each algorithm costs, beside two-view SimCLR.

    python tools/speed/algorithms.py --json algorithms.json

Whole steps: preprocessing, forward, backward and SGD, of the networks of
`configs/*_slimr18_1xb32_cifar10.py`, all with DCL but where it says otherwise.
Images are random and in memory; data loading, hooks and logs are not counted
(step.py does that). All take turns in one process. CPU time, on a GPU the time
between synchronisations.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from measure import Table, flags, interleaved
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from mmdcl.sync_bn import runnable_here

CONFIGS = Path(__file__).parent.parent.parent / 'configs'
TWO = (32, 32)
FIRST = 'SimCLR'


def slim(method: str) -> dict:
    """Model and preprocessor of a config of the slim recipe."""
    cfg = Config.fromfile(CONFIGS / f'{method}_slimr18_1xb32_cifar10.py')
    return dict(cfg.model, data_preprocessor=cfg.data_preprocessor)


def moco_v3(**loss) -> dict:
    """Upstream's MoCo v3 with the slim networks and NNCLR's predictor."""
    parts, ours = slim('dcl'), slim('nnclr-dcl')
    head = dict(type='MoCoV3Head', predictor=ours['predictor'], loss=loss)
    return dict(parts, type='MoCoV3', head=dict(head, temperature=0.1))


PEERS = {
    FIRST: (slim('dcl'), TWO),
    'SimCLR, DHEL': (slim('dhel'), TWO),
    'SimCLR, MACL': (slim('macl'), TWO),
    'SimCLR, micro-batches of 16': (dict(slim('dcl'), micro_batch=16), TWO),
    'SimCLR, 4 more views of 16 px': (slim('dcl'), (*TWO, 16, 16, 16, 16)),
    'SupCon': (slim('supcon-dcl'), TWO),
    'NSCL': (slim('nscl'), TWO),
    'NNCLR': (slim('nnclr-dcl'), TWO),
    'MoCo v3': (moco_v3(type='mmdcl.DecoupledCrossEntropyLoss'), TWO),
    'MoCo v3, InfoNCE': (moco_v3(type='CrossEntropyLoss'), TWO),
}


def steps(model: dict, sizes: tuple, batch: int, device: str) -> Callable:
    """A training step on the same images again and again."""
    torch.manual_seed(0)
    built = runnable_here(MODELS.build(model)).to(device)
    built.init_weights()
    built.train()
    sgd = torch.optim.SGD(built.parameters(), lr=0.015, momentum=0.9)
    wrapper = OptimWrapper(sgd)
    samples = [
        DataSample(metainfo=dict(sample_idx=i)).set_gt_label(i % 10)
        for i in range(batch)
    ]
    views = [
        torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8)
        for size in sizes
    ]
    data = dict(inputs=views, data_samples=samples)
    return lambda: built.train_step(data, wrapper)


def main() -> None:
    parser = flags(__doc__, rounds=15)
    parser.add_argument('--batch', type=int, default=64, help='images')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--peers', nargs='+', choices=PEERS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    init_default_scope('mmpretrain')
    MessageHub.get_current_instance().update_info('max_iters', 10**6)
    names = dict.fromkeys([FIRST, *(args.peers or PEERS)])
    runs = {x: steps(*PEERS[x], args.batch, args.device) for x in names}
    seconds = interleaved(runs, args.rounds, args.device)
    table = Table('', 'ms a step', 'of SimCLR')
    for name, found in seconds.items():
        row = dict(
            name=name,
            ms=round(1e3 * found, 2),
            of_simclr=round(found / seconds[FIRST], 3),
            views=PEERS[name][1],
            batch=args.batch,
            threads=args.threads,
            device=args.device,
            rounds=args.rounds,
        )
        table.add(row, name, f'{row["ms"]:.1f}', f'{row["of_simclr"]:.2f}x')
    table.write(args.json)


if __name__ == '__main__':
    main()
