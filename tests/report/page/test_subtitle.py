"""How far a run came, below its name."""

from types import SimpleNamespace

import pytest

from mmdcl.report.page import subtitle


@pytest.mark.parametrize(
    ('length', 'by_epoch', 'wanted'),
    [
        (1.0, True, '1 epoch'),
        (2.5, True, '2.5 epochs'),
        (1, False, '1 iteration'),
        (5000, False, '5,000 iterations'),
    ],
)
def test_one_is_not_several(monkeypatch, length, by_epoch, wanted):
    monkeypatch.setattr(subtitle, 'trained', lambda run: length)
    run = SimpleNamespace(
        config={}, recipe={}, finished=True, epoch_length=8 * by_epoch
    )
    assert subtitle._length(run) == f'finished after {wanted}'
