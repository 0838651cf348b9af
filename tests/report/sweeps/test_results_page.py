"""The tables of docs/results.md are those of the study's lines."""

import math
import re
import statistics
from pathlib import Path

import pytest

from mmdcl.report.sweeps.lines import read_rows

ROOT = Path(__file__).parents[3]
LOSSES = {'InfoNCE': 'simclr', 'DCL': 'dcl', 'DCLW': 'dclw'}
KNN, LINEAR = 'k20/accuracy/top1', 'linear/top1'
# Student's t at 97.5 %, by seeds.
T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
NUMBER = re.compile(r'[+-]?\d+(?:\.\d+)?')


def lines() -> dict[tuple, dict[int, dict]]:
    """Runs by config, batch and temperature, then by seed."""
    found: dict[tuple, dict[int, dict]] = {}
    book = ROOT / 'results/cifar100_conv4/runs.jsonl'
    for row in read_rows(book, mend=False):
        if not row['options'] and row['lr_factor'] == 1:
            place = row['config'], row['batch'], row['temperature']
            found.setdefault(place, {})[row['seed']] = row
    return found


def table(head: str) -> list[dict[str, str]]:
    """Rows of the first table after some words, as cells by column."""
    page = ROOT.joinpath('docs/results.md').read_text()
    _, after = page.split(head)
    rows = [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in re.search(r'(?:^\|.*\n)+', after, re.M)[0].splitlines()
    ]
    names, _, *cells = rows
    columns = [
        f'gain of {before}' if name == 'gain' else name
        for before, name in zip(['', *names], names, strict=False)
    ]
    return [dict(zip(columns, row, strict=True)) for row in cells]


def spread(values: list[float]) -> list[float]:
    deviation = [statistics.stdev(values)] if len(values) > 1 else []
    return [statistics.mean(values), *deviation]


def gain(values: list[float]) -> list[float]:
    if len(values) == 1:
        return values
    mean, deviation = spread(values)
    half = T[len(values)] * deviation / math.sqrt(len(values))
    return [mean, mean - half, mean + half]


@pytest.mark.parametrize(
    ('head', 'temperature', 'metric', 'batches'),
    [
        ('Temperature 0.07 for all:', 0.07, KNN, [16, 32, 64, 128, 256]),
        ('\nTemperature 0.1:', 0.1, KNN, [16, 32, 64, 128, 256]),
        ('A linear classifier on', 0.07, LINEAR, [16, 32, 64, 128, 256]),
        ('\nThe same at temperature 0.1:', 0.1, LINEAR, [16, 64, 256]),
    ],
    ids=['kNN at 0.07', 'kNN at 0.1', 'linear at 0.07', 'linear at 0.1'],
)
def test_tables_by_batch(head, temperature, metric, batches):
    everything, rows = lines(), table(head)
    assert [int(row['batch']) for row in rows] == batches
    for row in rows:
        batch = int(row.pop('batch'))
        runs = {
            loss: everything[
                f'{name}_conv4_1xb32_cifar100', batch, temperature
            ]
            for loss, name in LOSSES.items()
            if loss in row
        }
        found = {
            loss: {
                seed: run['test'][metric]
                for seed, run in by_seed.items()
                if metric in run['test']
            }
            for loss, by_seed in runs.items()
        }
        base = found['InfoNCE']
        q = [statistics.mean(run['q']) for run in runs['InfoNCE'].values()]
        expected = {'1 - q': [1 - statistics.mean(q)]}
        for loss, by_seed in found.items():
            expected[loss] = spread([*by_seed.values()])
            expected[f'gain of {loss}'] = gain(
                [value - base[seed] for seed, value in by_seed.items()]
            )
        seeds = [len(by_seed) for by_seed in found.values()]
        # One number stands for losses that all have as many.
        if len({*seeds}) == 1 and ',' not in row['seeds']:
            seeds = seeds[:1]
        assert row.pop('seeds') == ', '.join(map(str, seeds))
        for column, text in row.items():
            within = 0.0051 if column == '1 - q' else 0.051
            written = [float(x) for x in NUMBER.findall(text)]
            where = f'batch {batch}, {column}: {text}'
            assert written == pytest.approx(expected[column], abs=within), (
                where
            )
