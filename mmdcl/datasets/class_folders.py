"""Which names are those of splits, and which of classes."""

import os
from os.path import join

from ..errors import UserValueError, few

# In small letters, as `Train` is meant, too.
_TRAIN = ('train', 'training')
_VAL = ('val', 'valid', 'validation')
_OTHERS = ('test', 'testing', 'unlabeled', 'unlabelled')


def split_folders(root: str) -> tuple[str, str]:
    """Names of the folders to train and to validate on; empty if none.

    A folder ``train`` beside others than those of splits is one of them: a
    class of vehicles, say.
    """
    with os.scandir(root) as entries:
        names = {
            x.name.lower(): x.name
            for x in entries
            if x.is_dir() and x.name[0] != '.'
        }
    train = next((names[x] for x in _TRAIN if x in names), '')
    val = next((names[x] for x in _VAL if x in names), '')
    if train and (val or names.keys() <= {train.lower(), *_OTHERS}):
        return train, val
    return '', ''


def splits_of(names: list[str], place: str) -> list[str]:
    """What each image is for: ``'train'``, ``'val'`` or neither, ``''``.

    Args:
        names: As a table has them, in small letters. Where none is that of
            a split, all images are to train on.
        place: For messages.

    Raises:
        ValueError: Some are splits and others not, or none to train on.
    """
    others = set(names) - {*_TRAIN, *_VAL, *_OTHERS}
    if others == set(names):
        return ['train'] * len(names)
    if others:
        raise UserValueError(
            f'{place} has other splits than train, val and test: '
            f'{few({x or "an empty cell" for x in others})}; complete or '
            'rename the column'
        )
    if not set(names) & set(_TRAIN):
        raise UserValueError(
            f'{place} has no image to train on: its splits are '
            f'{few(set(names))}; call one train, or rename the column'
        )
    kinds = {**dict.fromkeys(_TRAIN, 'train'), **dict.fromkeys(_VAL, 'val')}
    return [kinds.get(name, '') for name in names]


def class_folders(
    paths: list[str], with_label: bool | None, root: str
) -> tuple[list[str] | None, str]:
    """The class of each image, by its folder.

    Args:
        paths: Below ``root``.
        with_label: As of :class:`mmdcl.Images`.
        root: For messages.

    Returns:
        Names of classes, or ``None`` and why there are none.

    Raises:
        ValueError: Labels are demanded, and not there.
    """
    if with_label is False:
        return None, 'no labels are wanted (`with_label=False`)'
    beside = [path for path in paths if '/' not in path]
    deeper = [path for path in paths if path.count('/') > 1]
    names = [path.partition('/')[0] for path in paths]
    one = len(set(names)) < 2
    why = ''
    if len(beside) == len(paths):
        why = f'there are no folders of classes in {root}'
    elif beside:
        why = (
            f'{len(beside):,} of {len(paths):,} images in {root} lie in no '
            f'folder of a class ({few(beside)}), so that its folders are '
            'taken for no classes'
        )
    elif one:
        why = f'all are in {join(root, names[0])}, which would be one class'
    elif deeper and not with_label:
        why = (
            f'{len(deeper):,} of {len(paths):,} images in {root} lie deeper '
            f'than in a folder of a class ({few(deeper)}), so that its '
            'folders are taken for no classes (`with_label=True` takes the '
            'first level)'
        )
    if why and with_label:
        raise UserValueError(
            f'`with_label` of the dataset asks for labels, but {why}; '
            f'expected are {root}/<class>/<image>, of two classes or more'
        )
    return (None, why) if why else (names, '')
