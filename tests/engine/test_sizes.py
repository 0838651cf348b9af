"""What would end training late ends it before the first step."""

from copy import deepcopy

import pytest
from mmengine.dataset import DefaultSampler
from mmengine.hooks import Hook
from torch.utils.data import BatchSampler, DataLoader

from mmdcl.engine.batches import are_equal
from mmdcl.engine.sizes import check_smallest_batch
from tests.ranks import on_ranks
from tests.runs import NNCLR, PLAIN, SIMCLR, VIEWS, loader, runner


class NoStep(Hook):
    def before_train_iter(self, *args, **kwargs):
        raise AssertionError('a step was made')


def train(tmp_path, images, size=64, **overrides):
    data = loader('train', VIEWS, drop_last=False, batch_size=size)
    data['dataset']['indices'] = images
    built = runner(
        tmp_path,
        train_dataloader=data,
        custom_hooks=[dict(type='mmdcl.SizesHook')],
        **overrides,
    )
    built.register_hook(NoStep())
    built.train()


@pytest.mark.parametrize('model', [SIMCLR, NNCLR], ids=lambda x: x['type'])
def test_a_last_batch_of_one_image(model, tmp_path):
    said = (
        r'needs 2 of them, but the last batch of each epoch has 1 \(129 '
        r'images in batches of 64\): set train_dataloader\.drop_last=True'
    )
    with pytest.raises(ValueError, match=said):
        train(tmp_path, 129, model=model)


def test_a_batch_of_one_image(tmp_path):
    with pytest.raises(
        ValueError, match=r'a batch has 1 .* larger train_data'
    ):
        train(tmp_path, 8, 1)


def test_our_head_under_upstreams_simclr(tmp_path):
    model = {**deepcopy(SIMCLR), 'type': 'SimCLR'}
    with pytest.raises(ValueError, match=r'SimCLR contrasts'):
        train(tmp_path, 65, model=model)


@pytest.mark.parametrize('images', [128, 130])
def test_other_batches_are_trained_on(images, tmp_path):
    with pytest.raises(AssertionError, match='a step was made'):
        train(tmp_path, images)


def test_more_neighbours_than_images(tmp_path):
    val_cfg = dict(type='mmdcl.KNNValLoop', k=(5, 129))
    said = r'`val_cfg\.k` asks for 129 neighbours, but the bank has 128 images'
    with pytest.raises(ValueError, match=said):
        train(tmp_path, 128, val_cfg=val_cfg)


def test_a_larger_bank_of_its_own(tmp_path):
    bank = loader('train', PLAIN)
    val_cfg = dict(type='mmdcl.KNNValLoop', k=200, bank_dataloader=bank)
    with pytest.raises(AssertionError, match='a step was made'):
        train(tmp_path, 128, val_cfg=val_cfg)


def test_the_predictor_is_as_wide_as_the_projections(tmp_path):
    model = deepcopy(NNCLR)
    model['predictor']['out_channels'] = 7
    with pytest.raises(ValueError, match=r'`predictor\.out_channels` is 7'):
        train(tmp_path, 128, model=model)


class Contrasts:
    least_images = 2


def _refused(rank, images, round_up):
    data = list(range(images))
    sampler = DefaultSampler(data, shuffle=False, round_up=round_up)
    try:
        check_smallest_batch(DataLoader(data, 4, sampler=sampler), Contrasts())
    except ValueError as error:
        return str(error)
    return ''


@pytest.mark.parametrize(
    ('images', 'round_up', 'refused'),
    [(9, True, False), (10, False, False), (9, False, True)],
)
def test_processes_count_together_and_refuse_together(
    images, round_up, refused
):
    said = on_ranks(2, _refused, images, round_up)
    assert said[0] == said[1]
    assert ('the last batch of each epoch has 1' in said[0]) == refused


def _equal(rank, images, round_up, grouped):
    data = list(range(images))
    sampler = DefaultSampler(data, shuffle=False, round_up=round_up)
    if grouped:  # may give batches of any size
        kind = type('Grouped', (BatchSampler,), {})
        batches = kind(sampler, 4, drop_last=False)
        return are_equal(DataLoader(data, batch_sampler=batches))
    return are_equal(DataLoader(data, 4, sampler=sampler))


@pytest.mark.parametrize(
    ('images', 'round_up', 'grouped', 'equal'),
    [
        (10, False, False, True),  # 5 and 5: 4, then 1
        (9, True, False, True),
        (9, False, False, False),
        (10, False, True, False),
    ],
)
def test_processes_hold_as_many(images, round_up, grouped, equal):
    assert on_ranks(2, _equal, images, round_up, grouped) == [equal] * 2


def test_a_model_is_told_that_sizes_are_equal(tmp_path):
    hooks = [dict(type='mmdcl.SizesHook')]
    run = runner(tmp_path, custom_hooks=hooks)
    assert not run.model.equal_batches
    run.train()
    assert run.model.equal_batches
