"""A runner is built of a whole config only."""

import pytest
from mmengine.config import Config

from mmdcl.cli.running import build_runner
from mmdcl.errors import UserValueError


def test_a_part_of_a_loop_is_refused():
    """As options begin it where a config does not validate."""
    cfg = Config(dict(val_dataloader=dict(num_workers=0), val_cfg=None))
    with pytest.raises(
        UserValueError,
        match='val_dataloader is set, val_cfg and val_evaluator not',
    ):
        build_runner(cfg)
