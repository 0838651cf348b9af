"""Images per second of a whole training step: ours, and peers'.

    pip install -c constraints.txt '.[onedl,bench]'
    python tools/speed/step.py --json step.json
    python tools/speed/step.py --backbone conv   # what frameworks cost
    python tools/speed/step.py --device cuda --backbone resnet50 --size 224 \\
        --jpegs FOLDER --workers 16

`mmdcl` and `mmpretrain` are SimCLR in mmengine's Runner by the configs
`configs/simclr_resnet50_8xb32.py` and the one of mmpretrain that it inherits,
with their hooks, logs and optimizers; `mmdcl fast` adds what `--fast` of
tools/train.py does; `lightly` is its SimCLR in a plain loop, as its examples
write it. `bare` is the backbone's forward and backward alone, on random
tensors in memory: the limit; `model` adds SimCLR's projection head, and what
a step costs beyond it is the framework's.

All have the same backbone and head, and images of uint8 in memory; making
batches of them is not counted (views.py does that). With `--jpegs` images are
those of a folder, views have 224 px, `--workers` make them by each one's own
transforms, and to wait for them is counted. Each runs in a process of its own;
they take turns of a few steps, the first of which is not counted, as caches
hold what others did. All that is repeated with fresh processes, and medians
over all turns are shown. Time is CPU time of the process. On a GPU, and with
workers, it is time by the clock (between synchronisations), and processes come
one after the other. Memory is the most that torch held on the GPU; a peer that
it has not enough for is a row without numbers. By `--peers` also `bare` with
channels-last weights, under bfloat16 autocast, both, and compiled,
`mmpretrain` and `lightly` under bfloat16 autocast (`amp`), and what `mmdcl`
trains in a plain loop of the model with its loss, then also its optimizer,
then also its normalisation of images: what a step adds to the last of these
are mmengine's Runner, hooks and logs.
"""

import multiprocessing
import os
import statistics
import sys
from pathlib import Path

import torch
from jpegs import described
from measure import Table, available, flags
from step_peers import MORE, PEERS, WIDTH, Turn, register

FULL = 'out of memory'


def _work(name: str, pipe, args) -> None:
    if args.device == 'cpu':  # where the Runner would take a GPU
        os.environ['CUDA_VISIBLE_DEVICES'] = ''
    torch.set_num_threads(args.threads)
    sys.argv = sys.argv[:1]
    register()
    try:
        (PEERS | MORE)[name](args, Turn(pipe, args))
    except torch.cuda.OutOfMemoryError:
        pipe.send(FULL)


def _told(pipe, name: str, order: str | None = None):
    """What a process answers, if it lives."""
    try:
        if order:
            pipe.send(order)
        return pipe.recv()
    except (EOFError, OSError):
        sys.exit(f'error: {name} stopped; its own message is above')


class Found:
    """Of the turns of a peer.

    Attributes:
        seconds: Of a step.
        peak: MiB, on a GPU.
        full: There was not enough memory.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.peak: float | None = None
        self.full = False

    def see(self, told, steps: int, counts: bool) -> None:
        self.full |= told == FULL
        if counts and not self.full:
            seconds, self.peak = told
            self.seconds.append(seconds / steps)


def _turns(found: dict[str, Found], args) -> None:
    """Processes that take turns."""
    context = multiprocessing.get_context('spawn')
    pipes, processes = {}, []
    for name in found:
        pipes[name], theirs = context.Pipe()
        # Who has workers must not be a daemon.
        processes.append(
            context.Process(
                target=_work,
                args=(name, theirs, args),
                daemon=not args.workers,
            )
        )
        processes[-1].start()
        theirs.close()
    for name, pipe in pipes.items():  # it is ready
        found[name].see(_told(pipe, name), args.steps, False)
    for turn in range(args.rounds + 1):
        for name, pipe in pipes.items():
            if not found[name].full:
                told = _told(pipe, name, 'go')
                found[name].see(told, args.steps, turn > 0)
    for pipe in pipes.values():
        pipe.close()
    for process in processes:  # a GPU is free only then
        process.join(60)


def main() -> None:
    parser = flags(__doc__, rounds=5)
    parser.add_argument('--backbone', choices=WIDTH, default='resnet18')
    parser.add_argument('--size', type=int, default=32, help='pixels')
    parser.add_argument('--batch', type=int, default=64, help='images')
    parser.add_argument('--steps', type=int, default=2, help='in a turn')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--peers', nargs='+', choices=PEERS | MORE)
    parser.add_argument('--jpegs', type=Path, metavar='FOLDER')
    parser.add_argument('--workers', type=int, default=0)
    args = parser.parse_args()
    names = args.peers or available(PEERS, lightly='lightly')
    images = described(args.jpegs)
    if args.jpegs:
        args.size = 224  # as all recipes have it
    found = {name: Found() for name in names}
    alone = args.device != 'cpu' or args.workers > 0
    for _ in range(args.repeats):
        for group in [[x] for x in names] if alone else [names]:
            _turns({name: found[name] for name in group}, args)
    print(
        f'{args.backbone}, {args.size} px, batch {args.batch}, {images}, '
        f'{args.device}, {args.threads} threads, {args.workers} workers'
    )
    middle = {
        name: statistics.median(x.seconds)
        for name, x in found.items()
        if not x.full
    }
    table = Table(
        '', 'ms a step', 'beyond the model', 'images/s', 'of bare', 'peak MiB'
    )
    bare, model = (middle.get(name) for name in ('bare', 'model'))
    for name in names:
        step = middle.get(name)
        row = dict(
            name=name,
            ms=step and round(1e3 * step, 2),
            ms_beyond_model=step and model and round(1e3 * (step - model), 2),
            images_per_second=step and round(args.batch / step, 1),
            of_bare=step and bare and round(bare / step, 3),
            peak_mib=found[name].peak,
            backbone=args.backbone,
            size=args.size,
            batch=args.batch,
            images=images,
            threads=args.threads,
            workers=args.workers,
            device=args.device,
            turns=len(found[name].seconds),
            steps=args.steps,
        )
        table.add(
            row,
            name,
            f'{row["ms"]:.1f}' if step else FULL,
            row['ms_beyond_model'],
            row['images_per_second'],
            row['of_bare'],
            row['peak_mib'],
        )
    table.write(args.json)


if __name__ == '__main__':
    main()
