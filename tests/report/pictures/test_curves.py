"""Panels: what matters first, none empty, of any run."""

import json

import pytest

from mmdcl.errors import UserValueError
from mmdcl.report.pictures.curves import draw_curves
from mmdcl.report.pictures.panels import MOST
from mmdcl.report.pictures.style import save
from mmdcl.report.runs.folder import read_run
from tests.report.logs import training, write_run

ORDER = [
    'accuracy (%)',
    'loss',
    'mean q, the negative-positive coupling',
    'cosine',
    'rank (RankMe)',
    'alignment (lower is better)',
    'uniformity (lower is better)',
    'spread (0: collapsed)',
    'norm of the gradient',
    'waiting for data (% of a step)',
    'learning rate',
]


def panels(fig):
    return {ax.get_title(): ax for ax in fig.axes}


def points(ax):
    return {
        line.get_label(): line.get_xydata().tolist()
        for line in ax.lines
        if len(line.get_xdata()) and line.get_color() != '#808080'
    }


def test_panels_are_in_order_and_hold_what_was_logged(tmp_path):
    write_run(tmp_path / 'a run')
    run = read_run(tmp_path / 'a run')
    fig = draw_curves(run)
    assert fig.get_suptitle() == 'a run'
    assert list(panels(fig)) == ORDER
    assert {ax.get_xlabel() for ax in fig.axes} == {'epoch'}
    for ax in fig.axes:
        assert points(ax)

    drawn = points(panels(fig)['accuracy (%)'])
    values = [x['accuracy/top1'] for x in run.validation]
    wanted = [[0, 20], [5, values[1]], [10, values[2]]]
    assert drawn == {'kNN': wanted, 'linear probe': [[5, 25], [10, 25]]}
    [loss] = points(panels(fig)['loss']).values()
    assert loss == [[x['iter'] / 20, x['loss']] for x in run.training]
    ranks = points(panels(fig)['rank (RankMe)'])
    assert list(ranks) == ['features', 'projections']

    [untrained] = panels(fig)['accuracy (%)'].texts
    assert untrained.get_text() == 'untrained: 20.0'
    q = panels(fig)['mean q, the negative-positive coupling']
    [band] = q.collections
    low, high = band.get_datalim(q.transData).intervaly
    quality = run.quality
    assert low == pytest.approx(quality[-1]['coupling/q_p10'], rel=1e-6)
    assert high == pytest.approx(quality[0]['coupling/q_p90'], rel=1e-6)


def test_no_limit_cuts_a_line(tmp_path):
    write_run(tmp_path / 'a')
    for ax in draw_curves(read_run(tmp_path / 'a')).axes:
        low, high = ax.get_ylim()
        for line in ax.lines:
            assert low <= min(line.get_ydata()) <= max(line.get_ydata()) < high


def test_several_runs_share_the_panels(tmp_path):
    write_run(tmp_path / 'a', batch=32)
    write_run(tmp_path / 'b', batch=128, shift=1)
    fig = draw_curves([read_run(tmp_path / x) for x in 'ab'])
    assert fig.get_suptitle() == '2 runs: a, b'
    assert list(panels(fig)) == ORDER
    assert len(panels(fig)['loss'].lines) == 2
    colours = {line.get_color() for line in panels(fig)['loss'].lines}
    assert len(colours) == 2
    [legend] = fig.legends
    said = [text.get_text() for text in legend.get_texts()]
    assert said == ['batch 32', 'batch 128']


def test_many_names_fit_below_the_panels(tmp_path):
    runs = []
    for i in range(13):
        name = f'{"W" * 30}{i}'
        write_run(tmp_path / name, end=20, recipe=dict(seed=7))
        runs.append(read_run(tmp_path / name))
    for columns in (1, 4):
        fig = draw_curves(runs, columns)
        save(fig, tmp_path / 'a.png')
        [legend] = fig.legends
        box = legend.get_window_extent()
        assert fig.bbox.x0 <= box.x0 < box.x1 <= fig.bbox.x1
        assert box.y1 <= min(ax.get_tightbbox().y0 for ax in fig.axes)
    looks = {
        (x.get_color(), x.get_linestyle(), x.get_marker())
        for x in legend.get_lines()
    }
    assert len(looks) == 13


def test_three_records_of_a_killed_run(tmp_path):
    log = write_run(tmp_path / 'a', quality=False)
    lines = log.read_text().splitlines()
    log.write_text('\n'.join([*lines[:3], lines[3][:20]]))
    fig = draw_curves(read_run(tmp_path / 'a'))
    assert panels(fig)['kNN accuracy (%)'].lines[0].get_marker() == 'o'
    assert len(points(panels(fig)['loss'])) == 1
    assert save(fig, tmp_path / 'a.png')


def test_a_hundred_thousand_records_are_thinned(tmp_path):
    log = write_run(tmp_path / 'a', quality=False)
    records = [training(i) for i in range(1, 100_001)]
    records[70_000]['loss'] = 50.0
    log.write_text('\n'.join(map(json.dumps, records)))
    ax = panels(draw_curves(read_run(tmp_path / 'a')))['loss']
    [line] = ax.lines
    assert 100 < len(line.get_xdata()) <= MOST
    assert line.get_xdata()[0] < 20
    assert line.get_xdata()[-1] > 4980
    [range_] = ax.collections  # shows what the means hide
    assert range_.get_datalim(ax.transData).y1 == 50


def test_an_upstream_run(tmp_path):
    log = tmp_path / 'a' / '20270101_000000' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    lines = [dict(loss=2.0, lr=0.1, iter=i, step=i) for i in (10, 20)]
    lines.append({'coco/bbox_mAP': 0.3, 'coco/bbox_mAP_50': 0.5, 'step': 20})
    log.write_text('\n'.join(map(json.dumps, lines)))
    fig = draw_curves(read_run(tmp_path / 'a'))
    assert list(panels(fig)) == ['coco', 'loss', 'learning rate']
    assert list(points(panels(fig)['coco'])) == ['bbox_mAP', 'bbox_mAP_50']
    assert {ax.get_xlabel() for ax in fig.axes} == {'iteration'}
    write_run(tmp_path / 'b')
    both = draw_curves([read_run(tmp_path / x) for x in 'ab'])
    assert {ax.get_xlabel() for ax in both.axes} == {'iteration'}
    assert panels(both)['loss'].lines[1].get_xdata()[-1] == 200


def test_nothing_to_draw_gets_a_sentence(tmp_path):
    log = write_run(tmp_path / 'a')
    log.write_text('{"loss": NaN, "iter": 1}\n')
    log.with_name('quality.json').unlink()
    with pytest.raises(UserValueError, match=r'^a logged nothing that can be'):
        draw_curves(read_run(tmp_path / 'a'))


def test_names_are_not_mathematics(tmp_path):
    name = 'a$_b$ <i>'
    write_run(tmp_path / name)
    fig = draw_curves(read_run(tmp_path / name))
    [path] = save(fig, tmp_path / 'a.svg')
    assert 'a$_b$ &lt;i&gt;' in path.read_text()
