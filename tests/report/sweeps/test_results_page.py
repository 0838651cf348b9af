"""The tables of docs/results.md are those of the study's lines."""

import json
import math
import re
import statistics
from pathlib import Path

import pytest
from scipy import stats

from mmdcl.report.sweeps.lines import read_rows

ROOT = Path(__file__).parents[3]
LOSSES = {'InfoNCE': 'simclr', 'DCL': 'dcl', 'DCLW': 'dclw'}
KNN, LINEAR = 'k20/accuracy/top1', 'linear/top1'
BATCHES = [16, 32, 64, 128, 256]
NUMBER = re.compile(r'[+-]?\d+(?:\.\d+)?')
# Rows of what was set otherwise: configs, batch and factor of the rate.
CONV4 = 'simclr_conv4_1xb32_cifar100', 'dcl_conv4_1xb32_cifar100'
WARMUP = 'simclr_warmup', 'dcl_warmup'
OTHERWISE = {
    'batch 32, learning rate x 1/8': (CONV4, 32, 0.125),
    'batch 32, learning rate x 8': (CONV4, 32, 8),
    'batch 256, learning rate x 1/8': (CONV4, 256, 0.125),
    **{
        f'batch {batch}, 10 epochs of warm-up': (WARMUP, batch, 1)
        for batch in (256, 128, 32)
    },
    'batch 32, half the colour jitter, no grey': (
        ('simclr_mild', 'dcl_mild'),
        32,
        1,
    ),
    'batch 32, NNCLR and NNCLR + DCL': (
        ('nnclr_conv4_1xb32_cifar100', 'nnclr-dcl_conv4_1xb32_cifar100'),
        32,
        1,
    ),
}


def lines(study: str = 'cifar100_conv4') -> dict[tuple, dict[int, dict]]:
    """Runs by config, batch, rate and temperature, then by seed."""
    found: dict[tuple, dict[int, dict]] = {}
    book = ROOT / 'results' / study / 'runs.jsonl'
    for row in read_rows(book, mend=False):
        if not row['options']:
            config = Path(row['config']).stem
            rate = row['batch'], row['lr_factor']
            place = config, *rate, row['temperature']
            found.setdefault(place, {})[row['seed']] = row
    return found


def table(head: str) -> list[dict[str, str]]:
    """Of the page, the first after some words."""
    _, after = ROOT.joinpath('docs/results.md').read_text().split(head)
    return first_table(after)


def first_table(text: str) -> list[dict[str, str]]:
    """Its rows, as cells by column."""
    rows = [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in re.search(r'(?:^\|.*\n)+', text, re.M)[0].splitlines()
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
    """With 95 % of Student's t."""
    if len(values) == 1:
        return values
    mean, deviation = spread(values)
    t = stats.t.ppf(0.975, len(values) - 1)
    half = t * deviation / math.sqrt(len(values))
    return [mean, mean - half, mean + half]


def accuracies(runs: dict[int, dict], metric: str) -> dict[int, float]:
    """Of the seeds that have it; ``validation`` all have."""
    return {
        seed: (run['test'] | {'validation': run['val']})[metric]
        for seed, run in runs.items()
        if metric in run['test'] or metric == 'validation'
    }


def gains(base: dict[int, float], other: dict[int, float]) -> list[float]:
    return [value - base[seed] for seed, value in other.items()]


def says(text: str, expected: list[float], where: str, within=0.051) -> None:
    written = [float(x) for x in NUMBER.findall(text)]
    assert written == pytest.approx(expected, abs=within), f'{where}: {text}'


@pytest.mark.parametrize(
    ('head', 'temperature', 'metric'),
    [
        ('Temperature 0.07 for all:', 0.07, KNN),
        ('\nTemperature 0.1:', 0.1, KNN),
        ('A linear classifier on', 0.07, LINEAR),
        ('\nThe same at temperature 0.1:', 0.1, LINEAR),
    ],
    ids=['kNN at 0.07', 'kNN at 0.1', 'linear at 0.07', 'linear at 0.1'],
)
def test_tables_by_batch(head, temperature, metric):
    everything, rows = lines(), table(head)
    assert [int(row['batch']) for row in rows] == BATCHES
    for row in rows:
        batch = int(row.pop('batch'))
        runs = {
            loss: everything[
                f'{name}_conv4_1xb32_cifar100', batch, 1, temperature
            ]
            for loss, name in LOSSES.items()
            if loss in row
        }
        found = {
            loss: accuracies(by_seed, metric) for loss, by_seed in runs.items()
        }
        base = found['InfoNCE']
        q = [statistics.mean(run['q']) for run in runs['InfoNCE'].values()]
        expected = {'1 - q': [1 - statistics.mean(q)]}
        for loss, by_seed in found.items():
            expected[loss] = spread([*by_seed.values()])
            expected[f'gain of {loss}'] = gain(gains(base, by_seed))
        seeds = [len(by_seed) for by_seed in found.values()]
        # One number stands for losses that all have as many.
        if len({*seeds}) == 1 and ',' not in row['seeds']:
            seeds = seeds[:1]
        assert row.pop('seeds') == ', '.join(map(str, seeds))
        for column, text in row.items():
            within = 0.0051 if column == '1 - q' else 0.051
            where = f'batch {batch}, {column}'
            says(text, expected[column], where, within)


def test_what_was_set_otherwise():
    everything = lines()
    rows = {
        row.pop(''): row
        for row in table('With one thing set otherwise')
        if 'pairs' not in row['seeds']
    }
    assert rows.keys() == OTHERWISE.keys()
    for name, (configs, *setting) in OTHERWISE.items():
        row = rows[name]
        base, other = (
            everything[(config, *setting, 0.07)] for config in configs
        )
        assert row['seeds'] == str(len(base)) == str(len(other))
        chosen, *tested = (
            [accuracies(runs, metric) for runs in (base, other)]
            for metric in ('validation', KNN)
        )
        means = [statistics.mean(x.values()) for x in chosen]
        says(row['validation: InfoNCE, DCL'], means, f'{name}, validation')
        for column, found in zip(
            ('test: InfoNCE', 'DCL'), *tested, strict=True
        ):
            says(row[column], spread([*found.values()]), f'{name}, {column}')
        found = gain(gains(*tested[0]))
        says(row['gain of DCL'], found, f'{name}, gain')


def pairs(metric: str, *recipes: tuple[str, str]) -> list[float]:
    """Gains of all pairs of two configs that differ in nothing else."""
    everything = lines()
    return [
        each
        for (config, *setting), runs in everything.items()
        for base, other in recipes
        if config == base
        for each in gains(
            accuracies(runs, metric),
            accuracies(everything[(other, *setting)], metric),
        )
    ]


def test_all_pairs_of_the_recipe():
    found = pairs(KNN, CONV4)
    [row] = [
        row
        for row in table('With one thing set otherwise')
        if 'pairs' in row['seeds']
    ]
    assert row['seeds'] == f'{len(found)} pairs'
    says(row['gain of DCL'], gain(found), 'all pairs')
    readme = ROOT.joinpath('README.md').read_text()
    assert f'by {statistics.mean(found):.1f} points of 25 in kNN' in readme


def test_cifar10():
    """Whose rows are metrics."""
    found = lines('cifar10_conv4')
    base, other = (
        found[f'{name}_conv4_1xb32_cifar10', 32, 1, 0.07]
        for name in ('simclr', 'dcl')
    )
    rows = table('CIFAR-10 with the same network')
    for row, metric in zip(rows, ('validation', KNN, LINEAR), strict=True):
        runs = [accuracies(x, metric) for x in (base, other)]
        for column, values in zip(('InfoNCE', 'DCL'), runs, strict=True):
            says(
                row[column], spread([*values.values()]), f'{metric}, {column}'
            )
        says(row['gain of DCL'], gain(gains(*runs)), f'{metric}, gain')


@pytest.mark.parametrize('study', ['cifar100_conv4', 'cifar10_conv4'])
def test_what_linear_said_is_beside_the_lines(study):
    folder = ROOT / 'results' / study
    rows = [
        row
        for row in read_rows(folder / 'runs.jsonl', mend=False)
        if LINEAR in row['test']
    ]
    names = {Path(row['log']).name for row in rows}
    assert names == {path.name for path in folder.glob('linear/*')}
    for row in rows:
        said = folder.joinpath('linear', Path(row['log']).name).read_text()
        metrics = json.loads(said.splitlines()[-1])['metrics']
        assert metrics['accuracy/top1'] == row['test'][LINEAR]


def said(pattern: str) -> list[float]:
    """Numbers in the group of the one passage of the page that fits."""
    page = ROOT.joinpath('docs/results.md').read_text()
    [passage] = re.findall(pattern, ' '.join(page.split()))
    return [float(x) for x in NUMBER.findall(passage)]


def test_pairs_that_the_text_counts():
    mild, _, _ = OTHERWISE['batch 32, half the colour jitter, no grey']
    test, validation = (
        pairs(metric, CONV4, WARMUP, mild) for metric in (KNN, 'validation')
    )
    ahead, chosen = (sum(x > 0 for x in found) for found in (test, validation))
    expected = [ahead, len(test), max(test), chosen]
    assert said(r'on CIFAR-100 in (\d.*?) of them') == pytest.approx(
        expected, abs=0.051
    )


def test_what_the_text_says_of_a_warm_up():
    """Gains of the same seeds."""
    everything = lines()

    def runs(config: str, batch: int) -> dict[int, float]:
        return accuracies(everything[config, batch, 1, 0.07], KNN)

    def worth(loss: str, batch: int) -> float:
        warm = runs(f'{loss}_warmup', batch)
        cold = runs(f'{loss}_conv4_1xb32_cifar100', batch)
        return statistics.mean(warm[seed] - cold[seed] for seed in warm)

    for batch, losses in (
        (256, ('simclr', 'dcl', 'dclw')),
        (128, ('simclr', 'dcl')),
        (32, ('simclr', 'dcl')),
    ):
        found = said(rf'\b{batch} gains (\d.*?) and DCL is ')
        expected = [worth(loss, batch) for loss in losses]
        assert found == pytest.approx(expected, abs=0.051), batch


def test_gains_that_the_text_names():
    """Of each batch: at both temperatures, and at that which is chosen."""
    everything = lines()

    def runs(name: str, batch: int, temperature: float) -> dict[int, dict]:
        config = f'{name}_conv4_1xb32_cifar100'
        return everything[config, batch, 1, temperature]

    def mean(runs: dict[int, dict], metric: str) -> float:
        return statistics.mean(accuracies(runs, metric).values())

    numbers = r'((?:[\d.]*\d(?:, | and )?){5})'
    for temperature in (0.07, 0.1):
        expected = [
            mean(runs('dcl', batch, temperature), KNN)
            - mean(runs('simclr', batch, temperature), KNN)
            for batch in BATCHES
        ]
        found = said(rf'{temperature} gains {numbers}')
        assert found == pytest.approx(expected, abs=0.051), temperature
    base, other = (
        [
            max(
                (runs(name, batch, 0.07), runs(name, batch, 0.1)),
                key=lambda found: mean(found, 'validation'),
            )
            for batch in BATCHES
        ]
        for name in ('simclr', 'dcl')
    )
    expected = [
        mean(x, KNN) - mean(y, KNN) for x, y in zip(other, base, strict=True)
    ]
    found = said(rf'at each batch, DCL is ahead by {numbers}')
    assert found == pytest.approx(expected, abs=0.051)


def test_best_and_spread_that_the_text_names():
    """As `mmdcl sweep` has them beside the lines."""
    book = ROOT / 'results' / 'cifar100_conv4' / 'spread.md'
    rows = {row['config']: row for row in first_table(book.read_text())}
    losses = [rows[config] for config in CONV4]
    warmup = [rows[f'{loss}_warmup'] for loss in ('simclr', 'dcl')]
    best = r'[\d.]+ ± [\d.]+'
    for words, of in (
        (rf'with a warm-up: ({best} \(InfoNCE\) and {best}) \(DCL', warmup),
        (rf'Without one: ({best}) \(', losses[:1]),
        (rf'0\.1\) and ({best}) \(64', losses[1:]),
    ):
        expected = ' '.join(row[KNN] for row in of)
        expected = [float(x) for x in NUMBER.findall(expected)]
        assert said(words) == pytest.approx(expected, abs=0.051), words
    for words, column in (
        (r'InfoNCE moves by ([\d.]+ points and DCL by [\d.]+) ', 'batch'),
        (r'factor of 64 move them by ([\d.]+ and [\d.]+), ', 'lr'),
        (r'InfoNCE by ([\d.]+ and DCL by [\d.]+) ', 'temperature'),
    ):
        spreads = [row[f'spread over {column}'] for row in losses]
        expected = [float(NUMBER.match(text)[0]) for text in spreads]
        assert said(words) == pytest.approx(expected, abs=0.051), words
