"""Views made on a device are Pillow's and OpenCV's, as those of the host."""

import numpy as np
import pytest
import torch

from mmdcl.views import apply_steps
from mmdcl.views.batches import BatchViews
from mmdcl.views.crops import FILTERS, Crops, rotated
from mmdcl.views.operators import Step
from tests.views import test_crops as crops
from tests.views import test_operators as operators
from tests.views.test_batches import addresses, dataset

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize('step', operators.REFERENCE)
def test_a_step_is_pillows(step, device):
    torch.manual_seed(0)
    shape = (operators.IMAGES, 3, 48, 43)
    images = torch.randint(0, 256, shape, dtype=torch.uint8)
    values = operators.PARAMETERS.get(step, (0.0,) * operators.IMAGES)
    steps = [[(step, value)] for value in values]
    found = apply_steps(images.to(device), operators.program(*steps))
    assert found.device.type == device.type
    wanted = map(operators.pillow, images, steps)
    wanted = torch.stack(list(wanted))
    operators.same(found.cpu(), wanted, step == Step.BLUR)


@pytest.mark.parametrize('by', FILTERS, ids='-'.join)
def test_a_crop_is_theirs(by, device):
    """As on the host: a level, seldom two; a cubic more, on noise."""
    pool = np.random.default_rng(0).integers(0, 256, crops.SHAPE, np.uint8)
    planes = torch.from_numpy(pool.transpose(0, 1, 3, 2).copy()).to(device)
    mirrored = np.zeros((2, len(crops.IMAGES)), bool)
    made = Crops(planes, (32, 48), FILTERS[by])
    found = made(crops.IMAGES, crops.WINDOWS, mirrored).cpu()
    for view, image, window in zip(
        found, crops.IMAGES, crops.WINDOWS, strict=True
    ):
        wanted = crops.reference(pool[image], window, (32, 48), *by)
        off = np.abs(view.numpy().transpose(1, 2, 0) - wanted)
        assert off.max() <= (25 if by[1] == 'bicubic' else 2)
        assert off.mean() < 0.4


def close(found, wanted):
    """But for one pixel in 500, which rounding put on another level."""
    off = (found.cpu() - wanted).abs()
    assert (off > 0).float().mean() < 2e-3
    assert torch.equal(found.cpu(), found.cpu().round())


def test_a_turn_is_that_of_the_host(device):
    images = torch.randint(0, 256, (5, 3, 30, 41)).float()
    angles = np.array([0.0, 13.0, -25.0, 7.3, 171.0])
    found = rotated(images.to(device), angles, 128)
    close(found, rotated(images, angles, 128))


def test_whole_batches_are_those_of_the_host(device):
    """Drawn from the same numbers: the same crops, turns and colours."""
    made = [BatchViews(dataset(), torch.device(x)) for x in (device, 'cpu')]
    for epoch in range(3):
        given = addresses(range(40), epoch)
        for found, wanted in zip(*(x.views(given) for x in made), strict=True):
            assert found.device.type == device.type
            close(found, wanted)
