"""Detection and segmentation: real layouts, a step, a metric, as typed."""

import json
import math

import cv2
import numpy as np
import pytest
import torch
from mmpretrain.models.backbones import ResNet

from tests.commands import drawn
from tests.commands.documented import block, logged, run, typed

pytest.importorskip('mmdet')
from mmdet.datasets import CocoDataset

WIDTH, HEIGHT = 160, 120
CLASSES = {'dog': (40, 60, 200), 'person': (200, 90, 40)}
INDEX = {'dog': 12, 'person': 15}  # of VOC's 20, 0 is the background


def scene(generator):
    """An image, its map of classes, and ``(class, x1, y1, x2, y2)``."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    image += generator.integers(0, 30, image.shape, np.uint8)
    classes = np.zeros((HEIGHT, WIDTH), np.uint8)
    boxes = []
    for i, (kind, color) in enumerate(CLASSES.items()):
        x = int(generator.integers(5, 30)) + 80 * i
        y = int(generator.integers(5, 50))
        image[y : y + 50, x : x + 40] = color
        classes[y : y + 50, x : x + 40] = INDEX[kind]
        boxes.append((kind, x, y, x + 40, y + 50))
    return image, classes, boxes


def voc(folder, splits, generator):
    """One year of VOC, with maps of classes in both folders."""
    maps = ('SegmentationClass', 'SegmentationClassAug')
    lists = ('ImageSets/Main', 'ImageSets/Segmentation')
    for name in ('JPEGImages', 'Annotations', *maps, *lists):
        folder.joinpath(name).mkdir(parents=True)
    for split, count in splits.items():
        names = [f'{split}_{i:06}' for i in range(count)]
        for name in names:
            image, classes, boxes = scene(generator)
            cv2.imwrite(str(folder / f'JPEGImages/{name}.jpg'), image)
            for kind in maps:
                cv2.imwrite(str(folder / kind / f'{name}.png'), classes)
            path = folder / f'Annotations/{name}.xml'
            path.write_text(drawn.voc_annotation(boxes, WIDTH, HEIGHT))
        for kind in lists:
            folder.joinpath(kind, f'{split}.txt').write_text('\n'.join(names))


def coco(folder, split, generator):
    """Two images with outlines, in COCO's one file of annotations."""
    folder.joinpath('annotations').mkdir(parents=True, exist_ok=True)
    folder.joinpath(split).mkdir()
    found = dict(images=[], annotations=[], categories=[])
    names = CocoDataset.METAINFO['classes']
    ids = {name: 1 + i for i, name in enumerate(names)}
    found['categories'] = [dict(id=ids[name], name=name) for name in ids]
    for i in range(2):
        image, _, boxes = scene(generator)
        name = f'{i:012}.jpg'
        cv2.imwrite(str(folder / split / name), image)
        size = dict(width=WIDTH, height=HEIGHT)
        found['images'].append(dict(id=i, file_name=name, **size))
        for kind, x1, y1, x2, y2 in boxes:
            found['annotations'].append(
                dict(
                    id=len(found['annotations']),
                    image_id=i,
                    category_id=ids[kind],
                    bbox=[x1, y1, x2 - x1, y2 - y1],
                    area=(x2 - x1) * (y2 - y1),
                    iscrowd=0,
                    segmentation=[[x1, y1, x2, y1, x2, y2, x1, y2]],
                )
            )
    path = folder / f'annotations/instances_{split}.json'
    path.write_text(json.dumps(found))


@pytest.fixture(scope='module')
def user(tmp_path_factory):
    """A folder with data where OpenMMLab's configs expect them."""
    place = tmp_path_factory.mktemp('dense')
    folder = place / 'data'
    generator = np.random.default_rng(0)
    years = folder / 'VOCdevkit'
    voc(years / 'VOC2007', dict(trainval=1, test=2), generator)
    voc(years / 'VOC2012', dict(trainval=1, train=1, aug=1, val=2), generator)
    for split in ('train2017', 'val2017'):
        coco(folder / 'coco', split, generator)
    return place


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """A ResNet-50, whose config leaves out what is a default."""
    network = ResNet(depth=50)
    network.init_weights()
    state = {f'backbone.{k}': x for k, x in network.state_dict().items()}
    meta = dict(cfg="model = dict(backbone=dict(type='ResNet', depth=50))")
    path = tmp_path_factory.mktemp('pretrained') / 'resnet50.pth'
    torch.save(dict(state_dict=state, meta=meta), path)
    return path


SMALL = ['train_dataloader.num_workers=0', 'test_dataloader.num_workers=0']
SMALL += ['train_dataloader.batch_size=2', 'val_cfg=None']
SMALL += ['val_dataloader=None', 'val_evaluator=None']
SMALL += ['default_hooks.checkpoint=None', 'default_hooks.logger.interval=1']
DETECTOR = ['test_dataloader.dataset.pipeline.1.scale=(128,96)']
DETECTOR += ['model.train_cfg.rpn_proposal.max_per_img=20']
DETECTOR += ['model.train_cfg.rpn_proposal.nms_pre=50']
DETECTOR += ['model.train_cfg.rcnn.sampler.num=8']
DETECTOR += ['model.test_cfg.rpn.max_per_img=10']
DETECTOR += ['model.test_cfg.rpn.nms_pre=50']
# A head that has learned nothing finds nothing above the usual threshold.
DETECTOR += ['model.test_cfg.rcnn.score_thr=0.0']
DETECTOR += ['model.test_cfg.rcnn.max_per_img=10']
VOC = [*DETECTOR, 'train_cfg.max_iters=1']
for i in '01':
    scales = f'train_dataloader.dataset.datasets.{i}.pipeline.2.scales'
    VOC.append(f'{scales}=[(128,96)]')
COCO = [*DETECTOR, 'train_cfg.max_epochs=1']
COCO.append('train_dataloader.dataset.pipeline.2.scales=[(128,96)]')
MAPS = ['test_dataloader.dataset.pipeline.1.scale=(128,96)']
MAPS += ['model.data_preprocessor.size=(64,64)', 'train_cfg.max_iters=1']
MAPS += ['model.decode_head.channels=32', 'model.auxiliary_head.channels=32']
for i in '01':
    steps = f'train_dataloader.dataset.datasets.{i}.pipeline'
    MAPS += [f'{steps}.2.scale=(160,120)', f'{steps}.3.crop_size=(64,64)']
    MAPS += [f'{steps}.6.size=(64,64)']
CASES = {
    'voc0712': (VOC, ['pascal_voc/mAP', 'pascal_voc/AP50']),
    'coco-fpn': (COCO, ['coco/bbox_mAP', 'coco/segm_mAP']),
    'coco-c4': (COCO, ['coco/bbox_mAP', 'coco/segm_mAP']),
    'voc12aug': (MAPS, ['mIoU', 'aAcc']),
}


@pytest.mark.parametrize('dataset', CASES)
def test_a_step_and_a_metric(dataset, user, checkpoint):
    dense = 'segmentation' if dataset == 'voc12aug' else 'detection'
    if dense == 'segmentation':
        pytest.importorskip('mmseg')
    options, metrics = CASES[dataset]
    options = ['--cfg-options', *SMALL, *options]
    if dataset == 'coco-c4':  # as coco-fpn, which is documented
        words = ['python', 'tools/evaluate.py', checkpoint]
        words += ['--protocol', dense, '--dataset', dataset, *options]
        said = run(words, user)
    else:
        part = f'--dataset {dataset}'
        said = typed(part, user, *options, instead={'$C': str(checkpoint)})
    lines = user.joinpath('work_dirs/evaluate.jsonl').read_text().splitlines()
    row = json.loads(lines[-1])
    assert row['weights'] == 'pretrained'
    for name in metrics:  # mmseg's are percents
        assert 0 <= row['metrics'][name] <= 100
    losses = [line['loss'] for line in logged(user / row['log'], 'loss')]
    assert len(losses) == 1
    assert math.isfinite(losses[0])
    assert losses[0] > 0
    assert 'backbone: all 318 tensors come from' in said


def test_from_zero_to_a_detector(user):
    """At the size of a CPU core, pretraining included."""
    drawn.bccd(user / 'data/BCCD')
    options = ['train_cfg.max_epochs=1', 'train_dataloader.batch_size=4']
    options += ['train_dataloader.num_workers=0']
    options += ['default_hooks.checkpoint.interval=1']
    pretrain = 'mmdcl train dcl_slimr18_1xb32_bccd'
    typed(pretrain, user, '--cfg-options', *options)
    options = ['--cfg-options', 'train_cfg.max_iters=2']
    options += ['default_hooks.checkpoint.interval=2']
    for flag in ('', ' --random-init'):
        part = f'--dataset bccd{flag}'
        typed(part, user, *options, instead={'epoch_60': 'epoch_1'})
    lines = user.joinpath('work_dirs/evaluate.jsonl').read_text().splitlines()
    rows = [json.loads(line) for line in lines[-2:]]
    assert [row['weights'] for row in rows] == ['pretrained', 'random']
    assert all('coco/bbox_mAP_50' in row['metrics'] for row in rows)


def test_a_detector_of_the_users_own(user):
    """Her config, images and boxes, from her checkpoint."""
    network = ResNet(depth=18, stem_channels=8, base_channels=8)
    network.init_weights()
    state = {f'backbone.{k}': x for k, x in network.state_dict().items()}
    sizes = 'depth=18, stem_channels=8, base_channels=8'
    meta = dict(cfg=f"model = dict(backbone=dict(type='ResNet', {sizes}))")
    torch.save(dict(state_dict=state, meta=meta), user / 'epoch_60.pth')
    drawn.coco(user / 'data/cells', train=4, test=2)
    user.joinpath('my_detector.py').write_text(block('my_detector.py'))
    options = ['train_cfg.max_epochs=1', 'model.test_cfg.score_thr=0.0']
    for loader in ('train', 'test'):
        options.append(f'{loader}_dataloader.num_workers=0')
    options += ['train_dataloader.dataset.pipeline.2.scale=(128,96)']
    options += ['test_dataloader.dataset.pipeline.1.scale=(128,96)']
    part = '--config my_detector.py'
    said = typed(part, user, '--cfg-options', *options)
    assert 'backbone: all 120 tensors come from epoch_60.pth' in said
    assert 'beware: not all' not in said
    lines = user.joinpath('work_dirs/evaluate.jsonl').read_text().splitlines()
    row = json.loads(lines[-1])
    assert row['config'] == 'my_detector.py'
    assert 0 <= row['metrics']['coco/bbox_mAP_50'] <= 1
