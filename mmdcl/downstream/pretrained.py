"""Start downstream training or evaluation from a checked backbone."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.hooks import Hook

from ..arguments import require_flag, require_text
from ..checkpoints import load_backbone, read_checkpoint
from ..checkpoints.architecture import preprocessing_differences
from ..engine.model import model_of
from ..errors import UserFileNotFoundError
from ..hub.addresses import is_address
from ..hub.download import local_file
from ..registry import HOOKS


@HOOKS.register_module()
class PretrainedBackboneHook(Hook):
    """Load all of the backbone from a checkpoint, or stop.

    Upstream's ``init_cfg=dict(type='Pretrained', ...)`` loads what fits and
    goes on: a wrong prefix or depth trains from random weights and shows as
    low accuracy. This needs no prefix: bare, prefixed, wrapped, EMA and
    exported files are recognised, and a detector of type C4 has the last
    stage in its shared head. Other mean, std or order of channels than in
    pretraining is a warning. It loads before the first iteration of
    training, or before an evaluation on its own, unless training is resumed
    or the whole model is loaded by ``load_from``.

    Args:
        checkpoint: File, or ``hf://`` address, as for
            :func:`mmdcl.checkpoints.read_checkpoint`.
        backbone: Name of the module to load, such as ``'backbone'``.
        prefix: Where the file holds several backbones: which.
        trust: Read the file even if that may run code.
        fresh: Beginnings of names that the file need not have, such as
            ``norm0.`` of a Swin transformer in a detector.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A tensor is missing, unexpected or of another shape; the
            message lists them. Or the file is broken or not trusted.
    """

    priority = 'VERY_HIGH'

    def __init__(
        self,
        checkpoint: str,
        backbone: str = 'backbone',
        prefix: str | None = None,
        trust: bool = False,
        fresh: Sequence[str] = (),
    ) -> None:
        require_flag('trust', trust)
        require_text('backbone', backbone)
        require_text('prefix', prefix or '')
        if is_address(checkpoint):
            local_file(checkpoint)  # now, and not after the data
        elif not checkpoint or not Path(checkpoint).is_file():
            raise UserFileNotFoundError(
                f'no checkpoint {checkpoint or "is given"} for the backbone; '
                'set it by PretrainedBackboneHook(checkpoint=...)'
            )
        self.checkpoint = checkpoint
        self.backbone = backbone
        self.prefix = prefix
        self.trust = trust
        self.fresh = tuple(fresh)
        self._loaded = False

    def before_train(self, runner) -> None:
        self._load(runner)

    def before_val(self, runner) -> None:
        self._load(runner)

    def before_test(self, runner) -> None:
        self._load(runner)

    def _load(self, runner) -> None:
        if self._loaded:
            return
        if runner._has_loaded:
            self._loaded = True
            # That resumed training has other weights surprises nobody.
            level = logging.INFO if runner._resume else logging.WARNING
            runner.logger.log(
                level,
                f'{self.backbone}: weights are those of {runner._load_from}, '
                f'not of {self.checkpoint}',
            )
            return
        model = model_of(runner)
        checkpoint = read_checkpoint(self.checkpoint, self.trust)
        found = load_backbone(
            model, checkpoint, self.prefix, self.backbone, self.fresh
        )
        self._loaded = True
        preprocessor = getattr(model, 'data_preprocessor', None)
        for phrase in preprocessing_differences(
            checkpoint, preprocessor, _dataset(runner)
        ):
            runner.logger.warning(f'the backbone was pretrained with {phrase}')
        runner.logger.info(
            f'{self.backbone}: all {len(found.tensors)} tensors come from '
            f'{self.checkpoint} (prefix {found.prefix!r})'
            + (f'; fresh: {", ".join(self.fresh)}' if self.fresh else '')
        )


def _dataset(runner) -> object:
    """Config of the images that are trained on, or tested."""
    for name in ('train_dataloader', 'test_dataloader', 'val_dataloader'):
        loader = runner.cfg.get(name)
        if isinstance(loader, Mapping):
            return loader.get('dataset')
    return None
