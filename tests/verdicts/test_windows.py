from math import nan
from random import Random

import pytest

from mmdcl.verdicts.windows import medians, noise, now, recent, values, window


def test_noise_is_a_standard_deviation_whatever_the_trend():
    draw = Random(0)
    flat = [draw.gauss(0, 0.3) for _ in range(2000)]
    assert noise(flat) == pytest.approx(0.3, rel=0.1)
    assert noise([x + i for i, x in enumerate(flat)]) == pytest.approx(
        noise(flat)
    )
    assert noise([1.0, 2.0]) == noise([]) == 0


def test_a_window_is_the_last_tenth():
    assert window(range(200)) == range(180, 200)
    assert window(range(20)) == range(15, 20)
    assert window(range(4)) == range(4)
    assert not window(range(2))


@pytest.mark.parametrize('count', [2, 4, 20, 200])
def test_now_is_the_median_of_what_is_known(count):
    records = [{'a': float(i), 'b': 1} for i in range(count)]
    assert now(records, 'a') == recent(values(records, 'a'))
    # Those without it count for nothing, nor does NaN.
    known = now(records, 'a')
    odd = [{'b': 2}, {'a': nan}, {'a': None}, {'a': True}]
    assert now([*records, *odd[:1]], 'a') == known
    assert count > 20 or now([*records, *odd], 'a') == known
    assert now(records, 'c') is None


def test_one_value_does_not_move_medians():
    found = medians([1.0] * 6 + [99.0] + [1.0] * 6)
    assert found == [1.0] * 9
