import pytest

from mmdcl.errors import UserValueError
from mmdcl.hub.addresses import Address, is_address, parse, repository


@pytest.mark.parametrize(
    ('text', 'address', 'folder'),
    [
        ('hf://me/net', Address('me/net'), 'me_net'),
        ('hf://me/net@v1.0', Address('me/net', None, 'v1.0'), 'me_net_v1.0'),
        ('hf://me/a.b/x/y.pth', Address('me/a.b', 'x/y.pth'), 'me_a.b_x-y'),
        (
            'hf://me/net/y.pth@refs/pr/1',
            Address('me/net', 'y.pth', 'refs/pr/1'),
            'me_net_y_refs-pr-1',
        ),
        (
            'hf://me/net@refs/pr/1/x/y.pth',
            Address('me/net', 'x/y.pth', 'refs/pr/1'),
            'me_net_x-y_refs-pr-1',
        ),
        ('hf://me/net@dev/y.pth', Address('me/net', 'y.pth', 'dev'), None),
    ],
)
def test_an_address_is_taken_apart_and_put_together(text, address, folder):
    assert is_address(text)
    assert parse(text) == address
    assert parse(str(address)) == address
    assert folder is None or address.folder == folder


@pytest.mark.parametrize(
    ('text', 'why'),
    [
        ('hf://net', 'a user and a repository'),
        ('hf://me/', "'me/' is no USER/REPO"),
        ('hf://me/a--b', "'me/a--b' is no USER/REPO"),
        ('hf://../net', "'../net' is no USER/REPO"),
        ('hf://me/net.git', "'me/net.git' is no USER/REPO"),
        (f'hf://me/{"n" * 99}', 'is no USER/REPO'),
        ('hf://me/net/../../etc/passwd', 'no path of a file'),
        ('hf://me/net/', "'' is no path of a file"),
        ('hf://me/net@a/x@b', 'two revisions'),
    ],
)
def test_what_is_no_name_on_a_hub(text, why):
    with pytest.raises(UserValueError, match='no name on a hub') as caught:
        parse(text)
    assert why in str(caught.value)


def test_a_repository_alone():
    assert repository('me/net', 'dev') == Address('me/net', None, 'dev')
    assert repository('hf://me/net') == Address('me/net')
    with pytest.raises(UserValueError, match='give USER/REPO alone'):
        repository('me/net/model.safetensors')
    for branch in ('refs/pr/1', 'v1.0'):
        address = repository('me/net', branch)
        assert parse(str(address)) == address
    for branch in ('a/b', 'a b', '../c', '-x', 'a..b'):
        with pytest.raises(UserValueError, match='is no branch that'):
            repository('me/net', branch)
    assert not is_address('https://me/net')
