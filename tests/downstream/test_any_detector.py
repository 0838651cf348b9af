"""Detectors of mmdet as shipped, each from a checkpoint, to a metric."""

import json
import math

import pytest
import torch
from mmengine.hooks import Hook
from mmpretrain.models import backbones

from mmdcl.checkpoints import read_checkpoint
from mmdcl.cli import evaluate
from mmdcl.cli.main import parse
from mmdcl.downstream import operators
from mmdcl.engine.model import model_of
from mmdcl.errors import UserError
from tests.commands import drawn
from tests.commands.documented import block

pytest.importorskip('mmdet')

RETINA = 'retinanet/retinanet_r50_fpn_1x_coco'
RESNET = dict(type='ResNet', depth=18, stem_channels=8, base_channels=8)
SWIN = dict(
    type='SwinTransformer',
    arch=dict(embed_dims=12, depths=[2, 2, 1, 1], num_heads=[1, 2, 2, 2]),
)
VIT = dict(
    type='VisionTransformer',
    arch=dict(
        embed_dims=12, num_layers=1, num_heads=1, feedforward_channels=8
    ),
    img_size=32,
)
# What a user adds to train all of it, on small images, at a small size.
FASTER = """
model = dict(
    backbone=dict(frozen_stages=-1, norm_eval=False),
    neck=dict(out_channels=16),
    rpn_head=dict(in_channels=16, feat_channels=16),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=16),
        bbox_head=dict(in_channels=16, fc_out_channels=32, num_classes=3),
    ),
    train_cfg=dict(rcnn=dict(sampler=dict(num=32))),
    test_cfg=dict(
        rpn=dict(nms_pre=50, max_per_img=20),
        rcnn=dict(score_thr=0.0, max_per_img=10),
    ),
)
"""
MASK = """
model['roi_head'].update(
    mask_roi_extractor=dict(out_channels=16),
    mask_head=dict(
        in_channels=16, conv_out_channels=16, num_classes=3, num_convs=1
    ),
)
for loader in (train_dataloader, test_dataloader):
    loader['dataset']['pipeline'][1]['with_mask'] = True
"""
CASCADE = """
del model['roi_head']['bbox_head'], model['train_cfg']
model['roi_head']['bbox_head'] = [
    dict(
        type='Shared2FCBBoxHead',
        in_channels=16,
        fc_out_channels=32,
        num_classes=3,
        reg_class_agnostic=True,
        bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
    )
] * 3
"""
DENSE = """
model = dict(
    backbone=dict(frozen_stages=-1, norm_eval=False),
    neck=dict(out_channels=32),
    bbox_head=dict(
        in_channels=32, feat_channels=32, stacked_convs=1, num_classes=3
    ),
    test_cfg=dict(nms_pre=50, score_thr=0.0, max_per_img=10),
)
"""
# 64 channels: its norms are of 32 groups, and its last map is 1 x 1.
FCOS = (
    DENSE.replace('=32', '=64')
    + """
model['backbone']['norm_cfg'] = dict(requires_grad=True)
"""
)
DETR = """
attention = dict(embed_dims=32, num_heads=4)
ffn = dict(embed_dims=32, feedforward_channels=32)
model = dict(
    num_queries=20,
    backbone=dict(
        frozen_stages=-1, norm_eval=False, norm_cfg=dict(requires_grad=True)
    ),
    neck=dict(out_channels=32),
    encoder=dict(
        num_layers=1, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)
    ),
    decoder=dict(
        num_layers=1,
        layer_cfg=dict(
            self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=ffn
        ),
    ),
    positional_encoding=dict(num_feats=16),
    bbox_head=dict(num_classes=3, embed_dims=32),
    test_cfg=dict(max_per_img=10),
)
"""
SWIN_RETINA = DENSE.replace('frozen_stages=-1, norm_eval=False', '')
CASES = {
    'faster_rcnn/faster-rcnn_r50_fpn_1x_coco': (FASTER, RESNET),
    'mask_rcnn/mask-rcnn_r50_fpn_1x_coco': (FASTER + MASK, RESNET),
    'cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco': (FASTER + CASCADE, RESNET),
    RETINA: (DENSE, RESNET),
    'fcos/fcos_r50-caffe_fpn_gn-head_1x_coco': (FCOS, RESNET),
    'deformable_detr/deformable-detr_r50_16xb2-50e_coco': (DETR, RESNET),
    'swin/retinanet_swin-t-p4-w7_fpn_1x_coco': (SWIN_RETINA, SWIN),
}
SMALL = """
keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')
for loader in (train_dataloader, test_dataloader):
    loader.update(batch_size=1, num_workers=0, persistent_workers=False)
    loader['dataset']['pipeline'] = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations', with_bbox=True),
        dict(type='Resize', scale=(96, 72), keep_ratio=True),
        dict(type='PackDetInputs', meta_keys=keys),
    ]
train_cfg = dict(max_epochs=1)
default_hooks = dict(checkpoint=None, logger=dict(interval=1))
"""


def pretrained(path, config):
    """A checkpoint of such a network, whose norms have seen images."""
    network = getattr(backbones, config['type'])(
        **{key: x for key, x in config.items() if key != 'type'}
    )
    for name, buffer in network.named_buffers():
        if name.endswith('running_var'):
            buffer.uniform_(1, 2)
    state = {f'backbone.{k}': x for k, x in network.state_dict().items()}
    meta = dict(cfg=f'model = dict(backbone={config!r})')
    torch.save(dict(state_dict=state, meta=meta), path)
    return path


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp('detectors')
    drawn.coco(folder / 'data/cells', train=2, test=2)
    for config in (RESNET, SWIN, VIT):
        pretrained(folder / f'{config["type"]}.pth', config)
    return folder


@pytest.fixture(autouse=True)
def _there(place, monkeypatch):
    monkeypatch.chdir(place)


class Seen(Hook):
    """What the backbone is before the first step."""

    priority = 'LOWEST'

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 0:
            backbone = model_of(runner).backbone
            state = backbone.state_dict()
            self.state = {k: x.clone() for k, x in state.items()}
            trained = [x.requires_grad for x in backbone.parameters()]
            self.all_trained = all(trained)


def run(config, checkpoint, *options):
    flags = ['--protocol', 'detection', '--config', config]
    flags += ['--work-dir', f'out/{config}', '--out', f'out/{config}/found']
    options = ['--cfg-options', *options] if options else []
    evaluate.run(parse('evaluate', [f'{checkpoint}.pth', *flags, *options]))


@pytest.mark.parametrize('name', CASES)
def test_any_detector_starts_from_every_tensor(name, place, monkeypatch):
    text, network = CASES[name]
    mine = block(RETINA).replace(RETINA, name)
    if 'detr' in name:  # which has another optimiser
        mine = mine.replace('optimizer=dict(lr=0.0025)', '')
    config = name.partition('/')[0] + '.py'
    place.joinpath(config).write_text(mine + SMALL + text)
    seen, build = Seen(), evaluate.build_runner

    def built(cfg):
        runner = build(cfg)
        runner.register_hook(seen)
        return runner

    monkeypatch.setattr(evaluate, 'build_runner', built)
    run(config, network['type'])
    state = read_checkpoint(place / f'{network["type"]}.pth')['state_dict']
    assert len(state) > 50
    for key, tensor in state.items():
        assert torch.equal(seen.state[key.removeprefix('backbone.')], tensor)
    assert seen.all_trained
    log = next(place.glob(f'out/{config}/*/vis_data/scalars.json'))
    lines = list(map(json.loads, log.read_text().splitlines()))
    losses = [line['loss'] for line in lines if 'loss' in line]
    assert len(losses) == 2
    assert all(map(math.isfinite, losses))
    row = json.loads(place.joinpath(f'out/{config}/found.jsonl').read_text())
    assert 0 <= row['metrics']['coco/bbox_mAP'] <= 1


def test_a_detr_at_the_size_of_a_cpu_core(place):
    drawn.bccd(place / 'data/BCCD')
    options = ['train_cfg.max_iters=1', 'default_hooks.checkpoint=None']
    for loader, step in (('train', 2), ('test', 1)):
        name = f'{loader}_dataloader.dataset.pipeline.{step}.scale'
        options.append(f'{name}=(160,120)')
    flags = ['ResNet.pth', '--protocol', 'detection', '--out', 'out/detr']
    flags += ['--dataset', 'bccd-deformable-detr', '--cfg-options', *options]
    evaluate.run(parse('evaluate', flags))
    row = json.loads(place.joinpath('out/detr.jsonl').read_text())
    assert 0 <= row['metrics']['coco/bbox_mAP_50'] <= 1


def refused(place, changes, checkpoint='ResNet'):
    """What is said of the documented config with these changes."""
    place.joinpath('refused.py').write_text(block(RETINA) + changes)
    with pytest.raises(UserError) as error:
        run('refused.py', checkpoint)
    return str(error.value)


def test_what_cannot_work_is_said_before_training(place, capsys):
    said = refused(place, '', 'VisionTransformer')
    assert 'has a VisionTransformer, but' in said
    assert 'ViTDet' in said
    soft = "model['test_cfg'] = dict(nms=dict(type='soft_nms'))"
    if operators.stand_in():
        said = refused(place, soft)
        assert 'has soft_nms (model.test_cfg.nms), which needs' in said
    named = "{}['dataset']['metainfo'] = dict(classes=({}))"
    for classes, why in (
        ("'RBC', 'cat', 'dog'", 'RBC, WBC, Platelets, but no cat, dog of'),
        ("'WBC', 'RBC', 'Platelets'", 'in the order RBC, WBC, Platelets'),
    ):
        said = refused(place, named.format('train_dataloader', classes))
        assert said.startswith('train_dataloader.dataset (CocoDataset): data/')
        assert why in said
    capsys.readouterr()
    frozen = 'model = dict(bbox_head=dict(num_classes=4))'
    said = refused(place, frozen)
    assert 'has 3 classes, but the model has 4; set --cfg-options' in said
    assert said.endswith('model.bbox_head.num_classes=3')
    warned = capsys.readouterr().out
    assert 'beware: not all of the backbone is trained (its first' in warned
    assert '.frozen_stages=-1 model.backbone.norm_eval=False\n' in warned


def test_every_head_of_a_cascade_is_named(place):
    name = 'cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco'
    text = block(RETINA).replace(RETINA, name)
    text = text.replace('bbox_head=dict(num_classes=3),', '')
    place.joinpath('cascade.py').write_text(text)
    with pytest.raises(UserError) as error:
        run('cascade.py', 'ResNet')
    for i in range(3):
        option = f'model.roi_head.bbox_head.{i}.num_classes=3'
        assert option in str(error.value)
