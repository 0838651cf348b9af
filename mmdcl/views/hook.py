"""Flips, colours and blur on the device that trains."""

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.hooks import Hook

from ..errors import UserTypeError
from ..registry import HOOKS, TRANSFORMS
from .operators import apply_steps


def leaves(dataset: Any) -> Iterator[Any]:
    """Datasets with a pipeline, inside of whatever wraps them."""
    inner = getattr(dataset, 'datasets', None)
    if inner is None and hasattr(dataset, 'pipeline'):
        yield dataset
        return
    if inner is None and not hasattr(dataset, 'dataset'):
        raise UserTypeError(
            'mmdcl.DeviceViewsHook needs datasets with a `pipeline`, got '
            f'{type(dataset).__name__}; remove the hook'
        )
    for wrapped in inner or [dataset.dataset]:
        yield from leaves(wrapped)


def restart(loop: Any, loader: Any) -> None:
    """Loops over iterations may have started their workers already."""
    if getattr(loop, 'dataloader_iterator', None) is None:
        return
    kind = type(loop.dataloader_iterator)
    loop.dataloader_iterator = loader._iterator = None
    if hasattr(loader.sampler, '_indices_of_rank'):
        # InfiniteSampler's only generator ends with those who drew from it.
        loader.sampler.indices = loader.sampler._indices_of_rank()
    loop.dataloader_iterator = kind(loader)


@HOOKS.register_module()
class DeviceViewsHook(Hook):
    """Workers decode and crop; the device does the rest, a batch at a time.

    One line switches it on, beside any pipeline with upstream's
    ``MultiView`` (SimCLR, NNCLR, MoCo, BYOL, ...)::

        default_hooks = dict(views=dict(type='mmdcl.DeviceViewsHook'))

    From each view the longest tail of ``RandomFlip``, ``ColorJitter``,
    ``RandomGrayscale``, ``GaussianBlur``, ``Solarize`` and ``RandomApply``
    moves to the device; whatever is before stays in the workers, and a line
    in the log says what is where. Each image keeps its own parameters, drawn
    by upstream's transforms in the workers: distributions and, in loops over
    epochs, seeds are those of the pipeline without this hook. So are pixels,
    rounded after each transform as Pillow rounds: the mean of a view differs
    from upstream's by less than 0.1 of 255 levels, a pixel by about 0.1 in
    the mean (resizing and blur round less often here).

    Raises:
        TypeError: There is no pipeline or no ``MultiView`` in it, or images
            are not of three channels of uint8.
    """

    # After the timer has seen how long the data took.
    priority = 'LOW'

    def before_train(self, runner) -> None:
        loader = runner.train_dataloader
        datasets = list(leaves(loader.dataset))
        for dataset in datasets:
            if hasattr(dataset.pipeline, 'transforms'):  # not split before
                self._split(runner, dataset)
        longest = max(dataset.pipeline.length for dataset in datasets)
        for dataset in datasets:  # whose images share batches
            dataset.pipeline.length = longest
        restart(runner.train_loop, loader)

    def _split(self, runner, dataset: Any) -> None:
        transforms = dataset.pipeline.transforms
        views = TRANSFORMS.build(
            dict(type='mmdcl.SplitViews', transforms=transforms)
        )
        dataset.pipeline = views
        for here, there in views.parts():
            runner.logger.info(
                f'views: {here} in the workers; {there} on {get_device()}'
            )
            if there == 'nothing':
                runner.logger.warning(
                    'mmdcl.DeviceViewsHook has nothing to do for a view: it '
                    'knows none of the last transforms'
                )

    def before_train_iter(
        self, runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        steps = (data_batch or {}).pop('view_steps', None)
        if steps is None:
            return
        if not isinstance(steps, torch.Tensor):
            raise UserTypeError(
                'mmdcl.DeviceViewsHook needs stacked views, got a list of '
                "each image's; set `collate_fn=dict(type='default_collate')` "
                'in the dataloader'
            )
        device = torch.device(get_device())
        # Images of upstream are BGR, or its transforms take them for that.
        data_batch['inputs'] = [
            apply_steps(
                images.to(device, non_blocking=True),
                steps[:, view],
                bgr=True,
            )
            for view, images in enumerate(data_batch['inputs'])
        ]
