"""Refuse a checkpoint whose backbone is not the model's."""

from mmengine.hooks import Hook

from ..checkpoints import differences
from ..errors import UserValueError
from ..registry import HOOKS
from .model import model_of


@HOOKS.register_module()
class CheckpointMatchHook(Hook):
    """Stop unless every backbone tensor comes from the loaded checkpoint.

    Upstream loads what fits and warns of the rest, so that a checkpoint of
    another architecture evaluates at the level of random weights. Necks and
    heads may differ, unless training is resumed.

    Raises:
        ValueError: With the names of tensors that are not the same in both.
    """

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        # As mmengine is about to load them: by these very names.
        theirs = checkpoint.get('state_dict', checkpoint)
        theirs = {k.removeprefix('module.'): v for k, v in theirs.items()}
        resuming = runner._resume
        if resuming and 'optimizer' not in checkpoint:
            runner.logger.warning(
                'the checkpoint holds no optimizer (save_optimizer=False): '
                'training goes on with fresh optimizer state'
            )
        wanted = {
            name: tensor
            for name, tensor in model_of(runner).state_dict().items()
            if resuming or name.startswith('backbone.')
        }
        if wrong := differences(theirs, wanted):
            bare = {f'backbone.{name}': x for name, x in theirs.items()}
            if not resuming and not differences(bare, wanted):
                raise UserValueError(
                    'the checkpoint is a backbone alone, and load_from takes '
                    'whole models. In its place, set init_cfg=dict('
                    "type='Pretrained', checkpoint=...) of model.backbone, or "
                    'use mmdcl.PretrainedBackboneHook'
                )
            what = 'model' if resuming else 'backbone'
            raise UserValueError(
                f'not all of the {len(wanted)} tensors of the {what} come '
                'from the checkpoint, so it is of another architecture. Use '
                'the config it was trained with (beside it in its '
                f'work_dir).{wrong}'
            )
