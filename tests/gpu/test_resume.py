"""Resumed on a card equals never interrupted, bit for bit."""

import pytest

from tests.engine.test_train_loop import (
    EVERY_5,
    MODELS,
    assert_identical,
    build,
    state,
)
from tests.views.test_batches import BATCHED

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.usefixtures('device', 'deterministic'),
]
EXACT = dict(seed=0, deterministic=True)
HOOKS = dict(checkpoint=dict(EVERY_5, max_keep_ckpts=9), views=BATCHED)


@pytest.mark.parametrize('name', ['SimCLR', 'NNCLR'])
@pytest.mark.filterwarnings('ignore:Deterministic behavior')
def test_resumed_in_the_middle_of_an_epoch(name, tmp_path):
    """Of 12 steps the last 7 again, views and neighbours drawn there."""

    def run(folder, **kwargs):
        built = build(
            tmp_path / folder,
            MODELS[name],
            randomness=EXACT,
            default_hooks=HOOKS,
            custom_hooks=[dict(type='mmdcl.QualityHook')],
            **kwargs,
        )
        built.train()
        return built

    whole = run('whole')
    path = str(tmp_path / 'whole/iter_5.pth')
    again = run('again', resume=True, load_from=path)
    assert whole.iter == again.iter == 12
    assert_identical(state(again), state(whole))
