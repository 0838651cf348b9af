"""Whether what is being learned is any good, while it is learned."""

import json
import math
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_gather_object, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop
from torch import Tensor

from ..arguments import require_whole
from ..functional import gather_without_gradient
from ..registry import HOOKS
from . import quality_numbers as numbers
from .capture import Capture, Step, joined
from .model import model_of
from .schedule import optimizers

FILE = 'quality.json'  # in vis_data: with histograms and spectra


@HOOKS.register_module()
class QualityHook(Hook):
    """Quality of the features without labels, for any algorithm.

    Listens to the backbone, the neck and the head of whatever is trained
    (ours, and upstream's SimCLR, MoCo, BYOL, SimSiam, Barlow Twins, ...);
    nothing runs twice, nothing random is drawn, and weights are the same bit
    for bit with and without it. Numbers are exact over processes and go to
    every backend of the visualizer, in groups:

    - ``features/*`` of the backbone (pooled) and ``projections/*`` of the
      neck, as :mod:`mmdcl.functional` defines them: ``rank_me``,
      ``effective_rank``, ``alpha_req``, ``spread``, ``uniformity``, and,
      where two views of each image are known, ``alignment`` and ``lidar``;
    - ``coupling/*`` of contrastive heads: ``q_p10``, ``q_p50``, ``q_p90``
      (quantiles of q over the anchors of the step) and, of DCLW,
      ``negative_weights`` (the share of them);
    - ``training/*``: ``gradient_norm`` of the last update, and
      ``data_wait``, the share of the time since the last look that went by
      waiting for images.

    ``vis_data/quality.json`` has, beside them, histograms of the cosines of
    positives and negatives and the spectra.

    Args:
        interval: Iterations between looks, in loops over epochs counted from
            the beginning of each, at whose end it looks, too.
        images: That a look is at, of all processes; of small batches, those
            of several steps. Ranks compare only between equal numbers.
    """

    priority = 'BELOW_NORMAL'  # after the timer

    def __init__(self, interval: int = 100, images: int = 256) -> None:
        require_whole('interval', interval)
        require_whole('images', images, least=2)
        self.interval = interval
        self.images = images
        self._capture: Capture | None = None
        self._steps: list[Step] = []
        self._listening = False
        self._since = 0  # iterations since the last look
        self._gradient: Tensor | None = None

    def before_train(self, runner) -> None:
        model = model_of(runner)
        if not isinstance(getattr(model, 'backbone', None), torch.nn.Module):
            runner.logger.warning(
                f'mmdcl.QualityHook sees nothing of {type(model).__name__}, '
                'which has no `backbone`'
            )
            return
        self._capture = Capture(model)
        for _, wrapper, _ in optimizers(runner):
            wrapper.optimizer.register_step_pre_hook(self._see_gradient)

    def before_train_iter(
        self, runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        if self._capture is None:
            return
        images = _images(data_batch) * get_world_size()
        steps = math.ceil(self.images / images) if images else 1
        self._listening = self._left(runner, batch_idx) <= steps
        if self._listening:
            self._capture.start()

    def _left(self, runner, batch_idx: int) -> int:
        """Iterations until the next look, this one included."""
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            return self.interval - runner.iter % self.interval
        to_end = len(runner.train_dataloader) - batch_idx
        return min(self.interval - batch_idx % self.interval, to_end)

    def after_train_iter(
        self, runner, batch_idx: int, data_batch: Any = None, outputs=None
    ) -> None:
        if self._capture is None:
            return
        self._since += 1
        if not self._listening:
            return
        self._listening = False
        self._steps.append(self._capture.stop())
        if self._left(runner, batch_idx) == 1:
            self._look(runner, batch_idx)
            self._steps.clear()
            self._since = 0
            self._gradient = None

    def _see_gradient(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self._listening:
            found = [
                parameter.grad
                for group in optimizer.param_groups
                for parameter in group['params']
                if parameter.grad is not None
            ]
            if found:
                lengths = torch._foreach_norm(found)
                self._gradient = torch.stack(lengths).norm()

    def _look(self, runner, batch_idx: int) -> None:
        spaces = {
            name: self._gathered([getattr(x, name) for x in self._steps])
            for name in ('features', 'projections')
        }
        heard = self._heard()
        if not is_main_process():
            return
        record: dict[str, float] = {}
        more: dict[str, list] = {}
        images = 0
        for name, (rows, pairs) in spaces.items():
            if rows is None or not rows.isfinite().all():
                continue
            images = len(rows) if pairs is None else pairs.shape[1]
            try:
                found, more[name] = numbers.of_space(rows, pairs)
            except torch.linalg.LinAlgError:  # rare, and no reason to end
                continue
            record |= {f'{name}/{key}': x for key, x in found.items()}
            if name == 'projections' and pairs is not None:
                both = numbers.cosines(pairs)
                more['positive_cosine'], more['negative_cosine'] = both
        if heard is not None:
            pos, q, neg = heard
            head = model_of(runner).head
            found = numbers.of_coupling(q, head, pos)
            record |= {f'coupling/{key}': x for key, x in found.items()}
            if 'positive_cosine' not in more and neg is not None:
                # As in MoCo, whose keys come from another network.
                record['projections/alignment'] = float(2 - 2 * pos.mean())
                more['positive_cosine'] = numbers.histogram(pos.clamp(-1, 1))
                more['negative_cosine'] = numbers.histogram(neg.clamp(-1, 1))
        record |= self._of_training(runner)
        record = {
            name: x if isinstance(x, int) else float(f'{x:.6g}')
            for name, x in record.items()
            if math.isfinite(x)
        }
        self._write(runner, batch_idx, images, record, more)

    def _gathered(
        self, steps: list[list]
    ) -> tuple[Tensor | None, Tensor | None]:
        """``(R, D)`` rows of all processes, and ``(2, B, D)`` pairs."""
        parts = [joined(x) for x in steps]
        pairs = [None if x is None else x.pairs() for x in parts]
        share = math.ceil(self.images / get_world_size())
        # Processes agree before they exchange anything else.
        known = [all(x is not None for x in y) for y in (parts, pairs)]
        any_row, paired = map(all, zip(*all_gather_object(known), strict=True))
        if not any_row:
            return None, None
        if not paired:
            values = torch.cat([x.values for x in parts if x is not None])
            return gather_without_gradient(values[: 2 * share]), None
        both = torch.cat([x for x in pairs if x is not None], dim=1)
        both = both[:, :share].transpose(0, 1).contiguous()
        both = gather_without_gradient(both).transpose(0, 1)
        return both.flatten(0, 1), both

    def _heard(self) -> tuple[Tensor, Tensor, Tensor | None] | None:
        """``pos`` and ``q`` of the last step's anchors in all processes."""
        step = self._steps[-1]
        known = all_gather_object(step.pos is not None)
        if not all(known) or step.pos is None or step.q is None:
            return None
        both = torch.stack([step.pos, step.q], dim=1)
        pos, q = gather_without_gradient(both).unbind(1)
        return pos, q, step.neg

    def _of_training(self, runner) -> dict[str, float]:
        found: dict[str, float] = {}
        scalars = runner.message_hub.log_scalars
        if 'train/grad_norm' in scalars:  # before it was clipped
            found['gradient_norm'] = scalars['train/grad_norm'].current()
        elif self._gradient is not None:
            found['gradient_norm'] = float(self._gradient)
        spent, waited = (
            scalars.get(f'train/{name}') for name in ('time', 'data_time')
        )
        if spent is not None and waited is not None:
            # Without the first iteration, in which workers start.
            window = max(1, min(self._since, runner.iter))
            total = float(spent.mean(window))
            if total > 0:
                found['data_wait'] = float(waited.mean(window)) / total
        return {f'training/{name}': x for name, x in found.items()}

    def _write(
        self, runner, batch_idx: int, images: int, record: dict, more: dict
    ) -> None:
        step = runner.iter + 1
        where: dict[str, float] = dict(quality=images, iter=step)
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            done = (batch_idx + 1) / len(runner.train_dataloader)
            where['epoch'] = round(runner.epoch + done, 4)
        runner.visualizer.add_scalars({**where, **record}, step=step)
        folder = Path(runner.log_dir, 'vis_data')
        folder.mkdir(parents=True, exist_ok=True)
        with folder.joinpath(FILE).open('a') as file:
            file.write(json.dumps({**where, **record, **more}) + '\n')
        runner.call_hook('after_quality', record={**where, **record})


def _images(batch: Any) -> int:
    """Of a batch of this process; 0 if it cannot be told."""
    inputs = batch.get('inputs') if isinstance(batch, dict) else None
    if isinstance(inputs, (list, tuple)) and inputs:
        first = inputs[0]
        stacked = isinstance(first, Tensor) and first.ndim == 4
        return len(first) if stacked else len(inputs)
    return len(inputs) if isinstance(inputs, Tensor) else 0
