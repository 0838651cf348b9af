import pytest
from huggingface_hub import constants

from mmdcl.hub.download import local_file
from tests.hub.server import running


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub in place of the real one, an empty cache, and no token.

    huggingface_hub reads the environment when it is imported, which is long
    ago here.
    """
    with running() as hub:
        where = '/{repo_id}/resolve/{revision}/{filename}'
        for name, value in dict(
            ENDPOINT=hub.url,
            HUGGINGFACE_CO_URL_TEMPLATE=hub.url + where,
            HF_HUB_CACHE=str(tmp_path / 'cache'),
            HF_TOKEN_PATH=str(tmp_path / 'token'),
            HF_HUB_DISABLE_XET=True,
            HF_HUB_OFFLINE=False,
        ).items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.delenv('HF_TOKEN', raising=False)
        for name, value in dict(  # of commands
            HF_ENDPOINT=hub.url,
            HF_HOME=str(tmp_path / 'home'),
            HF_HUB_DISABLE_XET='1',
            NO_PROXY='127.0.0.1',
        ).items():
            monkeypatch.setenv(name, value)
        local_file.cache_clear()
        yield hub
        local_file.cache_clear()
