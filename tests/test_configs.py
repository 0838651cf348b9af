"""Every config builds, and a variant states only its difference."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import init_default_scope
from mmpretrain.registry import DATASETS, MODELS

from mmdcl.checkpoints import backbone_names
from mmdcl.configs import find_config

FOLDER = Path(__file__).parent.parent / 'configs'
CONFIGS = sorted(FOLDER.glob('*.py'))
BENCHMARKS = sorted(FOLDER.glob('benchmarks/*.py'))
IN_MEMORY = ('CIFAR10', 'CIFAR100', 'STL10', 'Digits')
CLASSES = dict(cifar10=10, cifar100=100, digits=10, stl10=10, imagenet=1000)
CLASSES |= dict(folder=1000)  # until it is known which
CLASSES |= dict(voc07=20)
DENSE = [path for path in BENCHMARKS if 'tion_' in path.stem]


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_model_and_pipelines_build(path):
    init_default_scope('mmpretrain')
    cfg = Config.fromfile(path)
    model = MODELS.build(cfg.model)
    method = path.stem.partition('_')[0].removesuffix('-multicrop')
    head = {'dcl': 'DCLHead', 'dclw': 'DCLWHead'}
    head |= {'dhel': 'DHELHead', 'macl': 'MACLHead', 'nscl': 'DCLHead'}
    wanted = head.get(method.rpartition('-')[2], 'InfoNCEHead')
    loss = model.head
    if method.startswith('mocov3'):
        loss, wanted = loss.loss_module, 'DecoupledCrossEntropyLoss'
    assert type(loss).__name__ == wanted
    loaders = ('train_dataloader', 'val_dataloader', 'test_dataloader')
    for name in filter(cfg.get, loaders):
        dataset = cfg[name].dataset
        DATASETS.build({**dataset, 'lazy_init': True})
        first = dataset.pipeline[0]['type']
        reads = dataset.type.removeprefix('mmdcl.') in IN_MEMORY
        if cfg.model.type.startswith('mmdcl.'):
            bands = 'mmdcl.LoadMultichannelImage'
            assert reads or first in ('mmdcl.LoadImageFromFile', bands)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_our_algorithms_resume_exactly(path):
    cfg = Config.fromfile(path)
    if cfg.model.type.startswith('mmdcl.'):
        assert cfg.train_cfg.type == 'mmdcl.ExactTrainLoop'
        assert 'by_epoch' not in cfg.train_cfg
        hook = cfg.default_hooks.checkpoint
        assert hook.type == 'mmdcl.AtomicCheckpointHook'
        assert hook.interval > 0


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_learning_rate_scales_from_the_batch_in_the_name(path):
    cfg = Config.fromfile(path)
    gpus, batch = map(int, re.search(r'_(\d+)xb(\d+)', path.stem).groups())
    assert cfg.train_dataloader.batch_size == batch
    assert cfg.auto_scale_lr.base_batch_size == gpus * batch


def without_dcl(path: Path) -> Path:
    """The config that this one differs from by its loss alone."""
    method, _, rest = path.stem.partition('_')
    crops = '-multicrop' * method.endswith('-multicrop')
    method = method.removesuffix(crops)
    algorithm = method.rpartition('-')[0] or 'simclr'
    algorithm = method if method in ('nnclr', 'nscl') else algorithm
    return path.with_name(f'{algorithm}{crops}_{rest}.py')


@pytest.mark.parametrize(
    'path',
    [path for path in CONFIGS if without_dcl(path) in CONFIGS],
    ids=lambda path: path.stem,
)
def test_losses_share_everything_but_the_head(path):
    cfg, base = map(Config.fromfile, (path, without_dcl(path)))
    assert cfg.model.pop('head').temperature == base.model.head.temperature
    base.model.pop('head')
    assert cfg.to_dict() == base.to_dict()


@pytest.mark.parametrize(
    ('path', 'positives'),
    [
        *((x, 'class') for x in CONFIGS if x.stem.startswith('supcon-dcl_')),
        *((x, 'view') for x in CONFIGS if x.stem.startswith('nscl_')),
    ],
    ids=lambda x: getattr(x, 'stem', ''),
)
def test_labels_change_the_contrast_and_its_temperature(path, positives):
    rest = path.stem.partition('_')[2]
    cfg = Config.fromfile(path)
    base = Config.fromfile(path.with_name(f'dcl_{rest}.py'))
    assert cfg.model.pop('positives', 'class') == positives
    assert cfg.model.pop('type') == 'mmdcl.SupCon'
    assert base.model.pop('type') == 'mmdcl.SimCLR'
    for x in (cfg, base):
        x.model.head.pop('temperature', None)
    assert cfg.to_dict() == base.to_dict()


@pytest.mark.parametrize(
    'path',
    [path for path in CONFIGS if '-multicrop_' in path.stem],
    ids=lambda path: path.stem,
)
def test_multi_crop_differs_in_its_views_alone(path):
    plain = path.with_name(path.name.replace('-multicrop', ''))
    cfg, base = map(Config.fromfile, (path, plain))
    load, views, pack = cfg.train_dataloader.dataset.pop('pipeline')
    wanted, alone, last = base.train_dataloader.dataset.pop('pipeline')
    assert (load.type, pack.type) == (wanted.type, last.type)
    assert cfg.to_dict() == base.to_dict()
    (large, *more), (small, *rest) = views.transforms
    [[crop, *wanted]] = alone.transforms
    assert more == rest
    assert [x.type for x in more] == [x.type for x in wanted]
    assert large.scale == crop.scale > small.scale
    assert views.num_views[0] == alone.num_views == 2


@pytest.mark.parametrize(
    'path', sorted({*BENCHMARKS} - {*DENSE}), ids=lambda path: path.stem
)
def test_benchmarks_build_and_load_no_weights_by_themselves(path):
    """PretrainedBackboneHook does, or refuses."""
    init_default_scope('mmpretrain')
    cfg = Config.fromfile(path)
    protocol, _, dataset = path.stem.partition('_')
    model = MODELS.build(cfg.model)
    assert (cfg.model.backbone.get('init_cfg') or {}) == {}
    trained = [p for p in model.backbone.parameters() if p.requires_grad]
    assert bool(trained) == (protocol != 'linear')
    few = cfg.train_dataloader.dataset.type == 'mmdcl.FewLabels'
    assert few == (protocol == 'few-labels')
    assert cfg.model.head.num_classes == CLASSES[dataset]
    for name in ('train_dataloader', 'test_dataloader'):
        inner = cfg[name].dataset.get('dataset', cfg[name].dataset)
        DATASETS.build({**inner, 'lazy_init': True})


@pytest.mark.parametrize('path', DENSE, ids=lambda path: path.stem)
def test_detectors_and_segmentors_train_all_of_the_pretrained_network(path):
    """Nothing frozen, RGB and ImageNet's mean and std in the model itself."""
    for library in ('mmdet', 'mmseg'):
        pytest.importorskip(library)
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    model = ROOT_MODELS.build(cfg.model)
    backbone = model.backbone
    assert all(p.requires_grad for p in backbone.parameters())
    model.train()
    assert backbone.bn1.training
    assert backbone.style == 'pytorch'
    assert (cfg.model.backbone.get('init_cfg') or {}) == {}
    images = model.data_preprocessor
    assert images._channel_conversion
    assert images.mean.flatten().tolist() == pytest.approx(
        [123.675, 116.28, 103.53]
    )
    assert images.std.flatten().tolist() == pytest.approx(
        [58.395, 57.12, 57.375]
    )
    names = backbone_names(model, 'backbone')
    assert len(names) == {18: 120, 50: 318}[backbone.depth]
    if cfg.model.get('roi_head', {}).get('shared_head'):
        head = model.roi_head.shared_head
        assert head.norm.training
        assert head.layer4[0].bn1.training
        assert head.layer4[0].conv2.stride == (2, 2)


def test_configs_of_packages():
    path = find_config('mmpretrain::resnet/resnet18_8xb32_in1k.py')
    assert Path(path).is_file()
    with pytest.raises(FileNotFoundError, match='mean mmpretrain::resnet/res'):
        find_config('mmpretrain::resnet/resnet18_8xb32_in2k.py')
    for name in ('nowhere::a.py', '::a.py', 'a.b::c.py'):
        with pytest.raises(ModuleNotFoundError, match='which is not install'):
            find_config(name)
    pytest.importorskip('mmdet')  # distributed as onedl-mmdetection
    name = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'
    assert Path(find_config(name)).is_file()
