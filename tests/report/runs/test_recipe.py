"""What the card says of configs, of mmdcl and of others."""

from types import SimpleNamespace

import pytest
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapperDict
from mmpretrain.registry import MODELS
from torch import nn
from torch.utils.data import DataLoader

from mmdcl.cli.terminal.card import card_of_training
from mmdcl.models import MACLHead
from mmdcl.report.page.sections.card import _batch, card
from mmdcl.report.page.sections.section import whatever_class
from mmdcl.report.runs import recipe
from mmdcl.report.runs.config_facts import facts_of_config
from mmdcl.report.runs.view_count import count_views
from tests.runs import BACKBONE, NECK, NNCLR, SIMCLR, VIEWS, loader, runner

MOCO = dict(
    type='MoCo',
    queue_len=24,
    feat_dim=8,
    backbone=BACKBONE,
    neck=NECK,
    head=dict(
        type='ContrastiveHead',
        loss=dict(type='CrossEntropyLoss'),
        temperature=0.2,
    ),
)
UPSTREAM = dict(SIMCLR, type='mmpretrain.SimCLR', head=MOCO['head'])

DHEL = dict(type='mmdcl.DHELHead')


@pytest.mark.parametrize(
    ('model', 'wanted'),
    [
        (SIMCLR, '62 for each anchor (both views of the other images)'),
        (dict(SIMCLR, head=DHEL), '31 for each anchor (one view of the oth'),
        (NNCLR, '31 for each anchor (one view of the other images)'),
        (dict(NNCLR, negatives='both_views'), '62 for each anchor (both vi'),
        (MOCO, '24 for each anchor (the queue)'),
        (UPSTREAM, '62 for each anchor (both views of the other images)'),
    ],
)
def test_negatives(model, wanted):
    built = MODELS.build(dict(model))
    assert recipe.negatives(built, 32).startswith(wanted)
    assert recipe.negatives(nn.Linear(1, 1), 32) == ''


@pytest.mark.parametrize(
    ('options', 'wanted'),
    [
        ({}, 'all other views of its class'),
        (dict(positives='view'), 'the other views of its image'),
    ],
)
def test_pairs_of_classes(options, wanted):
    model = MODELS.build(dict(SIMCLR, type='mmdcl.SupCon', **options))
    assert recipe.positives(model) == wanted
    assert recipe.negatives(model, 32) == (
        'both views of images of other classes'
    )
    assert recipe.positives(MODELS.build(dict(SIMCLR))) == ''
    recorded = dict(positives=model.positives)
    run = SimpleNamespace(
        config={}, recipe=recorded, started=None, seconds=0, training=[]
    )
    assert ('positives', wanted) in card(run)
    assert 'two views of an image' in whatever_class(run)
    assert not whatever_class(SimpleNamespace(config={}, recipe={}))


def test_negatives_of_multi_crop():
    model = MODELS.build(dict(SIMCLR))
    crops = dict(type='MultiView', num_views=[2, 4], transforms=[[], []])
    dataset = dict(dataset=dict(pipeline=[dict(type='Load'), crops]))
    assert count_views(dict(dataset=dict(datasets=[dataset, {}]))) == 6
    said = recipe.negatives(model, 32, count_views(dataset))
    assert said == '186 for each anchor (all 6 views of the other images)'
    nnclr = MODELS.build(dict(NNCLR))
    assert recipe.count_negatives(nnclr, 32, 6) == 31
    assert count_views(dict(pipeline=[dict(num_views='2')])) == 0


@pytest.mark.parametrize('size', [None, 16])
def test_micro_batches_in_the_card(size):
    model = dict(SIMCLR, micro_batch=size)
    run = SimpleNamespace(model=MODELS.build(dict(model)), hooks=[])
    said = recipe.micro_batches(run)
    assert said == ('' if size is None else 'micro-batches of 16')
    found = facts_of_config(dict(model=model))
    assert found.get('micro_batches', '') == said
    found |= dict(batch=64, processes=2)
    assert _batch(found) == f'64 (2 processes x 32{", " * bool(said)}{said})'


def test_what_is_not_known_is_left_out():
    assert recipe.loss(None) == ''
    assert recipe.loss(MACLHead(0.2)) == (
        'MACLHead, temperature 0.2 at an alignment of 0, higher above it'
    )
    assert recipe.optimizer(OptimWrapperDict()) == ''
    loop = DataLoader([1, 2], batch_size=None)
    assert recipe.batch_size(loop) == 0


def test_a_run_in_iterations_with_two_rates(tmp_path):
    run = runner(
        tmp_path,
        model=MOCO,
        train_dataloader=loader(
            'train', VIEWS, sampler=dict(type='InfiniteSampler')
        ),
        train_cfg=dict(by_epoch=False, max_iters=3000, val_interval=1000),
        custom_hooks=[dict(type='mmdcl.MicroBatchHook', size=24)],
        optim_wrapper=dict(
            optimizer=dict(type='SGD', lr=0.3),
            paramwise_cfg=dict(custom_keys={'neck': dict(lr_mult=0.1)}),
        ),
        param_scheduler=[
            dict(type='LinearLR', by_epoch=False, end=10, start_factor=0.5),
            dict(type='ConstantLR', by_epoch=False, begin=10),
        ],
    )
    cards = []

    class Look(Hook):
        def before_train(self, runner):
            cards.append(card_of_training(runner, 'a note'))
            raise StopIteration

    run.register_hook(Look())
    with pytest.raises(StopIteration):
        run.train()
    for row in (
        'batch       64 images (1 process x 64, micro-batches of 24 rows)',
        'negatives   24 for each anchor (the queue)',
        'loss        ContrastiveHead, CrossEntropyLoss, temperature 0.2',
        'optimizer   SGD, lr 0.3 (some parameters 0.03)',
        'schedule    LinearLR over iterations 0 to 10, then ConstantLR',
        'length      3,000 iterations',
        'validation  kNN, k 5, temperature 0.07, 359 images, every 1,000 iter',
        'precision   float32',
    ):
        assert f'\n  {row}' in cards[0]
    words = ' '.join(cards[0].split())  # folded, in a long folder
    assert words.endswith('.log (a note)')
    assert 'config ' not in cards[0]  # it is of no file
