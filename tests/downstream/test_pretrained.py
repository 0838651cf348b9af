import pytest
import torch

from tests.runs import BACKBONE, SIMCLR, VIEWS, loader, runner


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('pretrained')
    once = dict(loader('train', VIEWS), num_batch_per_epoch=1)
    runner(work_dir, train_dataloader=once).train()
    return str(work_dir / 'epoch_1.pth')


def hook(checkpoint):
    return [dict(type='mmdcl.PretrainedBackboneHook', checkpoint=checkpoint)]


def test_all_of_the_backbone_is_loaded_before_evaluation(
    checkpoint, tmp_path, capfd
):
    run = runner(tmp_path, custom_hooks=hook(checkpoint), log_level='INFO')
    run.val()
    theirs = torch.load(checkpoint, weights_only=False)['state_dict']
    for name, tensor in run.model.backbone.state_dict().items():
        assert torch.equal(tensor, theirs[f'backbone.{name}'])
    assert "(prefix 'backbone.')" in ''.join(capfd.readouterr())


def test_other_preprocessing_is_a_warning(checkpoint, tmp_path, capfd):
    norm = dict(type='SelfSupDataPreprocessor', mean=[1] * 3, std=[2] * 3)
    model = dict(SIMCLR, data_preprocessor=dict(norm, to_rgb=True))
    once = dict(loader('train', VIEWS), num_batch_per_epoch=1)
    runner(tmp_path, model=model, train_dataloader=once).train()
    capfd.readouterr()
    pretrained = hook(str(tmp_path / 'epoch_1.pth'))
    runner(tmp_path, model=model, custom_hooks=pretrained).val()
    assert 'was pretrained with' not in ''.join(capfd.readouterr())
    model = dict(SIMCLR, data_preprocessor=dict(norm, mean=[1, 1, 3]))
    runner(tmp_path, model=model, custom_hooks=pretrained).val()
    text = ''.join(capfd.readouterr())
    assert 'with mean [1.0, 1.0, 1.0], here [1.0, 1.0, 3.0]' in text
    assert 'with channels turned around, here as the' in text


def test_another_architecture_is_refused_before_training(checkpoint, tmp_path):
    wider = dict(SIMCLR, backbone=dict(BACKBONE, base_channels=8))
    run = runner(tmp_path, model=wider, custom_hooks=hook(checkpoint))
    with pytest.raises(ValueError, match='of another shape'):
        run.train()
    assert not list(tmp_path.glob('*.pth'))


def test_a_resumed_training_keeps_its_own_weights(checkpoint, tmp_path):
    once = dict(loader('train', VIEWS), num_batch_per_epoch=1)
    setting = dict(train_dataloader=once, custom_hooks=hook(checkpoint))
    runner(tmp_path, **setting).train()
    run = runner(tmp_path, resume=True, **setting)
    run.train()
    saved = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)
    found = run.model.state_dict()
    assert all(
        torch.equal(found[k], x) for k, x in saved['state_dict'].items()
    )


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no checkpoint /gone\.pth'):
        runner(tmp_path, custom_hooks=hook('/gone.pth'))
