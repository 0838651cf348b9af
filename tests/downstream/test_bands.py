"""A benchmark of RGB files reads images as pretraining did, and no more."""

import pytest
from mmengine.config import Config

from mmdcl import config_path
from mmdcl.downstream.bands import adopt_bands

LOAD = dict(type='mmdcl.LoadMultichannelImage', bands=[3, 2], nodata=0)


def checkpoint(load, **more):
    dataset = dict(type='X', pipeline=[load], extensions=['.tif'])
    settings = dict(
        train_dataloader=dict(dataset=dict(dataset=dataset)),
        data_preprocessor=dict(mean=[1.0, 2.0], std=[3.0, 4.0]),
    )
    return dict(meta=dict(cfg=Config({**settings, **more}).pretty_text))


@pytest.mark.parametrize('protocol', ['knn', 'linear', 'finetune'])
def test_all_of_a_benchmark_reads_bands(protocol, capsys):
    cfg = Config.fromfile(config_path(f'benchmarks/{protocol}_folder'))
    strange = dict(LOAD, backend_args=dict(backend='http'), on_error='stop')
    assert adopt_bands(cfg, checkpoint(strange))
    for name in ('train_dataloader', 'test_dataloader'):
        dataset = cfg[name].dataset
        first, *others = dataset.pipeline
        assert first.to_dict() == LOAD
        assert dataset.extensions == ('.tif',)
        assert others
    images = cfg.data_preprocessor
    assert (images.mean, images.std) == ([1.0, 2.0], [3.0, 4.0])
    assert images.to_rgb is False
    assert 'images as in pretraining' in capsys.readouterr().out


def test_nothing_else_is_changed():
    cfg = Config.fromfile(config_path('benchmarks/knn_folder'))
    before = cfg.to_dict()
    assert not adopt_bands(cfg, checkpoint(dict(type='LoadImageFromFile')))
    assert not adopt_bands(cfg, dict(state_dict={}))
    assert cfg.to_dict() == before
    cfg = Config.fromfile(config_path('benchmarks/knn_cifar10'))
    before = cfg.to_dict()
    assert not adopt_bands(cfg, checkpoint(LOAD))  # images in memory
    assert cfg.to_dict() == before
