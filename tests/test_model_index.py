"""``model-index.yml``: what it says is what configs and logs say."""

import json
import re
import statistics
from pathlib import Path

import pytest
from mmengine.config import Config
from mmpretrain.apis.model import ModelHub
from modelindex.load_model_index import load

import mmdcl
from mmdcl.configs import names

ROOT = Path(__file__).parents[1]
RUNNABLE = [x for x in names() if not x.startswith('benchmarks/')]
OTHERS = {
    'vit-small-p16': 'ViT-S/16',
    'vit-tiny-p4': 'ViT/4',
    'swin-tiny': 'Swin-T',
    'convnext-tiny': 'ConvNeXt-T',
    'conv4': 'Conv-4',
}
# Task -> its folder in results/, where that metric is, and by how much it is
# to be multiplied to be in %.
LOGS = {
    'kNN Classification': ('cifar10_slim', 'k200/accuracy/top1', 1),
    'Linear Classification': ('cifar10_slim_linear', 'accuracy/top1', 1),
    'Few-label Classification': (
        'cifar10_slim_few_labels',
        'accuracy/top1',
        1,
    ),
    'Object Detection': ('bccd', 'coco/bbox_mAP', 100),
}
# Of one seed, and so in no table of the index.
ONCE = 'detection_bccd-deformable-detr.py'


@pytest.fixture(scope='module')
def models():
    index = load(str(ROOT / 'model-index.yml'))
    assert not index.check(silent=True)
    index.build_models_with_collections()
    return {model.name: model for model in index.models}


def logged(name: str, task: str) -> list[float]:
    """What the runs of a config brought, in %, seed by seed."""
    folder, metric, factor = LOGS[task]
    found = []
    for line in (ROOT / 'results' / folder / 'runs.jsonl').open():
        run = json.loads(line)
        of = Path(run.get('checkpoint') or run['config']).parts
        ours = of[1].removesuffix('.py')
        if re.fullmatch(rf'{name}(_t0\.1)?(_s\d)?', ours) and (
            run['config'] != ONCE
            and run.get('temperature', 0.1) == 0.1
            and run.get('weights', 'pretrained') == 'pretrained'
        ):
            found.append(run.get('test', run.get('metrics'))[metric] * factor)
    return found


def test_every_config_is_there_once():
    text = ROOT.joinpath('configs/metafile.yml').read_text()
    found = re.findall(r'^  - Name: (\S+)\n    In Collection', text, re.M)
    assert sorted(found) == sorted(RUNNABLE)


@pytest.mark.parametrize('name', RUNNABLE)
def test_what_it_says_of_a_config(models, name):
    model = models[name]
    path = ROOT / model.config
    assert path.stem == name
    cfg = Config.fromfile(path)
    gpus = int(re.search(r'(\d+)xb\d+', name)[1])
    said = model.metadata.data
    assert said['Epochs'] == cfg.train_cfg.max_epochs
    assert said['Batch Size'] == gpus * cfg.train_dataloader.batch_size
    assert said['Batch Size'] == cfg.auto_scale_lr.base_batch_size
    backbone = cfg.model.backbone
    if backbone.type.startswith('ResNet'):
        assert said['Architecture'] == f'ResNet-{backbone.depth}'
    else:
        assert said['Architecture'] == OTHERS[name.split('_')[1]]
    of = {x: x.lower() for x in ('SimCLR', 'NNCLR', 'DHEL', 'MACL', 'NSCL')}
    assert of.get(model.in_collection, 'dcl') in name.split('_')[0]
    assert model.weights is None


@pytest.mark.parametrize('name', RUNNABLE)
def test_results_are_those_of_the_logs(models, name):
    results = models[name].results
    for result in results.data if results else ():
        found = logged(name, result.task)
        mean, spread, seeds = result.metrics.values()
        assert list(result.metrics)[1:] == ['Standard Deviation', 'Seeds']
        assert seeds == len(found) == 3
        assert mean == round(statistics.mean(found), 1)
        assert spread == round(statistics.stdev(found), 1)


def test_which_have_results(models):
    have = [x for x in models if models[x].results]
    assert len(have) == 5
    assert all('slim' in x for x in have)


def test_mmpretrain_lists_and_builds_them(models, monkeypatch):
    monkeypatch.setattr(ModelHub, '_models_dict', {})
    monkeypatch.setattr(ModelHub, '_ModelHub__mmpretrain_registered', False)
    ModelHub.register_model_index(ROOT / 'model-index.yml', ROOT)
    from mmpretrain import get_model, list_models

    assert set(RUNNABLE) <= set(list_models())
    model = get_model('dcl_slimr18_1xb32_cifar10')
    assert isinstance(model, mmdcl.SimCLR)
