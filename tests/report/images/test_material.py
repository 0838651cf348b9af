"""What a network says of images, taken from its checkpoint."""

import random

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmdcl.engine.features import batch_features
from mmdcl.errors import UserError
from mmdcl.report.images.material import gather_material
from mmdcl.report.pictures.pairs import gather_pairs
from tests.report.checkpoints import checkpoint
from tests.runs import BACKBONE, NECK, VIEWS, loader, runner

PLAIN = [dict(type='Resize', scale=(8, 8)), dict(type='PackInputs')]
PREDICTOR = dict(NECK, in_channels=8, with_avg_pool=False)
CROSS_ENTROPY = dict(type='CrossEntropyLoss')
CONTRASTIVE = dict(type='ContrastiveHead', loss=CROSS_ENTROPY, temperature=0.2)
LATENT = dict(
    type='LatentPredictHead',
    loss=dict(type='CosineSimilarityLoss'),
    predictor=PREDICTOR,
)
SIZES = dict(in_channels=32, hid_channels=16, out_channels=8)
MAE = dict(
    type='MAE',
    backbone=dict(
        type='MAEViT',
        arch=dict(
            embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=24
        ),
        patch_size=8,
        img_size=16,
    ),
    neck=dict(
        type='MAEPretrainDecoder',
        patch_size=8,
        num_patches=4,
        embed_dim=24,
        decoder_embed_dim=24,
        decoder_depth=1,
        decoder_num_heads=2,
    ),
    head=dict(
        type='MAEPretrainHead',
        patch_size=8,
        loss=dict(type='PixelReconstructionLoss', criterion='L2'),
    ),
)
# Model, width of its features, and what its neck gives.
UPSTREAM = {
    'SimCLR': (dict(neck=NECK, head=CONTRASTIVE), 32, 8),
    'MoCo': (
        dict(
            neck=dict(type='MoCoV2Neck', **SIZES),
            head=CONTRASTIVE,
            queue_len=128,
            feat_dim=8,
        ),
        32,
        8,
    ),
    'DenseCL': (
        dict(
            neck=dict(type='DenseCLNeck', **SIZES),
            head=CONTRASTIVE,
            queue_len=128,
            feat_dim=8,
        ),
        32,
        8,
    ),
    'BYOL': (dict(neck=NECK, head=LATENT), 32, 8),
    'SimSiam': (dict(neck=NECK, head=LATENT), 32, 8),
    'BarlowTwins': (
        dict(
            neck=NECK,
            head=dict(
                type='LatentCrossCorrelationHead',
                in_channels=8,
                loss=dict(type='CrossCorrelationLoss'),
            ),
        ),
        32,
        8,
    ),
    'SwAV': (
        dict(
            neck=dict(type='SwAVNeck', **SIZES),
            head=dict(
                type='SwAVHead',
                loss=dict(
                    type='SwAVLoss',
                    feat_dim=8,
                    num_prototypes=10,
                    epsilon=0.05,
                    num_crops=[2, 0],
                ),
            ),
        ),
        32,
        8,
    ),
    'MAE': (MAE, 24, None),
    'ImageClassifier': (
        dict(
            neck=dict(type='GlobalAveragePooling'),
            head=dict(
                type='LinearClsHead',
                num_classes=10,
                in_channels=32,
                loss=CROSS_ENTROPY,
            ),
            data_preprocessor=dict(num_classes=10),
        ),
        32,
        None,
    ),
}


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A run of an epoch, and its runner."""
    folder = tmp_path_factory.mktemp('run')
    run = runner(folder)
    run.train()
    return folder, run


def test_features_are_those_that_the_run_validates_with(trained):
    folder, run = trained
    made = gather_material(folder)
    run.model.eval()
    features, labels = [], []
    projections = []
    for batch in run.val_dataloader:
        some, some_labels, _ = batch_features(run.model, batch)
        features.append(some)
        labels.append(some_labels)
        inputs = run.model.data_preprocessor(batch, False)['inputs']
        with torch.no_grad():
            outputs = run.model.neck(run.model.backbone(inputs))
        projections.append(outputs[0])
    assert torch.allclose(made.features, torch.cat(features), atol=1e-5)
    assert torch.allclose(made.projections, torch.cat(projections), atol=1e-5)
    assert torch.equal(made.labels, torch.cat(labels))
    assert made.classes == tuple('0123456789')
    assert (made.split, made.total, made.left_out) == ('val', 359, 0)
    assert (made.name, made.checkpoint.name) == (folder.name, 'epoch_1.pth')
    assert len(made.sha256) == 64


def test_a_sample_is_of_its_seed_and_leaves_no_trace(trained):
    folder, _ = trained
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    wanted = torch.rand(1), np.random.rand(), random.random()
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    whole = gather_material(folder)
    some = gather_material(folder, images=40, seed=1)
    pairs = gather_pairs(folder, images=40)
    assert (torch.rand(1), np.random.rand(), random.random()) == wanted

    assert len(some.features) == 40
    assert some.total == 359
    index = [int(name.removeprefix('number ')) for name in some.files]
    assert index == sorted({*index})
    assert torch.allclose(some.features, whole.features[index], atol=1e-5)
    again = gather_material(folder, images=40, seed=1)
    assert again.files == some.files
    assert gather_material(folder, images=40, seed=2).files != some.files
    assert torch.equal(pairs.vectors, gather_pairs(folder, images=40).vectors)
    other = gather_pairs(folder, images=40, seed=3)
    assert not torch.equal(pairs.vectors, other.vectors)


@pytest.fixture
def colours(tmp_path):
    """Twelve images that are red, and one file that is none."""
    folder = tmp_path / 'images' / 'red'
    folder.mkdir(parents=True)
    for i in range(12):
        pixels = np.zeros((100, 200, 3), np.uint8)
        pixels[..., 2] = 200 + i  # BGR
        cv2.imwrite(str(folder / f'{i:02d}.png'), pixels)
    (folder / '05.png').write_bytes(b'none')
    return folder.parent


def of_files(root, pipeline, split='train', **kwargs):
    kind = dict(type='mmdcl.CustomDataset', data_root=str(root), **kwargs)
    load = dict(type='mmdcl.LoadImageFromFile')
    return loader(split, [], dataset=dict(kind, pipeline=[load, *pipeline]))


def test_without_validation_training_images_are_looked_at_whole(
    colours, tmp_path
):
    path = checkpoint(
        tmp_path / 'run',
        train_dataloader=of_files(colours, VIEWS, with_label=False),
        val_dataloader=None,
    )
    made = gather_material(path)
    assert made.split == 'train'
    assert made.labels is made.classes is None
    assert made.left_out == 1
    assert made.total == 12
    assert made.files[:2] == ['red/00.png', 'red/01.png']
    assert 'red/05.png' not in made.files
    assert {x.shape for x in made.thumbnails} == {(16, 16, 3)}
    assert made.thumbnails[0][8, 8].tolist() == [200, 0, 0]


def test_thumbnails_keep_their_shape_and_are_small(colours, tmp_path):
    path = checkpoint(
        tmp_path / 'run', val_dataloader=of_files(colours, [PLAIN[1]], 'val')
    )
    made = gather_material(path)
    assert {x.shape for x in made.thumbnails} == {(32, 64, 3)}
    assert made.labels.tolist() == [0] * 11
    assert made.classes == ('red',)


@pytest.mark.parametrize('name', UPSTREAM)
def test_upstreams_algorithms(name, tmp_path):
    model, width, projected = UPSTREAM[name]
    model = {'backbone': BACKBONE, **model, 'type': name}
    path = checkpoint(tmp_path / 'run', model)
    made = gather_material(path, images=10)
    assert made.features.shape == (10, width)
    assert made.features.std(0).sum() > 0
    if projected is None:
        assert made.projections is None
    else:
        assert made.projections.shape == (10, projected)
        assert made.projections.std(0).sum() > 0
    if name == 'DenseCL':  # the first of its three, which the loss is of
        state = torch.load(path)['state_dict']
        layers = [
            [state[f'neck.mlp.{i}.{x}'] for x in ('weight', 'bias')]
            for i in (0, 2)
        ]
        hidden = F.linear(made.features, *layers[0]).relu()
        wanted = F.linear(hidden, *layers[1])
        assert torch.allclose(made.projections, wanted, atol=1e-5)
    pairs = gather_pairs(path, images=6)
    assert pairs.vectors.shape == (2, 6, projected or width)
    assert pairs.projected == (projected is not None)
    contrastive = name in ('SimCLR', 'MoCo', 'DenseCL')
    assert pairs.temperature == (0.2 if contrastive else None)
    assert pairs.negatives == (128 if 'queue_len' in model else 126)


def test_other_images_in_another_folder(colours, tmp_path):
    gone = of_files(tmp_path / 'gone', PLAIN, 'val')
    path = checkpoint(tmp_path / 'run', val_dataloader=gone)
    match = r'no folder .*gone, where the images are.*--data-root'
    with pytest.raises(FileNotFoundError, match=match):
        gather_material(path)
    assert gather_material(path, data_root=colours).total == 12
    options = {'val_dataloader.dataset.data_root': str(colours)}
    assert gather_material(path, options=options).total == 12


def test_mistakes_have_a_sentence(tmp_path, trained):
    folder, _ = trained
    for match, wrong in {
        'at least 2, got 1': dict(images=1),
        'no `test_dataloader`; it has `val_d.*, `train_d': dict(split='test'),
    }.items():
        with pytest.raises(UserError, match=match):
            gather_material(folder, **wrong)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(UserError, match='holds no checkpoint that can be'):
        gather_material(tmp_path / 'empty')
    bare = checkpoint(tmp_path / 'run', train_dataloader=None)
    with pytest.raises(UserError, match='no `train_dataloader`; it has `val'):
        gather_pairs(bare)
    content = torch.load(bare)
    content['state_dict']['backbone.conv1.weight'].fill_(torch.nan)
    torch.save(content, bare)
    with pytest.raises(UserError, match=r'1 not finite: conv1\.weight'):
        gather_material(bare)


def test_all_weights_or_none(tmp_path):
    path = checkpoint(tmp_path / 'run')
    content = torch.load(path)
    state = content['state_dict']
    del state['neck.fc0.weight']
    torch.save(content, path)
    with pytest.raises(ValueError, match=r'(?s)neck come .* fc0\.weight'):
        gather_material(path)
    for name in list(state):
        if name.startswith('neck.'):
            del state[name]
    torch.save(content, path)
    assert gather_material(path).projections is None
    assert not gather_pairs(path, images=5).projected
    del state['backbone.conv1.weight']
    torch.save(content, path)
    with pytest.raises(ValueError, match=r'(?s)backbone come .* conv1\.w'):
        gather_material(path)
