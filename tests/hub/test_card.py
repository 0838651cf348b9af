"""A card that people and hubs read, whatever its facts are made of."""

import json
import re

import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from mmdcl.cli.card_facts import training_facts
from mmdcl.cli.main import parse
from mmdcl.hub.card import Facts, write_card
from mmdcl.hub.results import as_eval_results, results_of
from mmdcl.hub.timm_folder import Inputs
from tests.report.logs import write_run

INPUTS = Inputs((0.5,) * 3, (0.2,) * 3, 32, 1.0, 'bilinear')
DASH = '\N{EN DASH}'
NAMES = dict(name='small', network='ResNet-18', version='1.0')
HOSTILE = 'x\n---\nlicense: mit\n# <script>alert(1)</script> | [a](b) `c` $d$'
HOSTILE += ' https://evil.example ![](e) **f** \u202e"\''


def line(value=41.25, **more):
    return dict(
        protocol='linear',
        dataset='cifar10',
        weights='pretrained',
        config='linear_cifar10.py',
        seed=0,
        metrics={'accuracy/top1': value},
        commit='abc1234',
        machine='AMD EPYC, 2 cores, no GPU',
    ) | dict(more)


def card(**facts):
    return write_card(Facts(**(NAMES | facts), width=64, inputs=INPUTS))


def test_results_are_paired_with_their_controls():
    lines = [
        line(1.0),
        line(),  # once more: the last one counts
        line(20.5, weights='random'),
        line(42.5, seed=1),
        line(19.0, seed=2, weights='random'),
        line(9.0, fraction=0.1, options={'lr': 1, 'a.num_workers': 0}),
        line(8.0, options={'data.ann_file': '/home/jane/list.txt'}),
        line(float('nan'), seed=3),
        dict(protocol='knn'),
    ]
    found = {
        (x.protocol, x.seed): (x.value, x.control) for x in results_of(lines)
    }
    assert found == {
        ('linear', 0): (41.25, 20.5),
        ('linear', 1): (42.5, None),
        ('linear, 0.1 of the labels, lr=1', 0): (9.0, None),
        ('linear, data.ann_file=...', 0): (8.0, None),
    }


def test_hubs_read_the_results():
    lines = [line(), line(71.0, protocol='knn', dataset='imagenet')]
    lines += [
        line(
            protocol='detection',
            dataset=None,
            config='mine.py',
            metrics={'coco/bbox_mAP': 0.25, 'coco/bbox_mAP_50': 0.5},
        )
    ]
    results = results_of(lines)
    text = card(results=results, license='mit', dataset='CIFAR10')
    data = ModelCard(text).data
    assert data.license == 'mit'
    assert data.library_name == 'timm'
    assert data.pipeline_tag == 'image-feature-extraction'
    assert data.datasets == ['cifar10']
    assert data.model_name == 'small'
    assert data.eval_results == as_eval_results(results)
    found = {
        (x.task_type, x.dataset_type, x.metric_type, x.metric_value)
        for x in data.eval_results
    }
    assert found == {
        ('image-classification', 'cifar10', 'accuracy', 41.25),
        ('image-classification', 'imagenet-1k', 'accuracy', 71.0),
        ('object-detection', 'mine', 'mean_average_precision', 0.25),
        ('object-detection', 'mine', 'mean_average_precision', 0.5),
    }
    assert (
        f'| linear | CIFAR-10 | accuracy/top1 | 41.25 | {DASH} | 0 |' in text
    )


def test_strangers_write_no_markdown():
    hostile = line(protocol=HOSTILE, dataset=HOSTILE, commit=HOSTILE)
    hostile['metrics'] = {HOSTILE: 1.0}
    text = card(
        network=HOSTILE,
        method=HOSTILE,
        data=HOSTILE,
        recipe=[(HOSTILE, HOSTILE)],
        changes=[(HOSTILE, HOSTILE, None)],
        results=results_of([hostile]),
        ignored=HOSTILE,
        validation=dict(how=HOSTILE, rows=[(HOSTILE, 1.0, 2.0)]),
    )
    _, head, body = text.split('---\n', 2)
    found = yaml.safe_load(head)
    assert 'license' not in found
    assert found['model-index'][0]['results'][0]['metrics'][0]['value'] == 1.0
    assert found == yaml.safe_load(ModelCard(text).data.to_yaml())
    assert '\u202e' not in text
    tokens = MarkdownIt('commonmark').enable('table').parse(body)
    heads = [tokens[i + 1] for i, x in enumerate(tokens) if x.markup == '#']
    assert [x.content for x in heads if x.type == 'inline'] == ['small']
    inline = [y for x in tokens for y in x.children or ()]
    kinds = {x.type for x in [*tokens, *inline]}
    assert not kinds & {'html_block', 'html_inline', 'link_open', 'image'}
    assert not kinds & {'em_open', 'strong_open'}
    plain = ''.join(x.content for x in inline if x.type == 'text')
    assert '<script>alert(1)</script> | [a](b) `c` $d$' in plain
    assert not re.search(
        r'[^\\](://|\$)', re.sub(r'`.*?`|```.*?```', '', body)
    )


def test_what_is_not_known_is_not_said():
    text = card()
    assert 'Not evaluated.' in text
    assert 'Nothing is recorded of it.' in text
    assert 'None was given with these weights' in text
    assert 'without labels' not in text
    assert 'torchvision and detectron2 have no such network' in text
    data = ModelCard(text).data.to_dict()
    assert not {'license', 'datasets', 'model-index'} & data.keys()


RECIPE = dict(
    config='small.py',
    changes=[['optim.lr', 0.1, 0.2], ['data.ann_file', '/home/jane/a', None]],
    data='Digits in /home/jane/secret, 1,437 images of 10 classes',
    images=1437,
    loss='DCL',
    unit='epoch',
    epoch_length=20,
    planned=200,
    seed=3,
    command='mmdcl train /home/jane/small.py',
    validation='kNN, k 20, 360 images, every 5 epochs',
)


CONFIG = "model = dict(type='mmdcl.SimCLR')\ntrain_dataloader = dict()\n"


@pytest.fixture
def told(tmp_path):
    """Facts of a run, of its checkpoint after so many epochs."""
    work_dir = tmp_path / 'run'
    write_run(work_dir, recipe=RECIPE)

    def tell(epoch, *flags, cfg=CONFIG):
        path = work_dir / f'epoch_{epoch}.pth'
        torch.save({}, path)
        words = [str(path), 'out', '--style', 'timm-hub', *flags]
        meta = dict(epoch=epoch, iter=20 * epoch, cfg=cfg)
        return training_facts(parse('export', words), dict(meta=meta))

    return tell


def test_the_card_tells_of_the_run(told):
    text = card(**told(5))
    assert 'by SimCLR with the decoupled contrastive loss (DCL)' in text
    assert 'on 1,437 images (Digits).' in text
    assert '| these weights | epoch 5 of 10 |' in text
    assert '| seed | 3 |' in text
    assert '| `optim.lr` | 0.1 | 0.2 |' in text
    assert f'| `data.ann_file` | ... | {DASH} |' in text
    assert '| kNN | 20 | 66.15 |' in text  # untrained, and after epoch 5
    assert 'jane' not in text


def test_a_run_beside_weights_may_be_anothers(told):
    text = card(**told(5, cfg=None))
    assert '| these weights | epoch 5 |' in text  # by the file itself
    assert 'without labels' not in text
    assert not any(x in text for x in ('seed |', 'Digits', 'SimCLR'))


def test_results_are_of_these_very_weights(told, tmp_path):
    mine, other = tmp_path / 'mine.jsonl', {'checkpoint': 'run/epoch_10.pth'}
    lines = [line(**other), line(5.0, checkpoint='run/epoch_5.pth')]
    lines += [line(checkpoint='run/epoch_5.pth', prefix='teacher')]
    mine.write_text(''.join(f'{json.dumps(x)}\n' for x in lines))
    found = told(5, '--results', str(mine))['results']
    assert [x.value for x in found] == [5.0]
    with pytest.raises(ValueError, match=r'no line about .*epoch_6\.pth; it'):
        told(6, '--results', str(mine))
    with pytest.raises(OSError, match='--results: no file'):
        told(6, '--results', 'none.jsonl')
    with pytest.raises(OSError, match='does not exist'):
        told(6, '--run', 'none')
