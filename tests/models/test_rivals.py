"""DHEL and MACL, against loops, over ranks, and where they do not fit."""

import json
from pathlib import Path

import pytest
import torch
from mmpretrain.registry import MODELS
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmdcl.functional import dcl, info_nce, log_sum_negatives, npc_multiplier
from mmdcl.models import DCLHead, DHELHead, MACLHead, SimCLR
from tests.engine.test_train_loop import EVERY_5, assert_identical, state
from tests.engine.test_train_loop import build as runner
from tests.models.test_simclr import Flat, step
from tests.ranks import on_ranks
from tests.reference import dot, row
from tests.runs import NNCLR, SIMCLR

HEADS = {
    'dhel': dict(type='mmdcl.DHELHead', temperature=0.2),
    'rescaled': dict(type='mmdcl.RescaledInfoNCEHead', temperature=0.2),
    'macl': dict(type='mmdcl.MACLHead', temperature=0.2),
    'macl far': dict(
        type='mmdcl.MACLHead', temperature=0.2, alpha=0.7, alignment=0.4
    ),
}


def looped(config, views):
    """As the papers write them, every other view in turn the positive."""
    z = [[x / x.norm() for x in view] for view in views]
    images, numbers = range(len(views[0])), range(len(views))
    tau, one_view = config['temperature'], 'DHEL' in config['type']
    pairs = [(a, b) for a in numbers for b in numbers if a != b]
    cosine = {
        (a, b, i): dot(z[a][i], z[b][i]) for a, b in pairs for i in images
    }
    rescaled = 'Rescaled' in config['type']
    if not one_view and not rescaled:
        mean = sum(float(x.detach()) for x in cosine.values()) / len(cosine)
        shift = mean - config.get('alignment', 0)
        tau *= 1 + config.get('alpha', 0.5) * shift
    rows, qs = [], []
    for (a, _, i), pos in cosine.items():
        p = pos / tau
        negatives = sum(
            torch.exp(dot(z[a][i], z[v][j]) / tau)
            for v in ((a,) if one_view else numbers)
            for j in images
            if j != i
        )
        if one_view:
            rows.append(row('dcl', p, negatives))
        else:
            q = (negatives / (negatives + p.exp())).detach()
            qs.append(q)
            rows.append(row('info_nce', p, negatives) / (1 if rescaled else q))
    mean_q = sum(qs) / len(qs) if rescaled else 1
    return sum(rows) / len(rows) / mean_q, tau


def build(name, tile=None):
    return SimCLR(Flat(), nn.Identity(), MODELS.build(HEADS[name]), tile=tile)


@pytest.mark.parametrize('count', [2, 3])
@pytest.mark.parametrize('tile', [0, 3])
@pytest.mark.parametrize('name', HEADS)
def test_equals_the_loops_in_value_and_gradient(name, tile, count):
    views = list(torch.randn(count, 4, 3, 2, 2, dtype=torch.double))
    model = build(name, tile)
    loss = step(model, views)
    grad, model.backbone.weight.grad = model.backbone.weight.grad, None
    embeddings = [model.backbone(view)[0] for view in views]
    expected, tau = looped(HEADS[name], embeddings)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(grad, model.backbone.weight.grad)
    assert model.head.temperature == pytest.approx(tau)


def test_dhel_is_blind_to_the_other_views_of_other_images():
    z = torch.randn(2, 5, 8, dtype=torch.double, requires_grad=True)
    contrast = DHELHead().contrast(tuple(z))
    [grad] = torch.autograd.grad(contrast.s[0], z)
    assert grad[0].abs().sum() > 0
    assert torch.equal(grad[1], torch.zeros_like(grad[1]))


@pytest.mark.parametrize(('alpha', 'alignment'), [(0, 0), (0.5, 0), (0.5, 1)])
def test_macl_is_a_function_of_pos_and_neg(alpha, alignment):
    """Its gradient is that of DCL, as if the temperature were a constant."""
    pos = (torch.rand(6, 1).double() * 2 - 1).requires_grad_()
    neg = (torch.rand(6, 9).double() * 2 - 1).requires_grad_()
    head = MACLHead(0.1, alpha, alignment)
    loss = head.loss(pos, neg)
    mean = float(pos.detach().mean())
    t = 0.1 * (1 + alpha * (mean - alignment))
    assert head.temperature == pytest.approx(t)
    terms = []
    for i in range(6):
        negatives = sum(torch.exp(n / t) for n in neg[i])
        p = pos[i, 0] / t
        q = negatives / (negatives + p.exp())
        terms.append(row('info_nce', p, negatives) / q.detach())
    expected = sum(terms) / 6
    torch.testing.assert_close(loss, expected)
    grads = torch.autograd.grad(loss, (pos, neg))
    torch.testing.assert_close(
        grads, torch.autograd.grad(expected, (pos, neg))
    )
    plain = DCLHead(head.temperature).loss(pos, neg)
    assert_identical(grads, torch.autograd.grad(plain, (pos, neg)))
    assert loss > plain


def test_macl_holds_where_its_multiplier_rounds_to_zero():
    pos = torch.tensor([1.0], requires_grad=True)
    neg = torch.full((1, 3), -0.5)
    head = MACLHead(0.01, 0.0)
    given = pos, log_sum_negatives(neg, 0.01), 0.01
    assert npc_multiplier(*given) == 0 == info_nce(*given)
    loss = head.loss(pos, neg)
    assert loss == 1  # the limit of softplus(x) / sigmoid(x)
    grads = [torch.autograd.grad(x, pos) for x in (loss, dcl(*given).sum())]
    assert_identical(*grads)


def test_macl_in_upstream_simclr_is_that_in_ours():
    head = HEADS['macl']
    upstream = MODELS.build(
        dict(
            type='mmpretrain.SimCLR',
            backbone=Flat(),
            neck=nn.Identity(),
            head=head,
        )
    )
    ours, views = build('macl'), list(torch.randn(2, 5, 3, 2, 2).double())
    torch.testing.assert_close(step(ours, views), step(upstream, views))
    assert ours.head.temperature == pytest.approx(upstream.head.temperature)
    torch.testing.assert_close(
        ours.backbone.weight.grad, upstream.backbone.weight.grad
    )


def step_on_rank(rank, ways, views, sizes):
    start = sum(sizes[:rank])
    mine = [view[start : start + sizes[rank]] for view in views]
    found = []
    for way in ways:
        model = DistributedDataParallel(build(*way)).train()
        logs = model(mine, mode='loss')
        logs['loss'].backward()
        logs = {name: x.detach() for name, x in logs.items()}
        found.append((logs, model.module.backbone.weight.grad))
    return found


@pytest.mark.parametrize('sizes', [(5,), (4, 2), (2, 0, 3)])
def test_ranks_equal_one_process(sizes):
    """Loss, logs, averaged gradient; unequal and no images included."""
    views = list(torch.randn(2, sum(sizes), 3, 2, 2, dtype=torch.double))
    ways = [(name, tile) for name in HEADS for tile in (0, 3)]
    results = on_ranks(len(sizes), step_on_rank, ways, views, sizes)
    for i, (name, _) in enumerate(ways):
        model = build(name).train()
        logs = model(views, mode='loss')
        logs['loss'].backward()
        assert ('temperature' in logs) == ('macl' in name)
        for rank in results:
            torch.testing.assert_close(rank[i][0], logs)
            torch.testing.assert_close(rank[i][1], model.backbone.weight.grad)


@pytest.mark.parametrize('name', HEADS)
def test_arithmetic_is_float32_under_autocast(name):
    views = torch.randn(2, 6, 8).bfloat16()
    heads = [MODELS.build(HEADS[name]) for _ in range(2)]
    with torch.autocast('cpu', torch.bfloat16):
        rows = heads[0].contrast(tuple(views))
        loss = heads[0].loss_from_rows(rows.pos, rows.s)
    rows = heads[1].contrast(tuple(views.float()))
    assert loss.dtype == torch.float32
    assert torch.equal(loss, heads[1].loss_from_rows(rows.pos, rows.s))
    assert heads[0].temperature == heads[1].temperature


def test_macl_resumes_exactly_though_its_temperature_is_no_state(tmp_path):
    model = dict(SIMCLR, head=dict(type='mmdcl.MACLHead'))
    hooks = dict(checkpoint=dict(EVERY_5, max_keep_ckpts=9))
    hooks |= dict(logger=dict(type='LoggerHook', interval=1))
    cfg = dict(model=model, default_hooks=hooks)
    whole = runner(tmp_path / 'whole', **cfg)
    whole.train()
    half = str(tmp_path / 'whole' / 'iter_5.pth')
    rest = runner(tmp_path / 'rest', resume=True, load_from=half, **cfg)
    assert rest.model.head.temperature == 0.1
    rest.train()
    assert not rest.model.head.state_dict()
    assert_identical(state(rest), state(whole))
    logged = []
    for folder in ('whole', 'rest'):
        [log] = Path(tmp_path, folder).glob('*/vis_data/scalars.json')
        records = map(json.loads, log.read_text().splitlines())
        logged.append([x['temperature'] for x in records if 'loss' in x])
    assert logged[0][5:] == logged[1]
    assert len(set(logged[0])) == 12
    assert logged[0][-1] == pytest.approx(rest.model.head.temperature)


SUPCON = dict(SIMCLR, type='mmdcl.SupCon')


@pytest.mark.parametrize('head', ['DHELHead', 'MACLHead'])
@pytest.mark.parametrize('model', [NNCLR, SUPCON], ids=['NNCLR', 'SupCon'])
def test_they_fit_simclr_alone(model, head):
    said = rf'mmdcl\.{head} has .* {model["type"]}; .*=mmdcl\.SimCLR'
    with pytest.raises(TypeError, match=said):
        MODELS.build(dict(model, head=dict(type=f'mmdcl.{head}')))


def test_errors_name_what_they_got():
    with pytest.raises(TypeError, match=r'DHELHead needs to know which view'):
        DHELHead().loss(torch.zeros(4, 1), torch.zeros(4, 6))
    for bad in (-0.1, 1.5):
        for name in ('alpha', 'alignment'):
            said = rf'`{name}` must be in \[0, 1\], got {bad}'
            with pytest.raises(ValueError, match=said):
                MACLHead(**{name: bad})
    with pytest.raises(TypeError, match=r'`alpha` must be a number, got "0'):
        MACLHead(alpha='0.5')
    with pytest.raises(
        ValueError, match=r'`alpha` 0\.8 and .* could become 0'
    ):
        MACLHead(alpha=0.8, alignment=0.5)
    with pytest.raises(ValueError, match=r'`temperature` must be .* got 0'):
        MACLHead(0)
    opposite = torch.eye(2), -torch.eye(2)
    with pytest.raises(ValueError, match=r'`temperature` must be .* got 0'):
        MACLHead(alpha=1).contrast(opposite)
