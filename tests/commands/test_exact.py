"""What is measured exactly, as `docs/precision.md` has it."""

import json
import math
import re

import pytest

from tests.commands.documented import ROOT, typed

LOGS = sorted(ROOT.glob('results/exact/coupling*.json'))
TWO_LOGARITHMS = """
import torch
import torch.nn.functional as F


class DCL:
    def __init__(self, temperature):
        self.temperature = temperature

    def one_way(self, z1, z2):
        own = torch.eye(len(z1), dtype=torch.bool)
        logits = (z1 @ z1.T, z1 @ z2.T)
        logits = [x / self.temperature for x in logits]
        sums = [x.masked_fill(own, -torch.inf).logsumexp(1) for x in logits]
        return (sum(sums) - (z1 * z2).sum(1) / self.temperature).mean()

    def __call__(self, z1, z2):
        return (self.one_way(z1, z2) + self.one_way(z2, z1)) / 2


class DCLW(DCL):
    pass
"""


def test_gradients_are_measured_and_drawn(tmp_path):
    said = typed('tools/exact/precision.py', tmp_path, '--images', '24')
    assert '| InfoNCE, cross-entropy | bfloat16 | pull |' in said
    rows = json.loads(tmp_path.joinpath('precision.json').read_text())
    assert {'machine', 'commit', 'torch', 'weights'} < set(rows[0])
    typed('tools/exact/draw.py', tmp_path)
    drawn = tmp_path.joinpath('precision.png').read_bytes()
    assert drawn[:4] == b'\x89PNG'


def test_the_ratio_of_norms_is_q(tmp_path):
    small = ['--images', '16', '--batches', '2', '--json', 'q.json']
    typed('tools/exact/coupling.py', tmp_path, *small)
    (row,) = json.loads(tmp_path.joinpath('q.json').read_text())
    assert row['anchors'] == 64
    assert row['float64'] < 1e-12
    assert row['float32'] < 1e-4
    assert 0 < row['mean'] < 1


def test_others_are_scored(tmp_path):
    tmp_path.joinpath('theirs.py').write_text(TWO_LOGARITHMS)
    options = ['--images', '6', '--temperatures', '0.1', '--json', 'p.json']
    for name in ('DCLW', 'DCL+'):
        options += ['--peer', f'{name}={tmp_path}:theirs:{name}']
    place = {
        'lightly=FOLDER:lightly.loss:DCLLoss': f'DCL={tmp_path}:theirs:DCL'
    }
    typed('tools/exact/peers.py', tmp_path, *options, instead=place)
    rows = json.loads(tmp_path.joinpath('p.json').read_text())
    ours = [row for row in rows if row['peer'] == 'mmdcl']
    assert len(ours) == 3
    assert all(row['error'] < 1e-5 for row in ours)
    assert all(math.isclose(row['length'], 1, rel_tol=1e-5) for row in ours)
    (once,) = [row for row in rows if row['peer'] == 'DCL']
    (twice,) = [row for row in rows if row['peer'] == 'DCL+']
    assert once['error'] > 0.1
    assert twice['value'] == pytest.approx(2 * once['value'], rel=1e-5)
    assert twice['length'] == pytest.approx(2 * once['length'], rel=1e-4)
    assert twice['angle'] == pytest.approx(once['angle'], rel=1e-3)


def rows_of(name):
    return json.loads(ROOT.joinpath('results/exact', name).read_text())


def test_tables_of_precision_are_those_of_the_log():
    page = ROOT.joinpath('docs/precision.md').read_text()
    lines: dict[str, dict] = {}
    for row in rows_of('precision.json'):
        lines.setdefault(row['form'], {})[row['precision']] = row
    for form, found in lines.items():
        lost = [
            [
                q
                for q, error in zip(x['q'], x['pull'], strict=True)
                if error > 0.5
            ]
            for x in found.values()
        ]
        cells = [f'{max(x):.0e}' if x else 'kept' for x in lost]
        assert f'| {form} | {" | ".join(cells)} |' in page
        cells = [
            f'{found[precision]["gradient"][k]:.0e}'
            for precision in ('float32', 'bfloat16')
            for k in (0, 6, 12)
        ]
        assert f'| {form} | {" | ".join(cells)} |' in page


def test_tables_of_others_are_of_the_log():
    logged = set()
    for x in rows_of('peers.json'):
        cells = [x['peer'], x['loss'], x['images'], f'{x["temperature"]:g}']
        cells += [f'{x["value"]:.3f}', f'{x["right"]:.3f}']
        cells += [
            f'{x["error"]:.0e}' if x['error'] < 1e-3 else f'{x["error"]:.2f}'
        ]
        cells += [f'{x["length"]:.2f}', f'{x["angle"]:.1f}']
        logged.add(f'| {" | ".join(map(str, cells))} |')
    page = ROOT.joinpath('docs/old-numbers.md').read_text()
    peers = r'\| (?:mmdcl|lightly|raminnakhli|nidl) .*'
    shown = re.findall(peers, page)
    assert len(shown) > 10
    assert not set(shown) - logged


def test_the_table_of_couplings_is_of_the_logs():
    rows = [x for path in LOGS for x in json.loads(path.read_text())]
    logged = set()
    for x in rows:
        cells = [f'`{x["checkpoint"]}`', x['embeddings']]
        cells += [f'{x["temperature"]:g}', str(x['batch'])]
        cells += [f'{x["mean"]:.2f}', f'{x["median"]:.2f}']
        cells += [f'{100 * x["below"]:.1f}']
        cells += [f'{x["float64"]:.0e}', f'{x["float32"]:.0e}']
        logged.add(f'| {" | ".join(cells)} |')
    page = ROOT.joinpath('docs/precision.md').read_text()
    shown = re.findall(r'\| `(?:mmdcl:|\w+_\w+/).*', page)
    assert len(shown) > 5
    assert not set(shown) - logged
