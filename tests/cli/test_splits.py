import pytest
from mmengine.config import Config

from mmdcl.cli.splits import find_splits
from mmdcl.configs import config_path


@pytest.mark.parametrize('name', ['linear_imagenet', 'few-labels_folder'])
def test_the_folder_to_test_on(name, tmp_path, capsys):
    cfg = Config.fromfile(config_path(f'benchmarks/{name}'))
    tmp_path.joinpath('cat').mkdir()
    with pytest.raises(ValueError, match=r'to test on; there is cat\. Move'):
        find_splits(cfg, str(tmp_path))
    tmp_path.joinpath('train').mkdir()
    with pytest.raises(ValueError, match='there is cat, train'):
        find_splits(cfg, str(tmp_path))
    tmp_path.joinpath('test').mkdir()
    before = cfg.train_dataloader.to_dict()
    find_splits(cfg, str(tmp_path))
    assert cfg.test_dataloader.dataset.data_prefix == 'test'
    assert cfg.train_dataloader.to_dict() == before
    assert 'as there is no' in capsys.readouterr().out
    tmp_path.joinpath('val').mkdir()
    cfg = Config.fromfile(config_path(f'benchmarks/{name}'))
    before = cfg.to_dict()
    find_splits(cfg, str(tmp_path))
    assert cfg.to_dict() == before
