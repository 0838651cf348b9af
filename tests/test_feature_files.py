import numpy as np
import pytest
from safetensors import safe_open

from mmdcl.feature_files import SavedFeatures, load_features, save_features

FEATURES = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.mark.parametrize('suffix', ['.safetensors', '.npz'])
@pytest.mark.parametrize('labelled', [True, False])
def test_what_was_written_is_read(suffix, labelled, tmp_path):
    """Names of any characters, in their order."""
    names = ['b/ä 1.png', 'a/2.png', 'a/"3".png']
    saved = SavedFeatures(names, FEATURES, about={'layer': 'layer4'})
    if labelled:
        labels = np.array([1, 0, 0])
        saved = saved._replace(labels=labels, classes=['a', 'b'])
    path = tmp_path / f'new/f{suffix}'
    save_features(saved, path)
    found = load_features(path)
    assert (found.names, found.classes) == (names, saved.classes)
    assert np.array_equal(found.features, FEATURES)
    assert found.features.dtype == np.float32
    assert labelled == (found.labels is not None)
    assert found.about == {'layer': 'layer4'}
    assert [x.name for x in path.parent.iterdir()] == [path.name]


def test_others_read_it_too(tmp_path):
    path = tmp_path / 'f.safetensors'
    save_features(SavedFeatures(['a', 'b', 'c'], FEATURES), path)
    with safe_open(path, 'numpy') as file:
        assert np.array_equal(file.get_tensor('features'), FEATURES)
        assert file.metadata() == {'names': '["a", "b", "c"]'}


def test_what_stops_it(tmp_path):
    with pytest.raises(ValueError, match=r'f\.pt: features are kept in'):
        save_features(SavedFeatures([], FEATURES), tmp_path / 'f.pt')
    with pytest.raises(FileNotFoundError, match='there is no file'):
        load_features(tmp_path / 'f.npz')
    for suffix in ('.npz', '.safetensors'):
        path = tmp_path / f'cut{suffix}'
        path.write_bytes(b'cut')
        with pytest.raises(ValueError, match='is no file of features'):
            load_features(path)
