"""Work_dirs as runs leave them, without a run."""

import json
import math
from pathlib import Path

LENGTH = 20  # iterations in an epoch


def write_run(
    work_dir: Path,
    begin: int = 0,
    end: int = 200,
    every: int = 10,
    stamp: str = '20270101_000000',
    quality: bool = True,
    batch: int = 32,
    loss: str = 'mmdcl.DCLHead',
    recipe: dict | None = None,
    shift: float = 0.0,
) -> Path:
    """A run in epochs of 20 iterations, validated after each fifth.

    Args:
        work_dir: Is made.
        begin: Iterations that another process had done.
        end: The last one.
        every: Log interval.
        stamp: Of the process.
        quality: As with ``mmdcl.QualityHook``.
        batch: In the config.
        loss: Head, in the config.
        recipe: To be written as ``recipe.json``.
        shift: Added to all losses, so that it can be told apart.

    Returns:
        Its log.
    """
    data = work_dir / stamp / 'vis_data'
    data.mkdir(parents=True)
    lines, histograms = [], []
    if not begin:
        lines.append({'accuracy/top1': 20.0, 'time': 0.1, 'step': 0})
    for i in range(begin + 1, end + 1):
        if i % every == 0:
            lines.append(training(i, shift))
        if quality and i % LENGTH == 0:
            lines.append(quality_record(i))
            histograms.append(histogram(i))
        if i % (5 * LENGTH) == 0:
            now = {
                'accuracy/top1': 20 + 10 * math.log1p(i),
                'probe/top1': 25.0,
            }
            lines.append({**now, 'time': 0.1, 'step': i // LENGTH})
    log = data / 'scalars.json'
    log.write_text(''.join(f'{json.dumps(x)}\n' for x in lines))
    if quality:
        text = ''.join(f'{json.dumps(x)}\n' for x in histograms)
        data.joinpath('quality.json').write_text(text)
    config = (
        f"model = dict(type='mmdcl.SimCLR', head=dict(type='{loss}', "
        f'temperature=0.1))\ntrain_dataloader = dict(batch_size={batch}, '
        "dataset=dict(type='mmdcl.Digits'))\n"
        "train_cfg = dict(type='mmdcl.ExactTrainLoop', max_epochs=10)\n"
    )
    data.joinpath('config.py').write_text(config)
    work_dir.joinpath('small.py').write_text(config)
    if recipe is not None:
        data.joinpath('recipe.json').write_text(json.dumps(recipe))
    return log


def training(i: int, shift: float = 0.0) -> dict:
    return {
        'loss': 5 / (1 + i / 50) + shift,
        'lr': 0.1 * (1 + math.cos(math.pi * i / 200)) / 2,
        'time': 0.2,
        'data_time': 0.05,
        'npc_multiplier': 1 / (1 + i / 80),
        'pos_cosine': 0.8,
        'neg_cosine': 0.1,
        'epoch': (i - 1) // LENGTH + 1,
        'iter': i,
        'step': i,
    }


def quality_record(i: int) -> dict:
    q = 1 / (1 + i / 80)
    record = {'quality': 64, 'iter': i, 'step': i, 'epoch': i / LENGTH}
    for place, width in (('features', 128), ('projections', 64)):
        record |= {
            f'{place}/rank_me': width * (0.2 + i / 500),
            f'{place}/effective_rank': width * 0.3,
            f'{place}/alignment': 0.5 + 10 / (i + 20),
            f'{place}/uniformity': -2.0 - i / 400,
            f'{place}/spread': 0.8 + width / 1000,
            f'{place}/width': width,
            f'{place}/rows': 64,
        }
    return record | {
        'coupling/q_p10': q / 3,
        'coupling/q_p50': q,
        'coupling/q_p90': min(1, 1.3 * q),
        'training/gradient_norm': 2.0 + math.sin(i),
        'training/data_wait': 0.25,
    }


def histogram(i: int) -> dict:
    counts = [40 - abs(20 - k) for k in range(40)]
    return {
        'iter': i,
        'epoch': i / LENGTH,
        'positive_cosine': counts,
        'negative_cosine': counts[::-1],
        'features': [0.5, 0.3, 0.2],
    }
