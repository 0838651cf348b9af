"""Weights that come with the package."""

import json

import pytest
import torch
from mmengine.runner.checkpoint import CheckpointLoader

from mmdcl.checkpoints import read_checkpoint
from mmdcl.checkpoints.architecture import pretrained_backbone
from mmdcl.downstream.pretrained_network import build_network
from mmdcl.weights import SCHEME, names, shipped_file
from tests.commands.documented import ROOT

README = ROOT.joinpath('mmdcl/weights/README.md')


@pytest.mark.parametrize('name', names())
def test_a_file_is_small_tells_its_network_and_fills_it(name):
    assert shipped_file(SCHEME + name).stat().st_size < 2e6
    content = read_checkpoint(SCHEME + name)
    found = {
        key.removeprefix('backbone.'): x
        for key, x in content['state_dict'].items()
    }
    build_network(pretrained_backbone(content)).load_state_dict(found)
    assert all(x.isfinite().all() for x in found.values())
    through = CheckpointLoader.load_checkpoint(SCHEME + name)
    assert all(
        torch.equal(x, through['state_dict'][f'backbone.{key}'])
        for key, x in found.items()
    )


@pytest.mark.parametrize('name', names())
def test_what_its_page_says_is_what_the_log_has(name):
    lines = ROOT.joinpath('results/weights', f'{name}.jsonl').open()
    for row in map(json.loads, lines):
        assert row['checkpoint'] == SCHEME + name
        of = f'{row["protocol"]}, {row["dataset"]}'
        of += ', random weights' * (row['weights'] == 'random')
        values = ', '.join(f'{x:.1f}' for x in row['metrics'].values())
        assert f'| `{name}` | {of} | {values} |' in README.read_text()


def test_a_name_that_is_none_is_told_the_near_one():
    with pytest.raises(FileNotFoundError, match=r'did you mean mmdcl://dcl_'):
        read_checkpoint('mmdcl://dcl_resnet18_digit')
