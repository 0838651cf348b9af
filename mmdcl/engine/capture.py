"""What a network makes of the images that it is trained on, seen in passing.

Nothing runs twice and nothing is drawn: the data preprocessor, the backbone,
the neck and the head of whatever algorithm it is are listened to while a
training step runs. Which row is which view of which image is found by
comparing the backbone's input with the views.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UserTypeError
from ..functional import log_sum_negatives, npc_multiplier
from .features import image_features

# What calls a head with rows of `pos`, of ours and of upstream's.
_SEAMS = ('loss_from_rows', 'loss')


@dataclass(frozen=True)
class Rows:
    """Vectors of one step, and what they are of.

    Attributes:
        values: ``(R, D)`` in float32.
        view: ``(R,)`` which view each is of, or ``None``: not known.
        image: ``(R,)`` which image of this process's batch, or ``None``.
    """

    values: Tensor
    view: Tensor | None
    image: Tensor | None

    def pairs(self) -> Tensor | None:
        """``(2, B, D)``: the first two views of each image, if known."""
        if self.view is None or self.image is None:
            return None
        two = [self.values[self.view == v] for v in (0, 1)]
        order = [self.image[self.view == v].argsort() for v in (0, 1)]
        if not len(two[0]) or len(two[0]) != len(two[1]):
            return None
        return torch.stack([x[i] for x, i in zip(two, order, strict=True)])


@dataclass
class Step:
    """What was heard in one training step."""

    features: list[Rows] = field(default_factory=list)
    projections: list[Rows] = field(default_factory=list)
    pos: Tensor | None = None  # (N,) cosines that the head got
    q: Tensor | None = None  # (N,)
    neg: Tensor | None = None  # (N, K) cosines, where the head got them


def place(
    x: Tensor, views: Sequence[Tensor]
) -> tuple[Tensor, Tensor] | tuple[None, None]:
    """Which view of which image each row of a backbone's input is.

    Args:
        x: ``(R, C, H, W)``: one view, or consecutive ones, one after the
            other or image by image.
        views: ``(B, C, H, W)`` each.

    Returns:
        ``(R,)`` views and ``(R,)`` images; ``None`` twice if it is none of
        these.
    """
    images = len(views[0]) if views else 0
    count, rest = divmod(len(x), images) if images else (0, 1)
    if rest or not count:
        return None, None
    number = torch.arange(images, device=x.device)
    for first in range(len(views) - count + 1):
        some = views[first : first + count]
        kind = torch.arange(first, first + count, device=x.device)
        if _equal(x.split(images), some):
            return kind.repeat_interleave(images), number.repeat(count)
        if _equal([x[i::count] for i in range(count)], some):
            return kind.repeat(images), number.repeat_interleave(count)
    return None, None


def _equal(these: Sequence[Tensor], those: Sequence[Tensor]) -> bool:
    return all(
        a.shape == b.shape and torch.equal(a, b)
        for a, b in zip(these, those, strict=True)
    )


class Capture:
    """Listens to a model while ``on``; at other times it costs nothing.

    Args:
        model: With a ``backbone``; ``neck``, ``head`` and
            ``data_preprocessor`` are listened to where there are some.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._on = False
        self._views: list[Tensor] = []
        self.step = Step()
        self._neck_done = 0
        self._heard_rows = False
        for name, hear in (
            ('data_preprocessor', self._hear_views),
            ('backbone', self._hear_backbone),
            ('neck', self._hear_neck),
        ):
            part = getattr(model, name, None)
            if isinstance(part, nn.Module):
                part.register_forward_hook(hear)

    def start(self) -> None:
        """Before a step that is to be heard."""
        self.step, self._views, self._neck_done = Step(), [], 0
        self._on, self._heard_rows = True, False
        self._listen(True)

    def stop(self) -> Step:
        """After it; returns what was heard."""
        self._on = False
        self._listen(False)
        self._views = []
        return self.step

    def _listen(self, on: bool) -> None:
        head = getattr(self._model, 'head', None)
        for name in _SEAMS:
            if not on:
                vars(head or self).pop(name, None)
            elif hasattr(head, name):
                setattr(head, name, self._heard(getattr(head, name)))

    def _heard(self, seam: Callable) -> Callable:
        def heard(*args: Any, **kwargs: Any) -> Any:
            first = len(args) == 2 and not self._heard_rows
            self._heard_rows |= first
            out = seam(*args, **kwargs)
            if first:  # after it: a temperature may be of this very step
                self._hear_rows(seam.__name__, *args)
                self._heard_rows = self.step.pos is not None
            return out

        return heard

    @torch.no_grad()
    def _hear_rows(self, seam: str, pos: Any, other: Any) -> None:
        temperature = getattr(self._model.head, 'temperature', None)
        given = isinstance(pos, Tensor) and isinstance(other, Tensor)
        if not given or not isinstance(temperature, (int, float)):
            return
        if getattr(self._model, 'positives', 'view') != 'view':
            return  # `pos` is a mean of several, of which q is none
        if pos.ndim not in (1, 2) or pos.numel() != len(pos):
            return
        pos = pos.flatten().float()
        if seam == 'loss':
            if other.ndim != 2 or len(other) != len(pos):
                return
            self.step.neg = other.detach()
            other = log_sum_negatives(other.float(), temperature)
        if other.shape == pos.shape:
            self.step.pos = pos.detach()
            self.step.q = npc_multiplier(pos, other.float(), temperature)

    def _hear_views(self, module: nn.Module, args: Any, out: Any) -> None:
        if self._on:
            self._views = views_of(out)

    def _hear_backbone(self, module: nn.Module, args: Any, out: Any) -> None:
        if self._on and args and isinstance(args[0], Tensor):
            values = vectors(out)
            if values is not None and len(values) == len(args[0]):
                where = place(args[0], self._views)
                self.step.features.append(Rows(values, *where))

    def _hear_neck(self, module: nn.Module, args: Any, out: Any) -> None:
        if not self._on:
            return
        values = next((x for x in _flat(out) if x.ndim == 2), None)
        if values is None:
            return
        # Of the backbone's calls since the neck's last one.
        of = self.step.features[self._neck_done :]
        self._neck_done = len(self.step.features)
        view = image = None
        known = [(x.view, x.image) for x in of if x.view is not None]
        if known and len(known) == len(of):
            view, image = (torch.cat(x) for x in zip(*known, strict=True))
        if view is None or len(view) != len(values):
            view = image = None
        values = values.detach().float()
        self.step.projections.append(Rows(values, view, image))


def views_of(batch: Any) -> list[Tensor]:
    """What a data preprocessor made; none if that cannot be told."""
    views = batch.get('inputs') if isinstance(batch, Mapping) else None
    views = [views] if isinstance(views, Tensor) else views or []
    return [x for x in views if isinstance(x, Tensor)]


def joined(parts: Sequence[Rows]) -> Rows | None:
    """Rows of one step that came in several calls, of the same width."""
    parts = [x for x in parts if x.values.shape[1] == parts[0].values.shape[1]]
    if not parts:
        return None
    values = torch.cat([x.values for x in parts])
    view = [x.view for x in parts if x.view is not None]
    image = [x.image for x in parts if x.image is not None]
    if len(view) < len(parts) or len(image) < len(parts):
        return Rows(values, None, None)
    return Rows(values, torch.cat(view), torch.cat(image))


def _flat(outputs: Any) -> list[Tensor]:
    """Tensors of floating point numbers, at any depth."""
    if isinstance(outputs, Tensor):
        return [outputs] if outputs.is_floating_point() else []
    if isinstance(outputs, (tuple, list)):
        return [x for inner in outputs for x in _flat(inner)]
    return []


@torch.no_grad()
def vectors(outputs: Any) -> Tensor | None:
    """One vector an image; ``None`` if it cannot be told which."""
    if isinstance(outputs, (tuple, list)) and outputs:
        last = outputs[-1]
        if isinstance(last, Tensor) and not last.is_floating_point():
            outputs = _flat(outputs)[:1]  # what MAE returns beside tokens
    try:
        return image_features(outputs).detach()
    except UserTypeError:
        return None
