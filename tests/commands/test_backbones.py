"""Other backbones than a ResNet, as their page has them."""

import pytest
import torch

from tests.commands.documented import (
    ROOT,
    block,
    command_with,
    split,
    typed,
)

SMALL = ['model.backbone.embed_dim=24', 'model.backbone.depth=2']
SMALL += ['model.backbone.num_heads=2', 'model.neck.in_channels=24']
SMALL += ['train_dataloader.batch_size=20', 'val_cfg.k=2']
SMALL += ['train_cfg.max_epochs=8', 'default_hooks.checkpoint.interval=8']
SIZES = ['train_cfg.max_epochs=1', 'test_dataloader.num_workers=0']
SIZES += ['train_dataloader.num_workers=0']
SIZES += ['train_dataloader.persistent_workers=False']


def test_a_network_of_timm_is_pretrained_evaluated_and_exported(place):
    timm = pytest.importorskip('timm')
    part = "model_name='vit_tiny_patch16_224'"
    place.joinpath('vit.py').write_text(block(part))
    said = typed('mmdcl train vit.py', place, '--cfg-options', *SMALL)
    assert 'TIMMBackbone' in said
    checkpoint = 'work_dirs/vit/epoch_8.pth'
    before = torch.load(place / checkpoint, weights_only=False)['state_dict']
    said = typed(
        'mmdcl evaluate $V --protocol linear',
        place,
        *['--data-root', 'data/cifar10', '--cfg-options', *SIZES],
        instead={'$V': checkpoint},
    )
    assert 'accuracy/top1' in said
    (linear,) = place.glob('work_dirs/linear_cifar10/vit_epoch_8_s0/*_1.pth')
    after = torch.load(linear, weights_only=False)['state_dict']
    backbone = [x for x in before if x.startswith('backbone.')]
    assert all(torch.equal(before[x], after[x]) for x in backbone)
    assert after['head.fc.weight'].shape == (10, 24)
    said = typed('vit.pth --style timm', place, instead={'$V': checkpoint})
    made = said.partition('timm.create_model')[2].strip()
    network = eval(f'timm.create_model{made}', dict(timm=timm))
    network.load_state_dict(torch.load(place / 'vit.pth'))


def test_the_other_commands_of_the_page_name_configs():
    """Trained in tests of configs and models; here they are found."""
    for part in ('mmdcl train dcl_vit-tiny', 'dcl_vit-small-p16_8xb64 --gpus'):
        words, _ = split(command_with(part))
        assert ROOT.joinpath('configs', f'{words[2]}.py').is_file()
