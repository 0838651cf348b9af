"""Data that a benchmark cannot use."""

import pytest
from mmengine.config import Config

from mmdcl.downstream.labels import PARTS, check_parts
from mmdcl.errors import UserError


@pytest.mark.parametrize('loader', [*PARTS, 'test_evaluator'])
def test_a_part_that_is_missing_is_named(loader):
    parts = dict(train_dataloader=dict(dataset=dict(type='A')))
    parts |= dict(test_dataloader=dict(dataset=dict(type='A')))
    parts |= dict(test_evaluator=dict(type='Accuracy'))
    check_parts(Config(parts))
    with pytest.raises(UserError, match=rf'has no {loader} \(it is None\)'):
        check_parts(Config({**parts, loader: None}))
