"""Features of each view in each training step, and whose they are."""

from typing import Any

import torch
from torch import Tensor, nn

from .capture import place, vectors, views_of


class ViewFeatures:
    """Listens to the backbone of whatever algorithm, one step at a time.

    As :class:`mmdcl.engine.capture.Capture`, which looks at few steps and all
    of a model. Which row is of which image is found by comparing values once
    for each way of calling the backbone, as that waits for the device.

    Args:
        model: With a ``backbone`` and a ``data_preprocessor``.
    """

    def __init__(self, model: nn.Module) -> None:
        self._on = False
        self._views: list[Tensor] = []
        self._rows: list[tuple[Tensor, Tensor | None]] = []
        self._layouts: dict[tuple[int, int, int], Tensor | None] = {}
        self._handles = [
            model.data_preprocessor.register_forward_hook(self._hear_views),
            model.backbone.register_forward_hook(self._hear_features),
        ]

    def start(self) -> None:
        """Before a step."""
        self._views, self._rows, self._on = [], [], True

    def stop(self) -> tuple[Tensor, Tensor] | None:
        """After it.

        Returns:
            ``(R, D)`` features in float32 and ``(R,)`` numbers of their
            images in this process's batch; None if no row is known to be of
            any.
        """
        self._on = False
        rows = [(x, image) for x, image in self._rows if image is not None]
        self._views, self._rows = [], []
        if not rows:
            return None
        features, image = zip(*rows, strict=True)
        return torch.cat(features), torch.cat(image)

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()

    def _hear_views(self, module: nn.Module, args: Any, out: Any) -> None:
        if self._on:
            self._views = views_of(out)

    def _hear_features(self, module: nn.Module, args: Any, out: Any) -> None:
        if not self._on or not args or not isinstance(args[0], Tensor):
            return
        values = vectors(out)
        if values is None or len(values) != len(args[0]):
            return
        images = len(self._views[0]) if self._views else 0
        call = (len(self._rows), len(values), images)
        if call not in self._layouts:
            self._layouts[call] = place(args[0], self._views)[1]
        self._rows.append((values, self._layouts[call]))
