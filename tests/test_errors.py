"""What users should read: one sentence, whoever raised it again."""

import builtins
import errno
import os
import pickle
import re

import pytest
import torch
from mmengine.registry import Registry
from torch.utils.data import DataLoader

from mmdcl import errors
from mmdcl.arguments import (
    require_flag,
    require_number,
    require_one_of,
    require_text,
    several,
)
from mmdcl.cli.ending import ends_in_a_sentence
from mmdcl.errors import UserError
from mmdcl.registry import MODELS
from tests.runs import SIMCLR

KINDS = [
    kind
    for name, kind in vars(errors).items()
    if name.startswith('User') and kind is not UserError
]
SENTENCE = 'that is wrong: got "a: b"\n  what to do'


class Images(list):
    """A dataset of one image, that raises what it is told."""

    def __getitem__(self, index):
        try:
            raise KeyError('inner')
        except KeyError as error:
            raise super().__getitem__(index) from error


def test_there_are_kinds():
    assert len(KINDS) > 5


@pytest.mark.parametrize('kind', KINDS)
def test_a_kind_is_what_its_name_says_and_a_sentence(kind):
    builtin = getattr(builtins, kind.__name__.removeprefix('User'))
    assert issubclass(kind, builtin)
    error = pickle.loads(pickle.dumps(kind(SENTENCE)))
    assert type(error) is kind
    assert str(error) == error.sentence == SENTENCE


@pytest.mark.parametrize('kind', KINDS)
def test_a_worker_hands_on_the_sentence(kind):
    loader = DataLoader(Images([kind(SENTENCE)]), num_workers=1)
    with pytest.raises(kind, match='Traceback') as caught:
        next(iter(loader))
    assert caught.value.sentence == SENTENCE


@pytest.mark.parametrize('kind', KINDS)
def test_a_registry_hands_on_the_sentence(kind):
    """That of mmengine, and those that put the class before the text."""
    registry = Registry('things')

    @registry.register_module()
    def thing():
        raise kind(SENTENCE)

    with pytest.raises(kind) as caught:
        registry.build(dict(type='thing'))
    assert caught.value.sentence.endswith(SENTENCE)
    again = type(caught.value)(f'class `Thing` in a/b.py: {caught.value}')
    assert again.sentence == f'class `Thing` in a/b.py: {SENTENCE}'


def ending(error):
    """What a command that meets this error ends with."""
    try:
        with ends_in_a_sentence():
            raise error
    except BaseException as end:
        return end


@pytest.mark.parametrize('kind', KINDS)
def test_commands_end_in_the_sentence(kind, monkeypatch):
    end = ending(kind(SENTENCE))
    assert isinstance(end, SystemExit)
    assert end.code == f'error: {SENTENCE}'
    monkeypatch.setenv('MMDCL_TRACEBACK', '1')
    error = kind(SENTENCE)
    assert ending(error) is error


@pytest.mark.parametrize(
    ('number', 'sentence'),
    [
        (errno.ENOSPC, 'error: cannot write a.json: No space left on device'),
        (errno.EROFS, 'error: cannot write a.json: Read-only file system'),
        (errno.EACCES, 'error: cannot open a.json: Permission denied'),
        (errno.ELOOP, r'error: cannot open a.json: .*lead in circles'),
    ],
)
def test_what_the_system_refuses_is_a_sentence(number, sentence):
    end = ending(OSError(number, os.strerror(number), 'a.json'))
    assert isinstance(end, SystemExit)
    assert re.fullmatch(sentence, end.code)


@pytest.mark.parametrize(
    'error',
    [
        ValueError('of torch'),
        KeyError('a'),
        FileNotFoundError(errno.ENOENT, 'No such file', 'a'),
        RuntimeError('CUDA out of memory'),
    ],
)
def test_mistakes_of_programs_keep_their_traceback(error):
    assert ending(error) is error


def test_a_neck_that_gives_no_vectors():
    model = MODELS.build(SIMCLR)
    model.neck = torch.nn.Identity()
    with pytest.raises(UserError, match=r'\(B, D\) .* got \(4, 32, 1, 1\)'):
        model.loss([torch.rand(2, 3, 16, 16)] * 2, None)


def test_what_our_classes_refuse_is_for_users():
    for refuse in (
        lambda: require_number('x', torch.ones(2)),
        lambda: require_number('x', -1, above=0),
        lambda: require_flag('x', 'False'),
        lambda: require_text('x', 3),
        lambda: require_one_of('x', 'c', ('a', 'b')),
        lambda: several('x', []),
    ):
        with pytest.raises(UserError, match='`x` must be'):
            refuse()


def test_of_many_names_a_message_has_five():
    assert errors.few({'b', 'a'}) == 'a, b'
    assert errors.few([*'gfedcba']) == 'g, f, e, d, c and 2 more'
    assert errors.few(('b', 'a'), 1) == 'b and 1 more'
    assert errors.few([]) == ''
