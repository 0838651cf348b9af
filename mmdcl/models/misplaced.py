"""Heads and loss modules where others belong: they say what to write."""

from typing import NoReturn

from torch import Tensor

from ..errors import UserTypeError, UserValueError


class NoLossModule:
    """A head: called as the loss module of another, it refuses."""

    @classmethod
    def wrong_under(cls) -> dict[str, str]:
        """What is wrong with it under a key of a config."""
        said = (
            f'{cls.__name__} is a head and stands where a loss module '
            "belongs; write loss=dict(type='mmdcl.DecoupledCrossEntropyLoss')"
            ' there, or for DCLW mmdcl.WeightedDecoupledCrossEntropyLoss and '
            'for InfoNCE CrossEntropyLoss'
        )
        return dict(loss=said)

    def forward(self, *_: Tensor) -> NoReturn:
        raise UserTypeError(self.wrong_under()['loss'])


class NoHead:
    """A loss module: asked for the loss of a head, it refuses."""

    @classmethod
    def wrong_under(cls) -> dict[str, str]:
        """What is wrong with it under a key of a config."""
        name = cls.__name__
        said = (
            f'{name} is a loss module and stands where a head belongs; write '
            "head=dict(_delete_=True, type='mmdcl.DCLHead', temperature=0.1) "
            'there, or for DCLW mmdcl.DCLWHead, and in MoCo v3 '
            f"head=dict(loss=dict(type='mmdcl.{name}'))"
        )
        return dict(head=said)

    def loss(self, *_: Tensor) -> NoReturn:
        raise UserTypeError(self.wrong_under()['head'])


def require_cosines(pos: Tensor, neg: Tensor) -> None:
    """Refuse what is not ``(N, 1)`` or ``(N,)``, and ``(N, K)``."""
    if pos.ndim not in (1, 2) or pos.numel() != len(pos):
        raise UserValueError(
            f'`pos` must be (N,) or (N, 1), got {tuple(pos.shape)}; '
            'MoCo v3 hands features to its own head, in which '
            "loss=dict(type='mmdcl.DecoupledCrossEntropyLoss') is DCL"
        )
    if neg.shape[:1] != pos.shape[:1]:
        raise ValueError(
            '`neg` must be (N, K) with the N of `pos`, got '
            f'{tuple(neg.shape)} for `pos` {tuple(pos.shape)}'
        )
