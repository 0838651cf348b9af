"""Anyone's images: a folder of any depth, a list or a table."""

import logging
from functools import cache
from os.path import expanduser, join

from mmengine.logging import print_log
from mmpretrain.datasets.base_dataset import BaseDataset

from ..arguments import require_flag, require_number, require_one_of
from ..errors import UserValueError
from ..registry import DATASETS
from .collection import WITHOUT_KNN, collect
from .found import EXTENSIONS


@cache
def _say_once(text: str, level: int) -> None:
    """Validation and the bank read what training has read."""
    print_log(text, 'current', level)


@DATASETS.register_module()
class Images(BaseDataset):
    """Images of anyone's: a folder of any depth, a list or a table.

    A folder gives all images below it. If it has ``train`` and ``val``
    folders, these are the splits. Where all images lie in sub folders of one
    level, at least two of them, these are classes. A list (``.txt``) has a
    path a line, and a label after white space if there are labels; a table
    (``.csv``, ``.tsv``) has columns of paths and of labels, and of splits
    if it has them, whose names are in its first row.

    Labels serve kNN, which training validates by. Where there are labels and
    no ``val`` folder, a share of each class is held out for the queries, by
    a hash of the path, so that a new image moves no other one; it is not
    trained on.

    Args:
        data_root: The folder, the list or the table.
        split: ``'train'`` to train on, which is the kNN bank as well;
            ``'val'`` for the queries; ``'all'`` for both.
        with_label: ``True`` demands labels: the folders in ``data_root`` are
            classes, whatever is in them. ``False`` denies them. Default:
            labels are used where there are any.
        img_root: What paths in a list or table are relative to. Default: its
            folder.
        path_column: Column of paths in a table. Default: the one that is
            called path, file, image or filename.
        label_column: Column of labels in a table. Default: the one that is
            called label, class or category, if there is one.
        keep_unlabelled: Lines without a label, or with -1, are images
            without one, whose ``gt_label`` is -1, as :class:`mmdcl.SupCon`
            takes it. Default: a list or table of such and others is refused.
        held_out: Share of each class that is held out, in [0, 1). It is
            halved until it is not more than 5,000 images.
        extensions: Of images in folders.
        **kwargs: As in upstream's ``BaseDataset``.

    Raises:
        FileNotFoundError: There is no such folder or list, no image in it,
            or not all that it names.
        ValueError: A list or table cannot be understood, labels are
            incomplete, of one class only, or not there but needed.
    """

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        with_label: bool | None = None,
        img_root: str | None = None,
        path_column: str | None = None,
        label_column: str | None = None,
        keep_unlabelled: bool = False,
        held_out: float = 0.1,
        extensions: tuple[str, ...] = EXTENSIONS,
        **kwargs,
    ) -> None:
        require_one_of('split', split, ('train', 'val', 'all'))
        if with_label is not None:
            require_flag('with_label', with_label)
        require_flag('keep_unlabelled', keep_unlabelled)
        require_number('held_out', held_out, least=0)
        if held_out >= 1:
            raise UserValueError(
                f'`held_out` is a share of the images below 1, got {held_out}'
            )
        self.split = split
        self.with_label = with_label
        self._where = dict(
            with_label=with_label,
            img_root=img_root,
            path_column=path_column,
            label_column=label_column,
            keep_unlabelled=keep_unlabelled,
            held_out=held_out,
            extensions=tuple(extensions),
        )
        super().__init__(
            ann_file='', data_root=expanduser(data_root), **kwargs
        )

    def load_data_list(self) -> list[dict]:
        found = collect(self.data_root, classes=self.CLASSES, **self._where)
        self.with_label = found.classes is not None
        self.image_folders = found.folders
        if found.classes is not None:
            self._metainfo['classes'] = found.classes
            self.folder_to_idx = {x: i for i, x in enumerate(found.classes)}
        if self.split == 'val' and not found.val:
            raise UserValueError(
                f'{self.data_root} has no images to validate on: '
                f'{found.without_val}. Train with --no-validate'
            )
        if found.passed_over:
            _say_once(found.passed_over, logging.WARNING)
        _say_once(found.sentence(), logging.INFO)
        if not found.val:
            _say_once(WITHOUT_KNN, logging.INFO)
        chosen = dict(train=found.train, val=found.val)
        return [
            dict(img_path=join(root, path))
            if label is None
            else dict(img_path=join(root, path), gt_label=label)
            for split, images in chosen.items()
            if self.split in (split, 'all')
            for root, path, label in images
        ]
