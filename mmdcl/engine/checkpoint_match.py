"""Refuse a checkpoint whose backbone is not the model's."""

from mmengine.hooks import Hook

from ..registry import HOOKS
from .model import model_of


@HOOKS.register_module()
class CheckpointMatchHook(Hook):
    """Stop unless every backbone tensor comes from the loaded checkpoint.

    Upstream loads what fits and warns of the rest, so that a checkpoint of
    another architecture evaluates at the level of random weights. Necks and
    heads may differ, unless training is resumed.

    Raises:
        ValueError: With the number of tensors that do not match and examples.
    """

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        model = model_of(runner)
        theirs = checkpoint.get('state_dict', checkpoint)
        theirs = {k.removeprefix('module.'): v for k, v in theirs.items()}
        resuming = runner._resume
        if resuming and 'optimizer' not in checkpoint:
            runner.logger.warning(
                'the checkpoint holds no optimizer (save_optimizer=False): '
                'training goes on with fresh optimizer state'
            )
        wanted = {
            name: tuple(tensor.shape)
            for name, tensor in model.state_dict().items()
            if (resuming or name.startswith('backbone.'))
            and not name.endswith('num_batches_tracked')
        }
        wrong = [
            f'{name} is {shape} in the model and '
            + (str(tuple(theirs[name].shape)) if name in theirs else 'absent')
            + ' in the checkpoint'
            for name, shape in wanted.items()
            if name not in theirs or tuple(theirs[name].shape) != shape
        ]
        if wrong:
            raise ValueError(
                'the checkpoint is of another architecture: '
                f'{len(wrong)} of {len(wanted)} tensors do not match, e.g. '
                f'{"; ".join(wrong[:3])}. Use the config it was trained with '
                '(beside it in its work_dir)'
            )
