"""Numbers of quality: which rows they are of, and that nothing changes."""

import json
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from mmdcl import functional
from mmdcl.engine.capture import Capture, Rows, place
from mmdcl.engine.quality_numbers import cosines, histogram
from mmdcl.models import DCLHead, MACLHead
from tests.ranks import on_ranks
from tests.runs import BACKBONE, NECK, NNCLR, SIMCLR, VIEWS, loader, runner

CROSS_ENTROPY = dict(
    type='ContrastiveHead', loss=dict(type='CrossEntropyLoss')
)
LINEAR = dict(type='LinearNeck', in_channels=32, out_channels=8)
PREDICTOR = dict(
    type='NonLinearNeck',
    in_channels=8,
    hid_channels=16,
    out_channels=8,
    with_avg_pool=False,
)
LATENT = dict(
    type='LatentPredictHead',
    predictor=PREDICTOR,
    loss=dict(type='CosineSimilarityLoss'),
)
SIZE = dict(
    type='LatentCrossCorrelationHead',
    in_channels=8,
    loss=dict(type='CrossCorrelationLoss'),
)
PAIRED = {
    'ours': SIMCLR,
    'weighted': dict(SIMCLR, head=dict(type='mmdcl.DCLWHead')),
    'NNCLR': NNCLR,
    'SimCLR': dict(
        type='SimCLR', backbone=BACKBONE, neck=NECK, head=CROSS_ENTROPY
    ),
    'BYOL': dict(type='BYOL', backbone=BACKBONE, neck=NECK, head=LATENT),
    'SimSiam': dict(type='SimSiam', backbone=BACKBONE, neck=NECK, head=LATENT),
    'BarlowTwins': dict(
        type='BarlowTwins', backbone=BACKBONE, neck=NECK, head=SIZE
    ),
    'MoCoV3': dict(
        type='MoCoV3',
        backbone=BACKBONE,
        neck=NECK,
        head=dict(
            type='MoCoV3Head',
            predictor=PREDICTOR,
            loss=dict(type='CrossEntropyLoss'),
        ),
    ),
}
MOCO = dict(
    type='MoCo',
    queue_len=64,
    feat_dim=8,
    backbone=BACKBONE,
    neck=LINEAR,
    head=CROSS_ENTROPY,
)


def train(tmp_path, model, hooks=(), images=64, **overrides):
    """Four steps of 64 images; the records, and the runner."""
    quality = dict(type='mmdcl.QualityHook', interval=2, images=images)
    run = runner(
        tmp_path,
        model=deepcopy(model),
        val_cfg=None,
        val_dataloader=None,
        val_evaluator=None,
        **{'custom_hooks': [quality], **overrides},
    )
    for hook in hooks:
        run.register_hook(hook)
    run.train()
    [path] = Path(tmp_path).glob('*/vis_data/quality.json')
    return list(map(json.loads, path.read_text().splitlines())), run


class Spy(Hook):
    """Vectors as the backbone and the neck returned them, of two views."""

    def before_train(self, runner):
        self.seen = {'features': [], 'projections': []}
        for name, part in (('features', 'backbone'), ('projections', 'neck')):
            getattr(runner.model, part).register_forward_hook(
                lambda module, args, out, name=name: self.seen[name].append(
                    out[0].detach().flatten(2).mean(2)
                    if out[0].ndim == 4
                    else out[0].detach()
                )
            )


@pytest.mark.parametrize('name', PAIRED)
def test_pairs_of_views_of_any_algorithm(name, tmp_path):
    """Against rows put together by hand, as each algorithm orders them."""
    spy = Spy()
    records, _ = train(tmp_path, PAIRED[name], [spy])
    assert [x['iter'] for x in records] == [2, 4]
    record = records[-1]
    assert record['quality'] == 64
    for space, calls in spy.seen.items():
        if name == 'SimCLR':  # upstream's goes image by image
            views = torch.stack([calls[-1][0::2], calls[-1][1::2]])
        elif len(calls) == 4:
            views = torch.stack(calls[-1].chunk(2))
        else:
            views = torch.stack(calls[-2:])
        rows = views.flatten(0, 1)
        for key, expected in dict(
            rank_me=functional.rank_me(rows),
            effective_rank=functional.effective_rank(
                functional.covariance_spectrum(rows)
            ),
            spread=functional.spread(rows),
            alignment=functional.alignment(*views),
            uniformity=functional.uniformity(views[0]),
            lidar=functional.lidar(views),
        ).items():
            got = record[f'{space}/{key}']
            assert got == pytest.approx(float(expected), rel=1e-4), key
        assert record[f'{space}/width'] == rows.shape[1]
        assert record[f'{space}/rows'] == 128
    assert sum(record['positive_cosine']) == 64
    assert sum(record['negative_cosine']) == 64 * 126
    contrastive = name in ('ours', 'weighted', 'NNCLR', 'SimCLR')
    assert ('coupling/q_p50' in record) == contrastive
    assert ('coupling/negative_weights' in record) == (name == 'weighted')
    assert record['training/gradient_norm'] > 0
    assert 0 <= record['training/data_wait'] <= 1


def test_a_mean_of_several_positives_has_no_q(tmp_path):
    for positives in ('class', 'view'):
        model = dict(SIMCLR, type='mmdcl.SupCon', positives=positives)
        records, _ = train(tmp_path / positives, model)
        assert ('coupling/q_p50' in records[-1]) == (positives == 'view')
        assert 'projections/alignment' in records[-1]


def test_a_queue_of_negatives(tmp_path):
    """Of MoCo one view is seen; its head is told of the other."""
    records, _ = train(tmp_path, MOCO)
    record = records[-1]
    assert record['features/rows'] == 64
    assert 'features/alignment' not in record
    assert 0 <= record['projections/alignment'] <= 4
    assert sum(record['positive_cosine']) == 64
    assert sum(record['negative_cosine']) == 64 * 64
    assert 0 < record['coupling/q_p10'] <= record['coupling/q_p90'] < 1


def test_one_masked_view(tmp_path):
    vit = dict(
        type='MAEViT',
        arch=dict(
            embed_dims=16, num_layers=1, num_heads=2, feedforward_channels=16
        ),
        img_size=16,
        patch_size=4,
        mask_ratio=0.5,
    )
    decoder = dict(
        type='MAEPretrainDecoder',
        num_patches=16,
        patch_size=4,
        embed_dim=16,
        decoder_embed_dim=16,
        decoder_depth=1,
        decoder_num_heads=2,
    )
    head = dict(
        type='MAEPretrainHead',
        patch_size=4,
        loss=dict(type='PixelReconstructionLoss', criterion='L2'),
    )
    one = loader('train', [dict(type='Resize', scale=(16, 16)), VIEWS[-1]])
    model = dict(type='MAE', backbone=vit, neck=decoder, head=head)
    records, _ = train(tmp_path, model, train_dataloader=one)
    assert records[-1]['features/rows'] == 64
    assert records[-1]['features/width'] == 16
    assert 'features/alignment' not in records[-1]


@pytest.mark.parametrize(
    ('head', 'model'),
    [(DCLHead, SIMCLR), (MACLHead, SIMCLR), (MACLHead, MOCO)],
    ids=['DCL', 'MACL', 'MACL in MoCo'],
)
def test_quantiles_are_those_of_the_heads_anchors(
    head, model, tmp_path, monkeypatch
):
    """At the temperature of that very step, where it moves."""
    seen = []
    rows = head.rows

    def spied(self, pos, s):
        seen.append(functional.npc_multiplier(pos, s, self.temperature))
        return rows(self, pos, s)

    monkeypatch.setattr(head, 'rows', spied)
    model = dict(model, head=dict(type=f'mmdcl.{head.__name__}'))
    records, run = train(tmp_path, model)
    ordered = sorted(seen[3].tolist())
    assert len(ordered) == (64 if model['type'] == 'MoCo' else 128)
    for name, share in (('q_p10', 0.1), ('q_p50', 0.5), ('q_p90', 0.9)):
        at = share * (len(ordered) - 1)
        low = int(at)
        expected = ordered[low] + (at - low) * (
            ordered[low + 1] - ordered[low]
        )
        assert records[1][f'coupling/{name}'] == pytest.approx(expected, 1e-4)
    assert not {'loss', 'loss_from_rows'} & set(vars(run.model.head))


class Gradients(Hook):
    def before_train(self, runner):
        self.norms = []
        step = runner.optim_wrapper.step

        def spied(**kwargs):
            squares = [
                float(p.grad.double().square().sum())
                for p in runner.model.parameters()
                if p.grad is not None
            ]
            self.norms.append(sum(squares) ** 0.5)
            step(**kwargs)

        runner.optim_wrapper.step = spied


def test_gradient_norm(tmp_path):
    gradients = Gradients()
    records, _ = train(tmp_path, SIMCLR, [gradients])
    found = [x['training/gradient_norm'] for x in records]
    norms = [gradients.norms[1], gradients.norms[3]]
    assert found == pytest.approx(norms, abs=1e-4)  # logs round to that


def test_small_batches_are_joined(tmp_path):
    """150 images of batches of 64: three steps, whose last rows are left."""
    records, _ = train(tmp_path, SIMCLR, images=150)
    assert [x['quality'] for x in records] == [128, 128]  # 2 steps each
    three = dict(type='mmdcl.QualityHook', interval=4, images=150)
    records, _ = train(tmp_path / 'b', SIMCLR, custom_hooks=[three])
    assert [x['quality'] for x in records] == [150]


@pytest.mark.parametrize('model', [SIMCLR, NNCLR, MOCO])
def test_training_is_the_same_bit_for_bit(model, tmp_path):
    _, seen = train(tmp_path / 'a', model)
    plain = runner(
        tmp_path / 'b',
        model=deepcopy(model),
        val_cfg=None,
        val_dataloader=None,
        val_evaluator=None,
    )
    plain.train()
    other = plain.model.state_dict()
    for name, tensor in seen.model.state_dict().items():
        assert torch.equal(tensor, other[name]), name


def _two(rank, folder):
    spy = Spy()
    work = Path(folder, 'run')
    images = loader('train', VIEWS, batch_size=16)
    images['dataset']['indices'] = 32
    quality = dict(type='mmdcl.QualityHook', images=32)
    run = runner(
        work,
        model=deepcopy(SIMCLR),
        train_dataloader=images,
        val_cfg=None,
        val_dataloader=None,
        val_evaluator=None,
        custom_hooks=[quality],
    )
    spy.before_train(run)
    run.train()
    return spy.seen['projections'][0]


def test_two_processes_are_one(tmp_path):
    parts = on_ranks(2, _two, str(tmp_path))
    pairs = torch.cat([torch.stack(x.chunk(2)) for x in parts], dim=1)
    [path] = tmp_path.glob('run/*/vis_data/quality.json')
    record = json.loads(path.read_text())
    assert record['quality'] == 32
    for name, expected in (
        ('rank_me', functional.rank_me(pairs.flatten(0, 1))),
        ('alignment', functional.alignment(*pairs)),
        ('lidar', functional.lidar(pairs)),
    ):
        got = record[f'projections/{name}']
        assert got == pytest.approx(float(expected), rel=1e-4), name


def test_rows_that_cannot_be_placed():
    views = [torch.rand(4, 3, 2, 2) for _ in range(3)]
    view, image = place(torch.cat(views[1:]), views)
    assert view.tolist() == [1] * 4 + [2] * 4
    assert image.tolist() == [0, 1, 2, 3] * 2
    view, image = place(torch.stack(views, 1).flatten(0, 1), views)
    assert view.tolist() == [0, 1, 2] * 4
    shuffled = views[0][[1, 0, 2, 3]]
    assert place(shuffled, views) == (None, None)
    assert place(views[0][:3], views) == (None, None)
    assert place(views[0], []) == (None, None)


def test_pairs_find_each_other():
    """By view and image, in whatever order rows come."""
    values = torch.arange(6.0)[:, None]
    view, image = (
        torch.tensor(x) for x in ([1, 0, 0, 1, 2, 2], [0, 1, 0, 1, 0, 1])
    )
    pairs = Rows(values, view, image).pairs()
    assert pairs[:, :, 0].tolist() == [[2, 1], [0, 3]]
    assert Rows(values, None, None).pairs() is None
    assert Rows(values[:2], view[1:3], image[1:3]).pairs() is None


def test_a_silent_capture_hears_nothing():
    capture = Capture(torch.nn.Module())
    capture.start()
    assert capture.stop().features == []


def test_cosines_of_known_pairs():
    pairs = torch.tensor([[[1.0, 0], [0, 2]], [[3.0, 0], [0, -1]]])
    positive, negative = cosines(pairs)
    assert positive[0] == 1
    assert positive[-1] == 1
    assert sum(positive) == 2
    assert negative[20] == sum(negative) == 4
    assert sum(histogram(torch.tensor([1.0001, -1.0001, 1]))) == 1
