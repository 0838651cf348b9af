"""A linear classifier on the features, trained beside what trains them."""

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner.base_loop import BaseLoop
from torch import Tensor, nn

from ..arguments import require_number, require_whole
from ..errors import UserValueError
from ..functional import gather_without_gradient
from ..functional.gather import Peers
from ..registry import HOOKS
from .agreement import agree
from .linear_probe import LinearProbe
from .model import model_of
from .probe_labels import classes_of, label_problem, labels_of
from .view_features import ViewFeatures

_STATE = 'linear_probe'  # in the checkpoint


@HOOKS.register_module()
class LinearProbeHook(Hook):
    """What a linear classifier makes of the features, at each validation.

    One line switches it on, in any training of labelled images that kNN
    validates (``mmdcl.KNNValLoop``)::

        custom_hooks = [dict(type='mmdcl.LinearProbeHook')]

    It is trained on the pooled features of the backbone in each step, those
    of all views of all processes, with an optimizer of its own; no gradient
    reaches the backbone and nothing random is drawn, so that weights are the
    same bit for bit with and without it. ``probe/top1`` is its accuracy in %
    on the images that kNN classifies. Checkpoints hold its state, and a
    resumed run goes on with it.

    Args:
        lr: Learning rate, which may stay as it is for any width.
        momentum: Of its optimizer.
        num_classes: How many classes there are. Default: as many as the
            training images' dataset names.

    Raises:
        ValueError: Before the first step, on all processes: images have no
            label, or several; or it is not known how many classes there are.
    """

    priority = 'LOW'  # before a checkpoint of the same iteration

    def __init__(
        self,
        lr: float = 1.0,
        momentum: float = 0.9,
        num_classes: int | None = None,
    ) -> None:
        require_number('lr', lr, above=0)
        require_number('momentum', momentum, least=0)
        if momentum >= 1:
            raise UserValueError(f'`momentum` must be < 1, got {momentum}')
        if num_classes is not None:
            require_whole('num_classes', num_classes)
        self.lr, self.momentum = lr, momentum
        self.num_classes = num_classes
        self._probe: LinearProbe | None = None
        self._loaded: Any = None
        self._classes = 0
        self._heard: ViewFeatures | None = None

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        trains = isinstance(runner._train_loop, BaseLoop)
        if trains and not runner._resume:
            return  # a backbone to start from
        self._loaded = checkpoint.get(_STATE)
        if trains and self._loaded is None:
            runner.logger.warning(
                'the checkpoint holds no linear probe: mmdcl.LinearProbeHook '
                'starts anew'
            )

    def before_train(self, runner) -> None:
        model = model_of(runner)
        dataset = runner.train_dataloader.dataset
        self._classes = self.num_classes or classes_of(dataset)
        agree(
            label_problem(dataset, self._classes)
            if isinstance(getattr(model, 'backbone', None), nn.Module)
            else f'mmdcl.LinearProbeHook needs a model with a `backbone`, '
            f'which {type(model).__name__} has not; remove the hook'
        )
        self._heard = ViewFeatures(model)

    def before_train_iter(self, runner, *args, **kwargs) -> None:
        self._heard.start()

    def after_train_iter(
        self, runner, batch_idx: int, data_batch: Any = None, outputs=None
    ) -> None:
        found = self._heard.stop()
        if found is None:
            raise UserValueError(
                'mmdcl.LinearProbeHook cannot tell which features are of '
                'which image: it needs a model whose `backbone` is called '
                'with the views as the data preprocessor leaves them'
            )
        features, image = found
        labels = labels_of(data_batch, self._classes)
        if features.device.type == 'cuda':
            labels = labels.pin_memory()
        labels = labels.to(features.device, non_blocking=True)[image]
        peers = Peers(len(features))
        features = gather_without_gradient(features, peers)
        labels = gather_without_gradient(labels, peers)
        probe = self._of(features.shape[1], features.device, runner)
        probe.update(features, labels)

    def after_train(self, runner) -> None:
        self._heard.remove()

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        if self._probe is not None:
            checkpoint[_STATE] = self._probe.state()

    def after_query_features(
        self,
        runner,
        features: Tensor,
        labels: Tensor,
        numbers: Tensor,
        metrics: dict,
    ) -> None:
        """See :meth:`mmdcl.engine.knn.KNNEvaluation.run`."""
        if self._probe is None and self._loaded is None:
            return  # before the first step
        device = next(runner.model.parameters()).device
        probe = self._of(features.shape[1], device, runner)
        if not probe.trained:
            return
        right = probe.predict(features) == labels
        peers = Peers(len(right))
        right, numbers = (
            gather_without_gradient(x.to(device), peers)
            for x in (right, numbers)
        )
        # Once each: processes share images out evenly by repeating some.
        each = torch.zeros(int(numbers.max()) + 1, 2, device=device)
        each[numbers, 0] = right.float()
        each[numbers, 1] = 1
        hits, images = each.sum(0).tolist()
        metrics['probe/top1'] = 100 * hits / images

    def _of(self, width: int, device: torch.device, runner) -> LinearProbe:
        """The one there is, or that was loaded, or a new one."""
        if self._probe is not None:
            return self._probe
        loaded, self._loaded = self._loaded, None
        classes = self._classes or _rows_of(loaded)
        sizes = (width, classes, self.lr, self.momentum)
        self._probe = LinearProbe(*sizes).to(device)
        if loaded is not None:
            try:
                self._probe.load(loaded)
            except ValueError:
                runner.logger.warning(
                    'the linear probe of the checkpoint is of another width '
                    'or other classes: mmdcl.LinearProbeHook starts anew'
                )
                self._probe = LinearProbe(*sizes).to(device)
        return self._probe


def _rows_of(state: Any) -> int:
    """Classes of a state, of which nothing is sure."""
    try:
        return max(1, len(state['weights']['linear.weight']))
    except (KeyError, TypeError):
        return 1
