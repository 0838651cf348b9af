"""Past projections of all processes, in which neighbours are searched.

Letters: ``M`` rows of the set, ``D`` width, ``Q`` queries, ``B`` images on
this process.
"""

import logging
from collections.abc import Iterator
from typing import NamedTuple

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor

from ..arguments import require_whole
from ..errors import UserValueError
from ..functional import gather_without_gradient, nearest, normalise
from ..functional.derivatives import is_compiling
from ..functional.gather import Peers
from ..registry import MODELS

_UNKNOWN = -1


class Neighbors(NamedTuple):
    """The neighbour of each query.

    Attributes:
        projection: ``(Q, D)``, normalised, without gradient.
        cosine: ``(Q,)`` cosine with the query, in [-1, 1].
        age: ``(Q,)`` steps since it was enqueued, >= 1 (0 in an empty set).
        image: ``(Q,)`` number of its image in the dataset, -1 if unknown.
        label: ``(Q,)`` class of its image, -1 if unknown.
    """

    projection: Tensor
    cosine: Tensor
    age: Tensor
    image: Tensor
    label: Tensor


@MODELS.register_module()
class SupportSet(BaseModule):
    """First in, first out; the same on all processes; saved with the model.

    Rows are normalised float32. Whatever is enqueued is gathered from all
    processes in rank order, so that the set is that of one process with the
    whole batch, also when processes hold different numbers of images. Nothing
    here waits for an accelerator: pointer and fill count are tensors. A
    projection that is not finite is left out: for as long as the set
    remembers it would be everybody's nearest neighbour.

    Upstream's ``EMAHook`` copies the set into its averaged model; with
    ``update_buffers=True`` it would average the rows, which makes no sense.

    Args:
        size: ``M`` >= 1. The paper has 98,304 for ImageNet-1K.
        dim: ``D``, the width of the projections.
        tile: Most rows that queries are compared with at a time: bounds the
            memory of the search.

    Attributes:
        not_enqueued: How many projections this run has left out.

    Raises:
        TypeError: A size is no whole number.
        ValueError: A size is below 1.
    """

    def __init__(
        self, size: int = 98304, dim: int = 256, tile: int = 8192
    ) -> None:
        super().__init__()
        for name, value in dict(size=size, dim=dim, tile=tile).items():
            require_whole(name, value)
        self.size, self.dim, self.tile = size, dim, tile
        self._calls, self._warned = 0, False
        numbers = dict(dtype=torch.long)
        self.register_buffer('rows', torch.zeros(size, dim))
        self.register_buffer('enqueued', torch.zeros(size, **numbers))
        self.register_buffer('image', torch.full((size,), _UNKNOWN))
        self.register_buffer('label', torch.full((size,), _UNKNOWN))
        self.register_buffer('pointer', torch.zeros((), **numbers))
        self.register_buffer('filled', torch.zeros((), **numbers))
        self.register_buffer('step', torch.zeros((), **numbers))
        none = torch.zeros((), **numbers)
        self.register_buffer('not_enqueued', none, persistent=False)

    def _apply(self, fn, recurse: bool = True):
        rows = self.rows
        super()._apply(fn, recurse)
        if self.rows.dtype in (torch.float16, torch.bfloat16):
            self.rows = rows.to(self.rows.device)  # model.half() keeps them
        return self

    def _tiles(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        number = torch.arange(self.size, device=self.rows.device)
        hidden = torch.zeros_like(number, dtype=torch.float32)
        hidden = hidden.masked_fill(number >= self.filled, -torch.inf)
        yield from zip(
            self.rows.split(self.tile),
            number.split(self.tile),
            hidden.split(self.tile),
            strict=True,
        )

    @torch.no_grad()
    def neighbors(self, queries: Tensor, k: int = 1) -> Neighbors:
        """The nearest row of each query, or one of its ``k`` nearest.

        Searched in float32 under any autocast. While the set is empty the
        answer is rows of zeros.

        Args:
            queries: ``(Q, D)`` projections.
            k: With more than one, the neighbour is drawn uniformly from the
                ``k`` nearest, or from all rows while there are fewer.

        Raises:
            ValueError: Shapes do not fit, or ``k`` is not in [1, size].
        """
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise UserValueError(
                f'the support set holds projections of width {self.dim}, got '
                f'queries {tuple(queries.shape)}; set `dim` to the '
                "neck's `out_channels`"
            )
        if not 1 <= k <= self.size:
            raise UserValueError(
                f'`k` must be in [1, {self.size}], the size of the support '
                f'set, got {k}'
            )
        cosine, row = nearest(queries, self._tiles(), k, normalised=True)
        if k > 1:
            choices = self.filled.clamp(1, k)
            drawn = torch.rand(len(row), 1, device=row.device) * choices
            drawn = drawn.long()
            cosine, row = cosine.gather(1, drawn), row.gather(1, drawn)
        row = row[:, 0]
        return Neighbors(
            self.rows[row],
            cosine[:, 0].masked_fill(self.filled == 0, 0),
            self.step - self.enqueued[row],
            self.image[row],
            self.label[row],
        )

    @torch.no_grad()
    def enqueue(
        self,
        projections: Tensor,
        image: Tensor | None = None,
        label: Tensor | None = None,
        peers: Peers | None = None,
    ) -> None:
        """Replace the oldest rows by projections of all processes.

        Of more than ``size`` projections the last are kept. All processes
        must call this together.

        Args:
            projections: ``(B, D)`` of this process; normalised here.
            image: ``(B,)`` numbers of the images in the dataset.
            label: ``(B,)`` classes of the images.
            peers: Who holds which images, if that is known already.
        """
        with torch.autocast(projections.device.type, enabled=False):
            rows = normalise(projections).to(self.rows.dtype)
        unknown = self.pointer.new_full((len(rows),), _UNKNOWN)
        known = torch.stack(
            [unknown if x is None else x.to(unknown) for x in (image, label)],
            dim=1,
        )
        peers = peers or Peers(len(rows))
        rows, known = (
            gather_without_gradient(x, peers) for x in (rows, known)
        )
        finite = rows.isfinite().all(1)
        count = finite.sum()
        # What is left out first, so that the last are the newest.
        kept = torch.argsort(finite.to(torch.uint8), stable=True)
        kept = kept[-self.size :]
        number = (
            count - len(kept) + torch.arange(len(kept), device=kept.device)
        )
        place = (self.pointer + number) % self.size
        new = number >= 0
        for into, values in (
            (self.rows, rows[kept]),
            (self.image, known[kept, 0]),
            (self.label, known[kept, 1]),
            (self.enqueued, self.step.expand(len(kept))),
        ):
            keep = new[:, None] if into.ndim == 2 else new
            into[place] = torch.where(keep, values, into[place])
        self.pointer.copy_((self.pointer + count) % self.size)
        self.filled.copy_((self.filled + count).clamp(max=self.size))
        self.not_enqueued += len(rows) - count
        self.step += 1
        self._warn()

    def _warn(self) -> None:
        """Say once that projections are left out; accelerators are asked
        now and then, for they are waited for."""
        self._calls += 1
        due = self.rows.device.type == 'cpu' or self._calls % 20 == 0
        if is_compiling() or self._warned or not due or not self.not_enqueued:
            return
        self._warned = True
        print_log(
            f'{int(self.not_enqueued)} projections are NaN or infinite and '
            'were not put into the support set; the log counts them as '
            '`not_enqueued`. What usually helps: a lower learning rate, a '
            'longer warm-up, gradient clipping, or no --amp',
            'current',
            logging.WARNING,
        )

    def extra_repr(self) -> str:
        return f'size={self.size}, dim={self.dim}'
