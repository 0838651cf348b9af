import pytest
import torch
from safetensors.torch import save

from mmdcl.checkpoints import read_checkpoint
from mmdcl.errors import UserError
from mmdcl.hub.addresses import Address
from mmdcl.hub.push import files_to_push, push
from tests.hub.server import TOKEN

WEIGHTS = save({'w': torch.arange(3000.0)})
NET = Address('me/net')


@pytest.fixture
def folder(tmp_path):
    """As ``mmdcl export --style timm-hub`` writes one."""
    place = tmp_path / 'folder'
    place.mkdir()
    place.joinpath('README.md').write_text('# A network\n')
    place.joinpath('config.json').write_text('{}')
    place.joinpath('model.safetensors').write_bytes(WEIGHTS)
    return place


def test_pushed_and_loaded_it_is_the_same(hub, folder, monkeypatch):
    (folder / '.env').write_text('SECRET=1')
    (folder / 'more').mkdir()
    (folder / 'more/picture.png').write_bytes(b'png')
    monkeypatch.setenv('HF_TOKEN', TOKEN)
    files = files_to_push(folder)
    assert [*files] == [
        'README.md',
        'config.json',
        'model.safetensors',
        'more/picture.png',
    ]
    pushed = push(NET, files)
    assert pushed.page == f'{hub.url}/me/net'
    assert not pushed.private
    repo = hub.repos['me/net']
    assert repo.commits[pushed.commit] == {
        name: path.read_bytes() for name, path in files.items()
    }
    found = read_checkpoint('hf://me/net')['state_dict']['w']
    assert torch.equal(found, torch.arange(3000.0))

    (folder / 'README.md').write_text('# Better\n')
    branch = push(NET._replace(revision='dev'), files_to_push(folder))
    assert repo.branches == {'main': pushed.commit, 'dev': branch.commit}


def test_private_stays_private(hub, folder, monkeypatch):
    files = files_to_push(folder)
    monkeypatch.setenv('HF_TOKEN', TOKEN)
    assert push(Address('me/mine'), files, private=True).private
    assert hub.repos['me/mine'].private
    assert push(Address('me/mine'), files).private
    before = hub.add('me/net', {})
    with pytest.raises(UserError, match='--private, but it is there and pub'):
        push(NET, files, private=True)
    assert hub.repos['me/net'].branches['main'] == before


def test_who_may_push(hub, folder, monkeypatch):
    files = files_to_push(folder)
    with pytest.raises(UserError, match='no token of one: log in by'):
        push(NET, files)
    assert not any(kind == 'POST' for kind, _ in hub.asked)
    monkeypatch.setenv('HF_TOKEN', 'hf_secret')
    with pytest.raises(UserError, match='refuses the token') as caught:
        push(NET, files)
    assert 'hf_secret' not in str(caught.value)


@pytest.mark.parametrize(
    ('name', 'content', 'why'),
    [
        ('README.md', None, 'has no README.md: it needs'),
        ('config.json', None, 'has no config.json: it needs'),
        ('config.json', b'{', 'config.json is no JSON'),
        ('model.safetensors', WEIGHTS[:-1], 'is cut short or no .safetens'),
        ('model.safetensors', save({}), 'holds no tensors'),
        ('x/old.PTH', b'', r'has x/old.PTH: a pickle may run code'),
    ],
)
def test_what_is_not_pushed(folder, name, content, why):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UserError, match=why):
        files_to_push(folder)


def test_pickles_that_are_asked_for(folder):
    (folder / 'old.pth').touch()
    assert 'old.pth' in files_to_push(folder, allow_pickle=True)
    with pytest.raises(UserError, match=r'no folder .*timm-hub` makes one'):
        files_to_push(folder / 'none')
