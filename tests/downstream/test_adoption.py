"""Networks in benchmarks: which fit, and what is refused and why."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import MODELS, init_default_scope
from mmpretrain.models import backbones as upstream
from torch import nn

from mmdcl.checkpoints.architecture import preprocessing_differences
from mmdcl.cli import evaluate
from mmdcl.configs import find_config
from mmdcl.downstream import labels
from mmdcl.downstream.adoption import adopt_backbone
from mmdcl.downstream.pretrained_network import build_network
from mmdcl.downstream.weights import WeightsCheck, no_other_weights
from mmdcl.errors import UserError

with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    import mmdcl.downstream.with_operators  # noqa: F401

VIT = dict(
    type='VisionTransformer',
    arch=dict(
        embed_dims=24, num_layers=5, num_heads=2, feedforward_channels=32
    ),
    img_size=64,
)
SWIN = dict(
    type='SwinTransformer',
    arch=dict(embed_dims=12, depths=[2, 2, 1, 1], num_heads=[1, 2, 2, 2]),
    window_size=2,
)


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpretrain')


def pretrained(backbone, **meta):
    """A checkpoint of upstream's, with trained norms."""
    network = MODELS.build(backbone)
    for name, buffer in network.named_buffers():
        if name.endswith('running_var'):
            buffer.uniform_(1, 2)
    for parameter in network.parameters():
        parameter.data.add_(torch.randn_like(parameter) / 10)
    state = {f'backbone.{k}': x for k, x in network.state_dict().items()}
    meta = dict(cfg=f'model = dict(backbone={backbone!r})', **meta)
    return dict(state_dict=state, meta=meta), network


def classifier(**backbone):
    return Config(
        dict(
            model=dict(
                type='ImageClassifier',
                backbone={
                    **dict(type='ResNet', depth=50, frozen_stages=4),
                    **dict(out_indices=(3,)),
                    **backbone,
                },
                neck=dict(type='GlobalAveragePooling'),
                head=dict(
                    type='LinearClsHead', num_classes=10, in_channels=2048
                ),
            )
        )
    )


def detector(backbone, **model):
    cfg = Config(
        dict(
            default_scope='mmdet',
            model=dict(
                type='RetinaNet',
                backbone=backbone,
                neck=dict(
                    type='FPN', in_channels=[1] * 4, out_channels=8, num_outs=5
                ),
                bbox_head=dict(
                    type='RetinaHead',
                    num_classes=3,
                    in_channels=8,
                    feat_channels=8,
                    stacked_convs=1,
                ),
                **model,
            ),
        )
    )
    object.__setattr__(cfg, '_filename', 'detector.py')
    return cfg


@pytest.mark.parametrize('backbone', [VIT, SWIN], ids=['vit', 'swin'])
@pytest.mark.parametrize('frozen', [True, False], ids=['linear', 'knn'])
def test_transformers_classify(backbone, frozen):
    checkpoint, network = pretrained(backbone)
    cfg = classifier()
    adopted = adopt_backbone(cfg, checkpoint, frozen=frozen)
    model = MODELS.build(cfg.model)
    model.backbone.load_state_dict(adopted.tensors)
    model.eval()
    images = torch.randn(2, 3, 64, 64)
    network.eval()
    wanted = network(images)[-1]
    wanted = wanted.mean((2, 3)) if wanted.ndim == 4 else wanted
    torch.testing.assert_close(model.extract_feat(images)[-1], wanted)
    assert model(images).shape == (2, 10)
    model.train()
    trained = [x.requires_grad for x in model.backbone.parameters()]
    assert any(trained) != frozen


def test_a_network_that_masks_is_taken_without_masks():
    pytest.importorskip('mmpretrain.models.selfsup.mae')
    mae = dict(type='MAEViT', arch=VIT['arch'], img_size=64, mask_ratio=0.75)
    checkpoint, _ = pretrained(mae)
    cfg = classifier()
    adopt_backbone(cfg, checkpoint)
    model = MODELS.build(cfg.model).eval()
    assert type(model.backbone) is upstream.VisionTransformer
    (found,) = model.extract_feat(torch.randn(2, 3, 64, 64))
    assert found.shape == (2, 24)


def test_what_cannot_be_classified_is_said():
    checkpoint, _ = pretrained(dict(SWIN, window_size=5))
    cfg = classifier()
    resize = dict(type='Resize', scale=(32, 32))
    cfg.test_dataloader = dict(dataset=dict(pipeline=[resize]))
    with pytest.raises(UserError, match=r'no images of 32 x 32 px: .*window'):
        adopt_backbone(cfg, checkpoint)
    checkpoint, _ = pretrained(VIT)
    cfg = classifier()
    cfg.model.type = 'Own'
    with pytest.raises(UserError, match='how to freeze the backbone of a Own'):
        adopt_backbone(cfg, checkpoint, frozen=True)


def test_swin_in_a_detector_has_fresh_norms_and_the_same_maps(capsys):
    pytest.importorskip('mmdet')
    checkpoint, network = pretrained(SWIN)
    cfg = detector(dict(type='SwinTransformer', embed_dims=96))
    adopted = adopt_backbone(cfg, checkpoint)
    assert adopted.fresh == ('norm0.', 'norm1.', 'norm2.')
    assert 'has no norm0, norm1, norm2: fresh' in capsys.readouterr().out
    assert cfg.model.neck.in_channels == [12, 24, 48, 96]
    found = MODELS.build(cfg.model).backbone
    assert type(found).__module__.startswith('mmdet')
    missing, unexpected = found.load_state_dict(adopted.tensors, strict=False)
    assert not unexpected
    assert {name.partition('.')[0] for name in missing} == {
        'norm0',
        'norm1',
        'norm2',
    }
    found.eval()
    network.eval()
    images = torch.randn(1, 3, 96, 80)
    torch.testing.assert_close(found(images)[-1], network(images)[-1])


def test_what_no_detector_takes_is_refused_at_once():
    pytest.importorskip('mmdet')
    ours = dict(type='ResNet', depth=50)
    for other, name in ((VIT, 'VisionTransformer'), (SWIN, 'SwinTransformer')):
        checkpoint, _ = pretrained(other)
        with pytest.raises(UserError, match=f'has a {name}, but .* a ResNet'):
            adopt_backbone(detector(ours), checkpoint)
        init_default_scope('mmpretrain')
    cifar = dict(type='ResNet_CIFAR', depth=18)
    checkpoint, _ = pretrained(cifar)
    with pytest.raises(UserError, match=r'has a ResNet_CIFAR, but'):
        adopt_backbone(detector(ours), checkpoint)
    absolute = dict(SWIN, use_abs_pos_embed=True)
    init_default_scope('mmpretrain')
    checkpoint, _ = pretrained(absolute)
    with pytest.raises(UserError, match='absolute positions'):
        adopt_backbone(detector(dict(type='SwinTransformer')), checkpoint)


def test_defaults_of_the_checkpoint_count_too():
    pytest.importorskip('mmdet')
    checkpoint, _ = pretrained(dict(type='ResNet', depth=18))
    slim = dict(type='ResNet', depth=50, base_channels=32, style='caffe')
    cfg = detector(dict(slim, deep_stem=True, frozen_stages=1))
    adopt_backbone(cfg, checkpoint)
    assert cfg.model.backbone.base_channels == 64
    assert cfg.model.backbone.depth == 18
    assert cfg.model.backbone.style == 'pytorch'
    assert not cfg.model.backbone.deep_stem
    assert cfg.model.backbone.frozen_stages == 1
    assert cfg.model.neck.in_channels == [64, 128, 256, 512]


def test_a_bare_file_is_tried_as_the_user_said():
    network = upstream.ResNet_CIFAR(depth=18)
    bare = dict(state_dict=network.state_dict())
    with pytest.raises(UserError, match=r'such as model\.backbone\.depth'):
        adopt_backbone(classifier(), bare)
    said = {'model.backbone.depth': 18}
    cfg = classifier(depth=18)
    with pytest.raises(UserError) as error:
        adopt_backbone(cfg, bare, options=said)
    assert 'tried, with model.backbone.depth=18' in str(error.value)
    assert 'such as' not in str(error.value).splitlines()[-1]
    cfg = classifier(depth=18, type='ResNet_CIFAR')
    adopt_backbone(cfg, bare, options=said)


def test_nothing_else_loads_weights():
    init = dict(type='Pretrained', checkpoint='a.pth')
    normal = dict(type='Normal', layer='Conv2d')
    hook = dict(type='mmdcl.engine.PretrainedBackboneHook', checkpoint='a.pth')
    cfg = Config(
        dict(
            load_from='b.pth',
            model=dict(
                pretrained='torchvision://resnet50',
                backbone=dict(init_cfg=[normal, init]),
                heads=[dict(init_cfg=init)],
                neck=dict(init_cfg=normal),
            ),
            custom_hooks=[hook, dict(type='EMAHook')],
        )
    )
    found = no_other_weights(cfg)
    assert found == [
        'load_from',
        'model.pretrained',
        'model.backbone.init_cfg',
        'model.heads.0.init_cfg',
        'custom_hooks (PretrainedBackboneHook)',
    ]
    assert cfg.load_from is None
    assert cfg.model.pretrained is None
    assert cfg.model.backbone.init_cfg == [normal]
    assert cfg.model.heads[0].init_cfg is None
    assert cfg.model.neck.init_cfg == normal
    assert [hook.type for hook in cfg.custom_hooks] == ['EMAHook']


class Runner:
    _resume, _load_from = True, 'epoch_1.pth'

    def __init__(self, model=None):
        self.model = model


@pytest.mark.parametrize('random', [True, False])
def test_what_is_recorded_is_compared(random):
    model = nn.Module()
    model.backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    same = {k: x.clone() for k, x in model.backbone.state_dict().items()}
    other = {k: x + 1 if x.is_floating_point() else x for k, x in same.items()}
    right, wrong = (other, same) if random else (same, other)
    WeightsCheck(right, random).before_test(Runner(model))
    said = 'in spite of --random-init' if random else 'not those of the che'
    for moment in ('before_train', 'before_test'):
        check = WeightsCheck(wrong, random)
        assert isinstance(check, Hook)
        with pytest.raises(ValueError, match=said):
            getattr(check, moment)(Runner(model))


def test_what_is_resumed_began_with_the_same():
    one, other = {'weight': torch.ones(2)}, {'weight': torch.zeros(2)}
    saved = dict(meta={})
    WeightsCheck(one, False, 3).before_save_checkpoint(None, saved)
    WeightsCheck(one, False, 3).after_load_checkpoint(Runner(), saved)
    for weights, random, seed, said in (
        (other, False, 3, 'the same weights. '),
        (one, True, 3, 'the same weights. '),
        (one, False, 4, 'the same seed. '),
        (other, False, 4, 'the same weights and seed. '),
    ):
        check = WeightsCheck(weights, random, seed)
        with pytest.raises(ValueError, match=f'epoch_1.pth is .* {said}'):
            check.after_load_checkpoint(Runner(), saved)
    with pytest.raises(ValueError, match='weights and seed'):
        check.after_load_checkpoint(Runner(), dict(meta={}))


@pytest.mark.parametrize('loader', [*labels.PARTS, 'test_evaluator'])
def test_a_part_that_is_missing_is_named(loader):
    parts = dict(train_dataloader=dict(dataset=dict(type='A')))
    parts |= dict(test_dataloader=dict(dataset=dict(type='A')))
    parts |= dict(test_evaluator=dict(type='Accuracy'))
    labels.check_parts(Config(parts))
    with pytest.raises(UserError, match=rf'has no {loader} \(it is None\)'):
        labels.check_parts(Config({**parts, loader: None}))


FILES = dict(type='ImageNet', pipeline=[dict(type='LoadImageFromFile')])
CIFAR = dict(type='mmdcl.CIFAR10', pipeline=[])
AS_RGB = dict(type='mmdcl.ChannelOrder', order='rgb')
TURNED = dict(
    FILES, pipeline=[dict(type='LoadImageFromFile'), AS_RGB], type='A'
)


@pytest.mark.parametrize(
    ('then', 'turned_then', 'here', 'turned_here', 'said'),
    [
        (FILES, True, CIFAR, False, ''),
        (FILES, True, TURNED, False, ''),
        (FILES, True, dict(type='RepeatDataset', dataset=FILES), True, ''),
        (FILES, True, FILES, False, 'images in RGB, here in BGR'),
        (CIFAR, False, FILES, False, 'images in RGB, here in BGR'),
        (CIFAR, True, CIFAR, False, 'images in BGR, here in RGB'),
        (FILES, True, dict(type='Own'), False, 'channels turned around, here'),
    ],
)
def test_channels_are_compared_where_they_reach_the_network(
    then, turned_then, here, turned_here, said
):
    meta = (
        f'train_dataloader = dict(dataset={then!r})\n'
        f'data_preprocessor = dict(to_rgb={turned_then})\n'
    )
    preprocessor = MODELS.build(
        dict(type='ClsDataPreprocessor', to_rgb=turned_here)
    )
    found = preprocessing_differences(
        dict(meta=dict(cfg=meta)), preprocessor, here
    )
    assert len(found) == bool(said)
    assert ''.join(found).startswith(said)


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


def test_lines_of_several_runs_stay_whole(tmp_path):
    table = tmp_path / 'new' / 'found.md'
    lines = [f'{i}' * 3_000_000 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(lambda x: evaluate.append_line(table, x, 'head\n'), lines)
        )
    head, *rest = table.read_text().splitlines()
    assert head == 'head'
    whole = sorted(rest) == lines
    assert whole


OF_TIMM = dict(
    type='TIMMBackbone',
    model_name='convnext_atto',
    **dict(depths=(1, 1, 1, 1), dims=(8, 8, 16, 16)),
)
TIMM_VIT = dict(
    type='mmdcl.TIMMBackbone',
    model_name='vit_tiny_patch16_224',
    img_size=32,
    **dict(embed_dim=24, depth=2, num_heads=2, patch_size=8),
)
CONVNEXT = dict(
    type='ConvNeXt', arch=dict(depths=[1, 1, 1, 1], channels=[8, 8, 16, 16])
)


@pytest.mark.parametrize(
    'backbone',
    [
        dict(VIT, out_type='raw'),
        dict(VIT, out_type='raw', with_cls_token=False),
        dict(VIT, type='MoCoV3ViT', patch_size=16),
        CONVNEXT,
        OF_TIMM,
        TIMM_VIT,
        dict(type='EfficientNet', arch='b0'),
    ],
    ids=lambda backbone: backbone.get('model_name', backbone['type']),
)
def test_any_backbone_can_be_frozen(backbone):
    """Nothing of it moves in a step of training, statistics included."""
    if 'model_name' in backbone:
        pytest.importorskip('timm')
    checkpoint, _ = pretrained(backbone)
    cfg = classifier()
    adopted = adopt_backbone(cfg, checkpoint, frozen=True)
    model = MODELS.build(cfg.model)
    model.backbone.load_state_dict(adopted.tensors)
    before = {k: x.clone() for k, x in model.state_dict().items()}
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1, weight_decay=0.1)
    images = torch.randn(2, 3, 64, 64)
    model.head.fc(model.extract_feat(images)[-1]).sum().backward()
    optimizer.step()
    moved = {
        k for k, x in model.state_dict().items() if (x != before[k]).any()
    }
    assert moved == {'head.fc.weight', 'head.fc.bias'}


def test_of_tokens_the_class_token_is_taken_or_patches_averaged(capsys):
    for with_one, said in ((True, 'class token'), (False, 'average of all')):
        tokens = dict(VIT, out_type='raw', with_cls_token=with_one)
        checkpoint, network = pretrained(tokens)
        cfg = classifier()
        adopted = adopt_backbone(cfg, checkpoint)
        assert f'the {said}' in capsys.readouterr().out
        model = MODELS.build(cfg.model).eval()
        model.backbone.load_state_dict(adopted.tensors)
        images = torch.randn(2, 3, 64, 64)
        network.eval()
        (wanted,) = network(images)
        wanted = wanted[:, 0] if with_one else wanted.mean(1)
        torch.testing.assert_close(model.extract_feat(images)[-1], wanted)


@pytest.mark.parametrize('backbone', [OF_TIMM, TIMM_VIT], ids=['cnn', 'vit'])
def test_networks_of_timm_are_pooled_by_timm(backbone):
    """Also those of mmpretrain's wrapper, and for images of another size."""
    timm = pytest.importorskip('timm')
    checkpoint, network = pretrained(backbone)
    cfg = classifier()
    adopted = adopt_backbone(cfg, checkpoint)
    model = MODELS.build(cfg.model).eval()
    model.backbone.load_state_dict(adopted.tensors)
    arguments = {k: x for k, x in backbone.items() if k != 'type'}
    theirs = timm.create_model(num_classes=0, **arguments).eval()
    theirs.load_state_dict(network.timm_model.state_dict())
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(model.extract_feat(images)[-1], theirs(images))
    assert model(torch.randn(2, 3, 64, 64)).shape == (2, 10)


def test_timm_in_a_detector_gives_the_maps_of_the_same_weights():
    pytest.importorskip('mmdet')
    pytest.importorskip('timm')
    checkpoint, network = pretrained({**OF_TIMM, 'features_only': False})
    maps = dict(type='mmpretrain.TIMMBackbone', features_only=True)
    cfg = detector(dict(maps, model_name='convnext_tiny'))
    adopted = adopt_backbone(cfg, checkpoint)
    assert cfg.model.neck.in_channels == [8, 8, 16, 16]
    found = MODELS.build(cfg.model).backbone
    found.load_state_dict(adopted.tensors)
    found.eval()
    network.eval()
    images = torch.randn(1, 3, 64, 64)
    wanted = network.timm_model.forward_features(images)
    torch.testing.assert_close(found(images)[-1], wanted)


@pytest.mark.parametrize(
    'extra',
    [
        dict(pretrained=1),
        dict(pretrained_cfg='evil'),
        dict(norm_layer='evil.X'),
        dict(model_name='local-dir:.'),
    ],
)
def test_networks_of_timm_are_built_by_numbers_alone(extra):
    pytest.importorskip('timm')
    with pytest.raises(UserError, match='no backbone or layer registered'):
        build_network({**OF_TIMM, **extra})


def test_what_timm_would_fetch_is_not_fetched():
    pytest.importorskip('timm')
    for asked in (dict(pretrained=True), dict(checkpoint_path='nowhere.pth')):
        network = build_network({**OF_TIMM, **asked})
        assert type(network).__name__ == 'TIMMBackbone'
