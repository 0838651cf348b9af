"""The paper's figure: q over training, by loss and batch size."""

import json

import pytest

from mmdcl.errors import UserValueError
from mmdcl.report.pictures.coupling import draw_coupling
from mmdcl.report.runs.folder import read_run
from tests.report.logs import write_run


@pytest.fixture
def run(tmp_path):
    def make(name, **kwargs):
        write_run(tmp_path / name, **kwargs)
        return read_run(tmp_path / name)

    return make


def said(fig):
    [ax] = fig.axes
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_colour_is_the_loss_and_style_the_batch(run):
    heads = ('mmdcl.InfoNCEHead', 'mmdcl.DCLHead')
    runs = [
        run(f'{head}{batch}', loss=head, batch=batch)
        for head in heads
        for batch in (128, 32)
    ]
    fig = draw_coupling(runs)
    [ax] = fig.axes
    assert said(fig) == [
        'DCL, batch 32',
        'DCL, batch 128',
        'InfoNCE, batch 32',
        'InfoNCE, batch 128',
    ]
    looks = [(x.get_color(), x.get_linestyle()) for x in ax.lines]
    assert looks[0][0] == looks[1][0] != looks[2][0] == looks[3][0]
    assert looks[0][1] == looks[2][1] != looks[1][1] == looks[3][1]
    assert len(ax.collections) == 4
    wanted = [[x['iter'] / 20, x['npc_multiplier']] for x in runs[0].training]
    assert ax.lines[0].get_xydata().tolist() == wanted
    assert ax.get_xlabel() == 'epoch'


def test_seeds_are_one_row_of_the_legend(run):
    runs = [run(str(i), recipe=dict(seed=i)) for i in range(3)]
    fig = draw_coupling([*runs, run('other', batch=64)])
    assert said(fig) == ['DCL, batch 32 (3 runs)', 'DCL, batch 64']


def test_algorithms_of_one_loss_are_told_apart(run):
    models = ('SimCLR', 'SimCLR', 'NNCLR')
    runs = [
        run(str(i), recipe=dict(model=f'{model}, ResNet', seed=i))
        for i, model in enumerate(models)
    ]
    fig = draw_coupling(runs)
    assert said(fig) == ['SimCLR (2 runs)', 'NNCLR']
    looks = [(x.get_linestyle(), x.get_marker()) for x in fig.axes[0].lines]
    assert looks[0] == looks[1]
    assert all(a != b for a, b in zip(looks[0], looks[2], strict=True))


def test_one_run_and_the_median_of_an_upstream_head(run):
    alone = run('a')
    for record in alone.training:
        del record['npc_multiplier']
    fig = draw_coupling(alone)
    [ax] = fig.axes
    assert fig.get_suptitle() == 'a'
    assert ax.get_ylabel().startswith('median q')
    assert len(ax.lines[0].get_xdata()) == 10
    assert ax.get_legend() is None


def test_runs_without_q_are_named(run, tmp_path):
    log = write_run(tmp_path / 'none')
    log.write_text(json.dumps(dict(loss=1.0, iter=1, step=1)))
    none = read_run(tmp_path / 'none')
    fig = draw_coupling([none, run('a')])
    assert fig.get_supxlabel() == 'no q was logged in none'
    with pytest.raises(UserValueError, match=r'^no q was logged in none: .*Q'):
        draw_coupling(none)
