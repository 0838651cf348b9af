import pytest
import torch
from mmengine.config import Config

from mmdcl.downstream.probing import check_image


def test_images_of_other_channels_than_in_pretraining():
    backbone = dict(type='ResNet', depth=18, in_channels=5)
    cfg = Config(dict(model=dict(backbone=backbone)))
    with pytest.raises(
        ValueError, match=r'x gives images of 3 channels, but ResNet .* on 5;'
    ):
        check_image('x', torch.zeros(3, 8, 8), cfg)
    check_image('x', torch.zeros(5, 8, 8), cfg)
