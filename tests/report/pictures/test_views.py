"""Views of a pipeline, with what was drawn for them."""

import numpy as np
import pytest
from mmengine.config import Config

from mmdcl.configs import find_config
from mmdcl.errors import UserError
from mmdcl.report.images.datasets import build_dataset, training_dataset
from mmdcl.report.images.seeding import seed_of, seeded
from mmdcl.report.images.thumbnails import shown
from mmdcl.report.pictures.view_figure import draw_views
from mmdcl.report.pictures.views import gather_views, run_config
from tests.runs import loader, runner


@pytest.fixture
def demo():
    return Config.fromfile(find_config('dcl_resnet18_1xb128_digits'))


def test_they_are_those_that_are_trained_on(demo):
    viewed, total = gather_views(demo, images=3, seed=1)
    assert total == 1438
    dataset = build_dataset(training_dataset(demo), trusted=True)
    for each in viewed:
        index = int(each.file.removeprefix('number '))
        with seeded(seed_of(1, index)):
            packed = dataset.prepare_data(index)
        original = dataset.get_data_info(index)['img']
        assert np.array_equal(each.original, original)
        assert len(each.views) == 2
        for view, inputs in zip(each.views, packed['inputs'], strict=True):
            pixels = shown(inputs.permute(1, 2, 0).numpy())
            assert np.array_equal(view.image, pixels)
            names = [text.split()[0] for text in view.words]
            assert names[:2] == ['crop', 'aspect']
            assert {*names[2:]} >= {'brightness', 'contrast'}
            assert all(0 <= x <= 1 for x in view.box)


def test_views_of_two_sizes():
    """Two large and four small ones, each with a frame of its own."""
    kinds = [[dict(type='RandomResizedCrop', scale=x)] for x in (8, 4)]
    several = dict(type='MultiView', num_views=[2, 5], transforms=kinds)
    train = loader('train', [several, dict(type='PackInputs')])
    viewed, total = gather_views(Config(dict(train_dataloader=train)), 2)
    sizes = [[view.image.shape for view in x.views] for x in viewed]
    assert sizes == [[(8, 8, 3)] * 2 + [(4, 4, 3)] * 4] * 2
    [ax] = draw_views(viewed, 'crops', total).axes
    frames = {(x.get_edgecolor(), x.get_linestyle()) for x in ax.patches}
    assert len(frames) == 6


def test_a_pipeline_of_one_view_is_run_twice():
    flip = dict(type='RandomFlip', prob=0.5)
    train = loader('train', [flip, dict(type='PackInputs')])
    cfg = Config(dict(train_dataloader=train))
    viewed, _ = gather_views(cfg, images=30)
    words = [view.words for each in viewed for view in each.views]
    assert len(words) == 60
    assert 10 < words.count(['flip']) < 50
    assert any(a.words != b.words for a, b in (x.views for x in viewed))
    for each in viewed:
        for view in each.views:
            step = -1 if view.words else 1
            assert np.array_equal(view.image, each.original[:, ::step])


def test_each_view_and_its_crop_have_the_same_frame(demo):
    viewed, total = gather_views(demo, images=5)
    fig = draw_views(viewed, 'demo', total)
    [ax] = fig.axes
    assert fig.get_suptitle() == 'demo: views of 5 of 1,438 train images'
    looks = [
        (patch.get_edgecolor(), patch.get_linestyle()) for patch in ax.patches
    ]
    assert len(looks) == 5 * 2 * 2
    assert looks[0::4] == looks[1::4] == [looks[0]] * 5
    assert looks[2::4] == looks[3::4] == [looks[2]] * 5
    assert len({line for _, line in looks}) == 2
    said = [text.get_text() for text in ax.texts]
    assert sum('crop' in text for text in said) == 10
    assert said.count('original, 8 \N{MULTIPLICATION SIGN} 8') == 5


def test_the_config_of_a_run_is_data(tmp_path):
    runner(tmp_path / 'run').dump_config()
    viewed, _ = gather_views(
        run_config(tmp_path / 'run'), images=1, trusted=False
    )
    assert len(viewed[0].views) == 2
    with pytest.raises(UserError, match='holds no config'):
        run_config(tmp_path)
    (tmp_path / 'a.py').write_text('model = open("X", "w")')
    with pytest.raises(UserError, match=r'a\.py cannot be read as data'):
        run_config(tmp_path)
    assert not (tmp_path / 'X').exists()


def test_mistakes_have_a_sentence(demo):
    with pytest.raises(UserError, match='at least 1, got 0'):
        gather_views(demo, images=0)
    with pytest.raises(UserError, match='no `train_dataloader`'):
        gather_views(Config(dict(val_dataloader=loader('test', []))))
