"""How often processes tell each other how many images they hold."""

import pytest
import torch
from mmpretrain.registry import MODELS

from mmdcl.functional import gather
from tests.ranks import on_ranks
from tests.runs import NNCLR, SIMCLR

WAYS = [
    (kind, head)
    for kind in (SIMCLR, NNCLR)
    for head in ('InfoNCEHead', 'DCLHead', 'DCLWHead')
]


def count_on_rank(rank, equal):
    asked, ask = [], gather._all_sizes
    gather._all_sizes = lambda size: asked.append(size) or ask(size)
    found = []
    for kind, head in WAYS:
        torch.manual_seed(0)
        cfg = dict(kind, head=dict(type=f'mmdcl.{head}'))
        model = MODELS.build(cfg).train()
        model.equal_batches = equal
        asked.clear()
        views = torch.rand(2, 4, 3, 16, 16).unbind()
        loss = model(list(views), mode='loss')['loss']
        loss.backward()
        found.append((len(asked), loss.detach()))
    return found


@pytest.mark.parametrize('equal', [False, True])
def test_sizes_are_exchanged_once_a_step_and_never_if_they_are_equal(equal):
    for rank in on_ranks(2, count_on_rank, equal):
        assert [count for count, _ in rank] == [1 - equal] * len(WAYS)
        assert all(loss.isfinite() for _, loss in rank)
