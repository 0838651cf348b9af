"""docs/channels.md as a stranger types it, on images of five channels."""

import contextlib
import io
import json

import pytest
from mmengine.config import Config

import mmdcl.datasets  # noqa: F401 - upstream prints as it is imported
from tests.commands import drawn
from tests.commands.documented import ROOT, block, logged, typed

STATISTICS = 'import channel_statistics'
MINE = "config_path('dcl_resnet50_1xb64_multichannel')"
TRAIN = 'train bands.py --data-root FOLDER'
SMALL = ('transforms.0.0.scale=64', 'pipeline.1.scale=64', 'crop_size=64')
KNN = 'work_dirs/bands/epoch_200.pth --protocol knn --dataset folder'
STOCK = 'mmdcl train dcl_resnet50_1xb64_multichannel --data-root FOLDER'


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp('bands')
    drawn.multichannel(folder / 'FOLDER')
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(block(STATISTICS).replace('FOLDER', str(folder / 'FOLDER')))
    documented = block(MINE)
    begin = documented.index('data_preprocessor')
    own = documented[:begin] + printed.getvalue()
    folder.joinpath('bands.py').write_text(own)
    found = Config.fromstring(printed.getvalue(), '.py')
    as_documented = Config.fromstring(documented[begin:], '.py')
    assert found.model == as_documented.model
    assert found.data_preprocessor.mean[0] == pytest.approx(9000, abs=9)
    assert found.data_preprocessor.std[0] == pytest.approx(800, abs=9)
    return folder


def test_one_band_of_five_is_learned_and_evaluated(place):
    """Chance is 50."""
    page = ROOT.joinpath('docs/channels.md').read_text()
    sizes = [x for x in page.split() if x.rstrip('`.').endswith(SMALL)]
    assert len(sizes) == 3
    typed(
        TRAIN,
        place,
        '--cfg-options',
        *[x.rstrip('`.').replace('=64', '=32') for x in sizes],
        *['model.backbone.depth=18', 'model.backbone.base_channels=8'],
        *['model.backbone.stem_channels=8', 'model.neck.in_channels=64'],
        *['model.neck.hid_channels=64', 'optim_wrapper.optimizer.lr=0.1'],
        *['train_cfg.max_epochs=4', 'train_cfg.val_interval=4'],
        *['train_dataloader.batch_size=16', 'val_cfg.k=5'],
        *['train_dataloader.num_workers=0', 'val_dataloader.num_workers=0'],
        *['default_hooks.checkpoint.interval=4', 'randomness.seed=0'],
    )
    *_, last = logged(place / 'work_dirs/bands', 'accuracy/top1')
    assert last['accuracy/top1'] >= 90
    said = typed(
        KNN,
        place,
        *['--k', '5', '--cfg-options', 'test_dataloader.num_workers=0'],
        *['train_dataloader.num_workers=0'],
        instead={'epoch_200': 'epoch_4'},
    )
    assert 'images as in pretraining: by mmdcl.LoadMultichannelImage' in said
    row = json.loads((place / 'work_dirs/evaluate.jsonl').read_text())
    assert row['metrics']['k5/accuracy/top1'] >= 90


def test_other_channels_than_configured_are_a_sentence(place):
    said = typed(
        STOCK,
        place,
        *['--cfg-options', 'train_dataloader.num_workers=0'],
        *['train_dataloader.batch_size=16', 'val_cfg.k=5'],
        code=1,
    )
    [line] = [x for x in said.splitlines() if x.startswith('error: ')]
    assert 'train_dataloader gives images of 5 channels' in line
    assert 'model.backbone.in_channels is 13: set that to 5' in line
