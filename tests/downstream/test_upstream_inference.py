"""mmpretrain's own inference on our configs, with files as people have them.

It loads images itself, and removes only loaders called like its own.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain import (
    FeatureExtractor,
    ImageClassificationInferencer,
    ImageRetrievalInferencer,
    get_model,
)
from mmpretrain.datasets.categories import CIFAR10_CATEGORIES
from mmpretrain.registry import DATASETS

from mmdcl.engine.features import batch_features
from tests.runs import BACKBONE

CONFIGS = Path(__file__).parents[2] / 'configs'
NAMES = (
    'dcl_resnet18_1xb256_cifar10',
    'nnclr-dcl_resnet50_8xb64',
    'mocov2-dcl_resnet50_8xb32',
)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Images in colours that differ, in the layout of CIFAR-10."""
    root = tmp_path_factory.mktemp('images')
    draw = np.random.default_rng(0)
    for split in ('train', 'test'):
        for name in CIFAR10_CATEGORIES:
            root.joinpath(split, name).mkdir(parents=True)
            image = draw.integers(0, (60, 120, 256), (32, 32, 3), np.uint8)
            cv2.imwrite(str(root / split / name / '0.png'), image)
    return root


def config(name, root=None):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    cfg.model.backbone = BACKBONE
    if 'neck' in cfg.model and 'in_channels' in cfg.model.neck:
        cfg.model.neck.in_channels = 32
    if 'support_set' in cfg.model:
        cfg.model.support_set.size = 64
    if 'queue_len' in cfg.model:
        cfg.model.queue_len = 64
    return cfg


def by_dataset(cfg, model, root):
    """Features of the first image, as the kNN loops compute them."""
    dataset = dict(cfg.test_dataloader.dataset)
    if dataset['type'] == 'mmdcl.CIFAR10':
        dataset = DATASETS.build(dict(dataset, data_root=str(root)))
    else:
        dataset = DATASETS.build(
            dict(
                type='CustomDataset',
                data_root=str(root / 'test'),
                pipeline=dataset['pipeline'],
            )
        )
    item = dataset[0]
    batch = dict(
        inputs=item['inputs'][None], data_samples=[item['data_samples']]
    )
    return batch_features(model, batch)[0][0]


@pytest.mark.parametrize('name', NAMES)
def test_features_of_a_file_are_those_of_the_dataset(name, folder):
    torch.manual_seed(0)
    cfg = config(name)
    model = get_model(cfg, pretrained=False).eval()
    first = min(CIFAR10_CATEGORIES)
    if 'cifar10' in name:
        first = CIFAR10_CATEGORIES[0]
    path = str(folder / 'test' / first / '0.png')
    wanted = by_dataset(cfg, model, folder)
    assert wanted.norm() > 0
    extract = FeatureExtractor(model)
    image = cv2.imread(path)
    for given in (path, image):
        features = extract(given)[0][-1]
        features = features.mean((1, 2)) if features.ndim == 3 else features
        torch.testing.assert_close(features, wanted)
    turned = extract(np.ascontiguousarray(image[..., ::-1]))[0][-1]
    turned = turned.mean((1, 2)) if turned.ndim == 3 else turned
    assert not torch.allclose(turned, wanted, rtol=1e-3)


@pytest.mark.parametrize('name', NAMES[:2])
def test_images_find_themselves(name, folder):
    cfg = config(name)
    cfg.model = dict(
        type='ImageToImageRetriever',
        image_encoder=[BACKBONE, dict(type='GlobalAveragePooling')],
        data_preprocessor=dict(cfg.data_preprocessor, _scope_='mmpretrain'),
        prototype='given below',
    )
    cfg.model.data_preprocessor.type = 'ClsDataPreprocessor'
    model = get_model(cfg, pretrained=False)
    paths = sorted(map(str, folder.glob('test/*/0.png')))
    for prototype in (paths, str(folder / 'test')):
        retrieve = ImageRetrievalInferencer(model, prototype=prototype)
        for path in paths[2:4]:
            [[best, *_]] = retrieve(path, topk=2)
            assert best['sample']['img_path'] == path
            assert float(best['match_score']) == pytest.approx(1, abs=1e-5)


def test_a_classifier_of_a_benchmark(folder):
    cfg = config('benchmarks/linear_cifar10')
    cfg.model.head.in_channels = 32
    model = get_model(cfg, pretrained=False)
    path = str(folder / 'test' / 'cat' / '0.png')
    [found] = ImageClassificationInferencer(model)(path)
    assert len(found['pred_scores']) == 10
