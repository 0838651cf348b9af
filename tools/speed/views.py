"""What two views of an image cost a worker, and what is left to the device.

    pip install -c constraints.txt '.[onedl,bench]'
    python tools/speed/views.py FOLDER --json views.json

FOLDER holds JPEGs. Milliseconds of CPU time for each image, from the file to
a collated batch of two 224 px views by SimCLR's recipe: `mmdcl` as workers do
it with `mmdcl.DeviceViewsHook`, `device` what then remains for the training
device (here `--device`), `mmpretrain` its own pipeline of
`simclr_resnet50_8xb32`, `lightly` its `SimCLRTransform` on images that Pillow
reads. `decode` reads and decodes, nothing else. Medians of interleaved rounds.
"""

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from jpegs import jpegs_in
from measure import Table, available, flags, interleaved

ROOT = Path(__file__).parent.parent.parent


def mmengine_pipelines() -> dict[str, list]:
    """Transforms of ours and of upstream, built."""
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmpretrain.registry import TRANSFORMS

    init_default_scope('mmpretrain')
    cfg = Config.fromfile(ROOT / 'configs' / 'simclr_resnet50_8xb32.py')
    ours = cfg.train_dataloader.dataset.pipeline
    upstream = copy.deepcopy(cfg.train_pipeline)
    return {
        name: [TRANSFORMS.build(x) for x in pipeline]
        for name, pipeline in dict(mmdcl=ours, mmpretrain=upstream).items()
    }


def batches_of(transform: Callable) -> Callable:
    """Paths to a batch, as a worker makes it."""
    from mmengine.dataset import default_collate

    def batch(paths: list[Path]) -> dict:
        return default_collate(
            [transform(dict(img_path=str(path))) for path in paths]
        )

    return batch


def split() -> Callable:
    from mmpretrain.registry import TRANSFORMS

    transforms = mmengine_pipelines()['mmdcl']
    views = dict(type='mmdcl.SplitViews', transforms=transforms)
    return batches_of(TRANSFORMS.build(views))


def upstream() -> Callable:
    from mmengine.dataset import Compose

    return batches_of(Compose(mmengine_pipelines()['mmpretrain']))


def decode() -> Callable:
    [load, *_] = mmengine_pipelines()['mmdcl']
    return lambda paths: [load(dict(img_path=str(path))) for path in paths]


def lightly() -> Callable:
    from lightly.transforms import SimCLRTransform
    from PIL import Image

    transform = SimCLRTransform()

    def batch(paths: list[Path]) -> list:
        images = (Image.open(path).convert('RGB') for path in paths)
        return torch.utils.data.default_collate([transform(x) for x in images])

    return batch


PEERS = {
    'mmdcl': split,
    'mmpretrain': upstream,
    'lightly': lightly,
    'decode': decode,
}


def on_device(batch: dict, device: str) -> Callable:
    from mmdcl.views import apply_steps

    views = [view.to(device) for view in batch['inputs']]
    steps = batch['view_steps']
    return lambda: [
        apply_steps(view, steps[:, number])
        for number, view in enumerate(views)
    ]


def main() -> None:
    parser = flags(__doc__, rounds=9)
    parser.add_argument('folder', type=Path, help='with JPEGs, at any depth')
    parser.add_argument('--batch', type=int, default=32, help='images')
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    paths = jpegs_in(args.folder)
    # Rounds go through the folder; in a round all peers have the same images.
    paths = (paths * (1 + args.batch * (args.rounds + 1) // len(paths)))[
        : args.batch * (args.rounds + 1)
    ]
    parts = [
        paths[i : i + args.batch] for i in range(0, len(paths), args.batch)
    ]
    names = available(PEERS, lightly='lightly')
    makers = {name: PEERS[name]() for name in names}
    turns = {name: iter(parts) for name in names}
    seconds = interleaved(
        {name: lambda n=name: makers[n](next(turns[n])) for name in names},
        args.rounds,
    )
    rest = on_device(makers['mmdcl'](parts[0]), args.device)
    seconds |= interleaved({'device': rest}, args.rounds, args.device)
    table = Table('', 'ms an image', 'mmdcl is cheaper')
    for name, second in seconds.items():
        ratio = second / seconds['mmdcl']
        row = dict(
            name=name,
            ms=round(1e3 * second / args.batch, 3),
            ratio=round(ratio, 2),
            batch=args.batch,
            threads=args.threads,
            rounds=args.rounds,
            device=args.device if name == 'device' else 'cpu',
        )
        table.add(row, name, f'{row["ms"]:.2f}', f'{ratio:.1f}x')
    table.write(args.json)


if __name__ == '__main__':
    main()
