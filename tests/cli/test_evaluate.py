"""Each protocol on a checkpoint, and what stops it."""

import json

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from mmdcl.cli import evaluate
from mmdcl.cli.evaluate_flags import PROTOCOLS
from mmdcl.cli.main import parse
from tests.runs import PLAIN, VIEWS, loader, runner


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('pretrained')
    runner(work_dir, train_dataloader=loader('train', VIEWS)).train()
    return work_dir / 'epoch_1.pth'


def benchmark(tmp_path, protocol, **changes):
    """A config of digits; the network in it is another one."""
    train = loader('train', PLAIN)
    if protocol == 'few-labels':
        few = dict(type='mmdcl.FewLabels', dataset=train['dataset'])
        train['dataset'] = few
    model = dict(
        type='ImageClassifier',
        backbone=dict(type='ResNet', depth=50, frozen_stages=-1),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(
            type='LinearClsHead',
            num_classes=10,
            in_channels=2048,
            loss=dict(type='CrossEntropyLoss'),
        ),
    )
    if protocol == 'linear':
        model['backbone']['frozen_stages'] = 4
    knn = dict(type='mmdcl.KNNTestLoop', k=5)
    cfg = dict(
        default_scope='mmpretrain',
        model=model,
        train_dataloader=train,
        test_dataloader=loader('test', PLAIN),
        test_evaluator=dict(type='Accuracy'),
        test_cfg=knn if protocol == 'knn' else dict(),
        train_cfg=dict(by_epoch=True, max_epochs=2),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        log_level='WARNING',
    )
    path = tmp_path / f'{protocol}.py'
    Config(dict(cfg, **changes)).dump(path)
    return path


def run(monkeypatch, checkpoint, protocol, config, *more):
    flags = ['--protocol', protocol, '--config', config, *more]
    evaluate.run(parse('evaluate', [*map(str, [checkpoint, *flags])]))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_every_protocol_writes_a_line_and_a_row(
    protocol, checkpoint, tmp_path, monkeypatch
):
    config = benchmark(tmp_path, protocol)
    fraction = ['--fraction', '0.2'] if protocol == 'few-labels' else []
    # A second run where the seed chooses images, and where nothing is trained.
    seeds = '01' if protocol in ('knn', 'few-labels') else '0'
    for seed in seeds:
        more = [*fraction, '--seed', seed, '--out', 'out/found']
        run(monkeypatch, checkpoint, protocol, config, *more)
    lines = tmp_path.joinpath('out/found.jsonl').read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row['seed'] for row in rows] == [*map(int, seeds)]
    assert {row['protocol'] for row in rows} == {protocol}
    if protocol in ('knn', 'finetune'):  # chance is 10
        assert rows[0]['metrics']['accuracy/top1'] > 20
    assert rows[0]['machine']
    table = tmp_path.joinpath('out/found.md').read_text()
    assert table.count(f'| {protocol} |') == len(seeds)

    saved = list(tmp_path.rglob('epoch_2.pth'))
    assert bool(saved) == (protocol != 'knn')
    if saved:
        found = torch.load(saved[0], weights_only=False)['state_dict']
        theirs = torch.load(checkpoint, weights_only=False)['state_dict']
        same = [
            torch.equal(tensor, theirs[name])
            for name, tensor in found.items()
            if name.startswith('backbone.')
        ]
        assert all(same) == (protocol == 'linear')


def test_what_stops_it(checkpoint, tmp_path, monkeypatch, capsys):
    config = benchmark(tmp_path, 'linear')
    few = ['--cfg-options', 'model.head.num_classes=9']
    with pytest.raises(ValueError, match=r'has 9; .*\.head\.num_classes=10'):
        run(monkeypatch, checkpoint, 'linear', config, *few)
    many = ['--cfg-options', 'model.head.num_classes=11']
    with pytest.raises(ValueError, match=r'10 classes, but the .* has 11'):
        run(monkeypatch, checkpoint, 'linear', config, *many)
    with pytest.raises(SystemExit):
        run(monkeypatch, checkpoint, 'linear', config, '--k', '5')
    assert '--k is for --protocol knn' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parse('evaluate', ['a.pth', '--protocol', 'detection'])
    said = capsys.readouterr().err
    assert 'needs --config, or --dataset ' in said
    assert ' bccd or coco-c4 or ' in said
    deep = ['--cfg-options', 'model.backbone.depth=34']
    with pytest.raises(ValueError, match='80 missing'):
        run(monkeypatch, checkpoint, 'linear', config, *deep)
    empty = ['--cfg-options', 'train_dataloader.dataset.indices=0']
    with pytest.raises(
        ValueError, match=r'\.dataset \(mmdcl\.Digits\) is empty'
    ):
        run(monkeypatch, checkpoint, 'linear', config, *empty)

    cut = tmp_path / 'cut.pth'
    cut.write_bytes(checkpoint.read_bytes()[:3000])
    with pytest.raises(ValueError, match='cut short'):
        run(monkeypatch, cut, 'linear', config)
    bare = torch.load(checkpoint, weights_only=False)['state_dict']
    torch.save(bare, tmp_path / 'bare.pth')  # the network of the benchmark
    with pytest.raises(ValueError, match=r'(?s)160 missing.* what network'):
        run(monkeypatch, tmp_path / 'bare.pth', 'linear', config)


def test_random_weights_are_random_whatever_the_config_loads(
    checkpoint, tmp_path, monkeypatch, capsys
):
    hook = dict(
        type='mmdcl.PretrainedBackboneHook', checkpoint=str(checkpoint)
    )
    config = benchmark(tmp_path, 'knn', custom_hooks=[hook])
    init = "model.backbone.init_cfg.type='Pretrained'"
    init = [init, f'model.backbone.init_cfg.checkpoint={checkpoint}']
    seen = []
    networks = evaluate.build_runner

    def build(cfg):
        seen.append(networks(cfg))
        return seen[-1]

    monkeypatch.setattr(evaluate, 'build_runner', build)
    more = ['--out', 'found', '--temperature', '0.2']
    for flags in (['--random-init'], []):
        run(
            monkeypatch,
            checkpoint,
            'knn',
            config,
            *flags,
            *more,
            '--cfg-options',
            *init,
        )
        said = capsys.readouterr().out
        assert 'init_cfg, custom_hooks (PretrainedBackboneHook)' in said
    lines = tmp_path.joinpath('found.jsonl').read_text().splitlines()
    rows = list(map(json.loads, lines))
    assert [row['weights'] for row in rows] == ['random', 'pretrained']
    for row in rows:
        assert (row['k'], row['temperature']) == (5, 0.2)
    assert 'k=5, temperature=0.2' in tmp_path.joinpath('found.md').read_text()
    name = 'backbone.layer3.0.conv1.weight'
    theirs = torch.load(checkpoint, weights_only=False)['state_dict'][name]
    found = [runner.model.state_dict()[name] for runner in seen]
    assert not torch.equal(found[0], theirs)
    assert torch.equal(found[1], theirs)
    # Initialised as in training, and not as torch's layers are built.
    fan_out = theirs.shape[0] * theirs.shape[2] * theirs.shape[3]
    assert found[0].std() == pytest.approx((2 / fan_out) ** 0.5, rel=0.1)


def test_a_hook_that_loads_weights_unseen_is_found(
    checkpoint, tmp_path, monkeypatch
):
    @HOOKS.register_module(force=True)
    class Unseen(Hook):
        def before_test(self, runner):
            found = torch.load(checkpoint, weights_only=False)['state_dict']
            runner.model.load_state_dict(found, strict=False)

    config = benchmark(tmp_path, 'knn', custom_hooks=[dict(type='Unseen')])
    with pytest.raises(ValueError, match='in spite of --random-init'):
        run(monkeypatch, checkpoint, 'knn', config, '--random-init')
    assert not list(tmp_path.glob('**/*.jsonl'))


def test_knn_needs_no_classifier(checkpoint, tmp_path, monkeypatch):
    config = benchmark(tmp_path, 'knn')
    few = ['--cfg-options', 'model.head.num_classes=3']
    run(monkeypatch, checkpoint, 'knn', config, '--out', 'found', *few)
    (row,) = map(json.loads, tmp_path.joinpath('found.jsonl').open())
    assert row['metrics']['accuracy/top1'] > 20


def test_what_is_not_there_is_said(checkpoint, tmp_path, monkeypatch):
    config = benchmark(tmp_path, 'linear')
    for part in ('test_dataloader', 'train_dataloader', 'test_evaluator'):
        none = ['--cfg-options', f'{part}=None']
        with pytest.raises(ValueError, match=f'has no {part}'):
            run(monkeypatch, checkpoint, 'linear', config, *none)
    with pytest.raises(FileNotFoundError, match='mean mmpretrain::resnet/re'):
        run(monkeypatch, checkpoint, 'knn', 'mmpretrain::resnet/resnet18.py')
