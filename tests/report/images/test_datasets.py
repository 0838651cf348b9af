"""Datasets of a config: which, under which pipeline, and of which maker."""

import pickle

import pytest
import torch
from mmengine.config import Config

from mmdcl.configs import find_config
from mmdcl.report.images.datasets import (
    build_dataset,
    choose_split,
    plain_dataset,
    training_dataset,
)
from mmdcl.report.images.material import gather_material
from tests.report.checkpoints import checkpoint
from tests.runs import PLAIN, SIMCLR, VIEWS, loader

RUN = dict(type='os.system', command='touch X')


def test_the_first_split_that_there_is():
    some = loader('test', PLAIN)
    splits = dict(test_dataloader=some, val_dataloader=some)
    assert choose_split(Config(splits)) == 'val'
    assert choose_split(Config(splits), 'test') == 'test'
    with pytest.raises(ValueError, match=r'no `train_d.*has `val_.*`test_'):
        choose_split(Config(splits), 'train')
    with pytest.raises(ValueError, match='no dataloader with a dataset'):
        choose_split(Config(dict(val_dataloader=None)))


def test_training_images_come_as_those_to_validate_on():
    cfg = Config.fromfile(find_config('mocov2-dcl_resnet50_8xb32'))
    train, val = (plain_dataset(cfg, x) for x in ('train', 'val'))
    assert 'CenterCrop' in [x['type'] for x in train['pipeline']]
    assert train['pipeline'] == val['pipeline']
    assert (train['split'], val['split']) == ('train', 'val')
    kinds = [x['type'] for x in training_dataset(cfg)['pipeline']]
    assert 'MultiView' in kinds


def test_pictures_leave_out_what_cannot_be_read():
    """Though a benchmark stops at it, where it tests."""
    load = dict(type='mmdcl.LoadImageFromFile', on_error='stop')
    part = dict(dataset=dict(type='mmdcl.Images', pipeline=[load]))
    cfg = Config(dict(train_dataloader=part, test_dataloader=part))
    for split in ('train', 'test'):
        [step] = plain_dataset(cfg, split)['pipeline']
        assert step['on_error'] == 'skip'


@pytest.mark.parametrize(
    ('name', 'size'),
    [
        ('dcl_slimr18_1xb32_bccd', 64),
        ('mmpretrain::byol/byol_resnet50_16xb256-coslr-200e_in1k.py', 224),
        (
            'mmpretrain::mae/mae_vit-base-p16_8xb512-amp-coslr-300e_in1k.py',
            224,
        ),
        (
            'mmpretrain::swav/'
            'swav_resnet50_8xb32-mcrop-coslr-200e_in1k-224px-96px.py',
            224,
        ),
    ],
)
def test_without_validation_they_are_loaded_and_resized(name, size):
    cfg = Config.fromfile(find_config(name))
    pipeline = plain_dataset(cfg, 'train')['pipeline']
    names = [str(x['type']).rpartition('.')[2] for x in pipeline]
    assert names == ['LoadImageFromFile', 'Resize', 'PackInputs']
    assert pipeline[1]['scale'] == (size, size)


def test_wrapped_datasets_give_each_image_once():
    half = dict(loader('test', VIEWS)['dataset'], indices=180)
    both = dict(type='ConcatDataset', datasets=[half, half])
    repeated = dict(type='RepeatDataset', times=3, dataset=both)
    cfg = Config(dict(train_dataloader=dict(dataset=repeated)))
    dataset = build_dataset(plain_dataset(cfg, 'train'), trusted=False)
    assert len(dataset) == 360
    assert dataset[0]['inputs'].shape == (3, 16, 16)


class Evil:
    def __reduce__(self):
        return open, ('X', 'w')


@pytest.mark.parametrize(
    'dataset',
    [
        RUN,
        dict(type='mmdcl.Digits', pipeline=[RUN]),
        dict(
            type='mmdcl.Digits',
            pipeline=[
                dict(type='MultiView', num_views=2, transforms=[[RUN]]),
            ],
        ),
        dict(type='mmdcl.Digits', pipeline=[], _scope_='evil'),
        dict(
            type='mmdcl.Digits',
            pipeline=[
                dict(type='Albumentations', transforms=[dict(type='a')])
            ],
        ),
        dict(type='CustomDataset', ann_file='evil.pkl'),
        dict(type='BaseDataset', ann_file='evil.pkl'),
        dict(type='BaseDataset', ann_file='evil.yaml'),
        dict(type='RefCOCO', split_file='evil', ann_file='a', data_root='.'),
        dict(type='mmdcl.CustomDataset', data_root='https://0.0.0.0/a'),
        dict(type='RepeatDataset', times=1, dataset=RUN),
    ],
    ids=str,
)
def test_only_what_is_known_is_built_for_strangers(
    dataset, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in ('evil.pkl', 'evil'):
        (tmp_path / name).write_bytes(pickle.dumps(Evil()))
    path = checkpoint(
        tmp_path / 'run', val_dataloader=dict(dataset=dataset, batch_size=2)
    )
    with pytest.raises(ValueError, match=r"the checkpoint's config .*--trust"):
        gather_material(path)
    assert not (tmp_path / 'X').exists()


@pytest.mark.parametrize('key', ['head', 'neck', 'data_preprocessor'])
def test_models_of_strangers_have_known_parts(key, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = checkpoint(tmp_path / 'run')
    content = torch.load(path)
    model = {**SIMCLR, key: RUN}
    content['meta']['cfg'] = Config(dict(model=model)).pretty_text
    torch.save(content, path)
    with pytest.raises(ValueError, match=r"'os\.system', which is no model"):
        gather_material(path)
    assert not (tmp_path / 'X').exists()
