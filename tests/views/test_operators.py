"""Each operator is Pillow's, on each image with its own parameter."""

import itertools

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as reference
from PIL import Image, ImageFilter

from mmdcl.views import apply_steps
from mmdcl.views.operators import Step, blur_box

IMAGES = 5
# What a step is to one image of Pillow.
REFERENCE = {
    Step.HORIZONTAL_FLIP: lambda x, _: reference.hflip(x),
    Step.VERTICAL_FLIP: lambda x, _: reference.vflip(x),
    Step.DIAGONAL_FLIP: lambda x, _: x.transpose(Image.Transpose.ROTATE_180),
    Step.BRIGHTNESS: reference.adjust_brightness,
    Step.CONTRAST: reference.adjust_contrast,
    Step.SATURATION: reference.adjust_saturation,
    Step.HUE: reference.adjust_hue,
    Step.BLUR: lambda x, v: x.filter(ImageFilter.GaussianBlur(v)),
    Step.SOLARIZE: reference.solarize,
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
    images = torch.randint(0, 256, (IMAGES, 3, 48, 43), dtype=torch.uint8)
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


def pillow(image, steps):
    """``(3, H, W)`` after the steps, by Pillow."""
    done = Image.fromarray(image.permute(1, 2, 0).numpy())
    for step, *value in steps:
        if step:
            done = REFERENCE[step](done, *value)
    return torch.from_numpy(np.array(done)).permute(2, 0, 1).float()


def same(found, wanted, blurred=False):
    """Equal but for one pixel in 500, whose hue fell on another byte.

    Of a blur, away from the border: Pillow rounds after each of its six
    passes, and continues the border anew in each.
    """
    if blurred:
        found, wanted = found[..., 9:-9, 9:-9], wanted[..., 9:-9, 9:-9]
    off = (found - wanted).abs()
    if blurred:
        assert off.max() <= 3
        assert off.mean() < 0.8
    else:
        assert (off > 0).float().mean() < 2e-3
        assert off.mean() < 5e-3
    assert (found - wanted).mean().abs() < 0.05
    assert torch.equal(found, found.round())


@pytest.mark.parametrize('step', REFERENCE)
def test_step_is_pillows(images, step):
    values = PARAMETERS.get(step, (0.0,) * IMAGES)
    steps = [[(step, value)] for value in values]
    found = apply_steps(images, program(*steps))
    wanted = map(pillow, images, steps)
    same(found, torch.stack(list(wanted)), step == Step.BLUR)


def test_brightness_is_pillows_to_the_level():
    """Of 2**18 colours: a weight that is off by 2**-16 shows in some."""
    colors = torch.randint(0, 256, (1, 3, 512, 512), dtype=torch.uint8)
    step = [(Step.SATURATION, 0.0)]
    assert torch.equal(
        apply_steps(colors, program(step))[0], pillow(colors[0], step)
    )


def test_hue_of_the_darkest_colors():
    """Where a level is half of the saturation, or all of it."""
    levels = torch.tensor([*itertools.product(range(5), repeat=3)])
    colors = levels.T.to(torch.uint8).reshape(1, 3, 5, 25)
    for shift in (-0.4, 0.1, 0.3):
        step = [(Step.HUE, shift)]
        assert torch.equal(
            apply_steps(colors, program(step))[0], pillow(colors[0], step)
        )


def test_grayscale_weighs_channels(images):
    weights = (0.2126, 0.7152, 0.0722)
    found = apply_steps(images, program(*[[(Step.GRAYSCALE, *weights)]] * 5))
    gray = sum(
        w * c for w, c in zip(weights, images.double().unbind(1), strict=True)
    )
    same(found, gray.floor()[:, None].expand_as(found))


def test_what_is_gray_keeps_its_level_in_grayscale():
    levels = torch.arange(256).expand(1, 3, 1, 256)
    for weights in itertools.permutations((0.1, 0.2, 0.7)):
        step = program([(Step.GRAYSCALE, *weights)])
        assert torch.equal(apply_steps(levels, step), levels.float())


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
        same(result, pillow(image, own), blurred=blur in own)
        alone = apply_steps(image[None], program(own))
        torch.testing.assert_close(alone[0], result)
    assert torch.equal(images, before)


def test_bgr_is_mirrored(images):
    """In every step that tells colours apart, and no one is like another."""
    steps = [
        [(Step.HUE, 0.2), (Step.SATURATION, 1.5), (Step.CONTRAST, 0.4)]
    ] * IMAGES
    rgb = apply_steps(images, program(*steps))
    bgr = apply_steps(images.flip(1), program(*steps), bgr=True)
    assert torch.equal(bgr.flip(1), rgb)
    wrong = apply_steps(images, program(*steps), bgr=True)
    assert (wrong - rgb).abs().mean() > 10


def test_blur_continues_the_border():
    """Of a slope, which a reflection would turn around."""
    slope = (8 * torch.arange(32)).to(torch.uint8).expand(1, 3, 32, 32)
    step = [(Step.BLUR, 2.0)]
    found = apply_steps(slope, program(step))
    assert (found[0] - pillow(slope[0], step)).abs().max() <= 3


def test_boxes_spread_like_the_gaussian():
    """Flat, with less at both ends, and of a third of its variance."""
    sigma = torch.linspace(0.02, 4, 400, dtype=torch.float64)
    place = torch.arange(-9, 10)
    for box, s in zip(blur_box(sigma, 9), sigma, strict=True):
        assert float(box.sum()) == pytest.approx(1)
        assert float((box * place**2).sum()) == pytest.approx(float(s**2) / 3)
        inner, ends = box[box > box.max() * 0.999], box[box > 0]
        assert len(ends) - len(inner) in (0, 2)
        assert box.min() >= 0


def test_a_blur_does_not_depend_on_the_others(images):
    """Not on the largest of them, either, which sets the kernel's size."""
    for sigma in (0.05, 0.3, 0.81, 0.82, 1.4, 1.42, 2.0, 3.1, 6.0):
        step, wide = [(Step.BLUR, sigma)], [(Step.BLUR, 40.0)]
        alone = apply_steps(images[:1], program(step))
        beside = apply_steps(images[:2], program(step, wide))
        off = (alone[0] - beside[0]).abs()  # sums in another order
        assert off.max() <= 1
        assert off.mean() < 1e-3


def test_no_gradient_is_kept(images):
    images = images.float().requires_grad_()
    steps = program(*[[(Step.BRIGHTNESS, 0.5)]] * IMAGES)
    assert not apply_steps(images, steps).requires_grad


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
