"""Each operator is torchvision's, on each image with its own parameter."""

import pytest
import torch
import torchvision.transforms.functional as reference

from mmdcl.functional import apply_steps
from mmdcl.functional.photometric import Step

IMAGES = 5
# What a step is, by torchvision, to one image in [0, 1].
REFERENCE = {
    Step.HORIZONTAL_FLIP: lambda x, _: reference.hflip(x),
    Step.VERTICAL_FLIP: lambda x, _: reference.vflip(x),
    Step.DIAGONAL_FLIP: lambda x, _: reference.rotate(x, 180),
    Step.BRIGHTNESS: lambda x, v: reference.adjust_brightness(x, v),
    Step.CONTRAST: lambda x, v: reference.adjust_contrast(x, v),
    Step.SATURATION: lambda x, v: reference.adjust_saturation(x, v),
    Step.HUE: lambda x, v: reference.adjust_hue(x, v),
    Step.BLUR: lambda x, v: reference.gaussian_blur(
        x, 2 * round(4 * v) + 1, v
    ),
    Step.SOLARIZE: lambda x, v: reference.solarize(x, v / 255),
}
PARAMETERS = {
    Step.BRIGHTNESS: (0.0, 0.4, 1.0, 1.3, 1.8),
    Step.CONTRAST: (0.0, 0.4, 1.0, 1.3, 1.8),
    Step.SATURATION: (0.0, 0.4, 1.0, 1.3, 1.8),
    Step.HUE: (-0.5, -0.2, 0.0, 0.1, 0.4),
    Step.BLUR: (0.1, 0.5, 0.9, 1.4, 2.0),
    Step.SOLARIZE: (0.0, 60.0, 128.0, 200.0, 255.0),
}


@pytest.fixture
def images():
    torch.manual_seed(0)
    images = torch.randint(0, 256, (IMAGES, 3, 24, 21), dtype=torch.uint8)
    images[0, :, :4] = 77  # gray has no hue
    return images


def program(*steps):
    """``(B, L, 4)`` of the steps of each image."""
    longest = max(map(len, steps))
    found = torch.zeros(len(steps), longest, 4)
    for image, own in enumerate(steps):
        for slot, step in enumerate(own):
            found[image, slot, : len(step)] = torch.tensor(step)
    return found


def close(found, wanted):
    torch.testing.assert_close(found, wanted * 255, rtol=0, atol=2e-3)


@pytest.mark.parametrize('step', REFERENCE)
def test_step_is_torchvisions(images, step):
    values = PARAMETERS.get(step, (0.0,) * IMAGES)
    found = apply_steps(images, program(*([(step, v)] for v in values)))
    wanted = [
        REFERENCE[step](image / 255, value)
        for image, value in zip(images, values, strict=True)
    ]
    close(found, torch.stack(wanted))


def test_grayscale_weighs_channels(images):
    weights = (0.2, 0.7, 0.1)
    found = apply_steps(images, program(*[[(Step.GRAYSCALE, *weights)]] * 5))
    gray = sum(
        w * c for w, c in zip(weights, images.float().unbind(1), strict=True)
    )
    torch.testing.assert_close(found, gray[:, None].expand_as(found))


def test_each_image_has_its_own_steps_in_their_order(images):
    bright, hue = (Step.BRIGHTNESS, 1.7), (Step.HUE, 0.2)
    blur, nothing = (Step.BLUR, 1.1), (Step.NOTHING,)
    steps = [
        [bright, hue],
        [hue, bright],
        [],
        [nothing, blur, (Step.CONTRAST, 0.3)],
        [(Step.BLUR, 0.6), blur],
    ]
    before = images.clone()
    found = apply_steps(images, program(*steps))
    for image, own, result in zip(images, steps, found, strict=True):
        wanted = image / 255
        for step, *value in own:
            if step:
                wanted = REFERENCE[step](wanted, *value)
        close(result, wanted)
        alone = apply_steps(image[None], program(own))
        torch.testing.assert_close(alone[0], result)
    assert torch.equal(images, before)


def test_bgr_is_mirrored(images):
    steps = [[(Step.HUE, 0.2), (Step.SATURATION, 1.5)]] * IMAGES
    mirrored = [[(Step.HUE, -0.2), (Step.SATURATION, 1.5)]] * IMAGES
    rgb = apply_steps(images, program(*steps))
    bgr = apply_steps(
        images.flip(1), program(*mirrored), luma=(0.114, 0.587, 0.2989)
    )
    torch.testing.assert_close(bgr.flip(1), rgb, rtol=0, atol=2e-3)


def test_a_blur_of_nothing_is_none(images):
    steps = [[(Step.BLUR, float(i))] for i in range(IMAGES)]
    blurred = apply_steps(images, program(*steps))
    torch.testing.assert_close(blurred[0], images[0].float())
    assert blurred.isfinite().all()


@pytest.mark.parametrize(
    ('images', 'steps', 'message'),
    [
        ((2, 1, 8, 8), (2, 3, 4), r'`images` must be \(B, 3, H, W\)'),
        ((2, 3, 8, 8), (3, 3, 4), r'`steps` must be \(B, L, 4\) with B = 2'),
    ],
)
def test_shapes_that_do_not_fit(images, steps, message):
    with pytest.raises(ValueError, match=message):
        apply_steps(torch.zeros(images), torch.zeros(steps))
