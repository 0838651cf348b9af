"""One feature vector an image, from any model and any backbone."""

import torch
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.runner.amp import autocast
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ..errors import UserTypeError, UserValueError


def last_output(outputs: object) -> object:
    """The last of what a backbone returns, at any depth."""
    while isinstance(outputs, (tuple, list)) and outputs:
        outputs = outputs[-1]
    return outputs


def image_features(outputs: object) -> Tensor:
    """One feature vector an image, from whatever a backbone returns.

    Args:
        outputs: A tensor, or a tuple or list of which the last counts:
            ``(B, D)`` as is, ``(B, D, H, W)`` and ``(B, L, D)`` averaged
            over positions or tokens.

    Returns:
        ``(B, D)`` in float32.

    Raises:
        TypeError: It is something else.
    """
    last = last_output(outputs)
    if isinstance(last, Tensor) and last.ndim in (2, 3, 4):
        if last.ndim == 4:
            last = last.mean((2, 3))
        elif last.ndim == 3:
            last = last.mean(1)
        return last.float()
    got = tuple(last.shape) if isinstance(last, Tensor) else type(last)
    raise UserTypeError(
        'kNN needs features (B, D), (B, D, H, W) or (B, L, D) from the '
        f"model's `extract_feat`, got {got}"
    )


@torch.no_grad()
def forward_batch(
    model: nn.Module, batch: dict, fp16: bool = False, what: str = 'kNN'
) -> tuple[Tensor, list]:
    """Features of the images of a batch, and what came with them.

    Args:
        model: With ``data_preprocessor`` and ``extract_feat``, not wrapped.
        batch: From a dataloader of single images.
        fp16: Run under autocast.
        what: For messages: which evaluation it is.

    Returns:
        ``(B, D)`` features in float32 where the model is, and ``B`` data
        samples, or none.

    Raises:
        ValueError: There are several views of an image.
    """
    with autocast(enabled=fp16):
        data = model.data_preprocessor(batch, False)
        if isinstance(data['inputs'], (list, tuple)):
            raise UserValueError(
                f'{what} needs one view an image, got '
                f'{len(data["inputs"])}; leave MultiView out of the pipeline'
            )
        features = image_features(model.extract_feat(data['inputs']))
    return features, data['data_samples'] or []


def batch_features(
    model: nn.Module, batch: dict, fp16: bool = False
) -> tuple[Tensor, Tensor, list[int | None]]:
    """Features, labels and places of the images of a batch, on the CPU.

    Args:
        model: As for :func:`forward_batch`.
        batch: From a dataloader of single labelled images.
        fp16: Run under autocast.

    Returns:
        ``(B, D)`` features, ``(B,)`` labels, and the index of each image in
        its dataset where it is known.

    Raises:
        ValueError: An image has no label, or several views.
    """
    features, samples = forward_batch(model, batch, fp16)
    if len(samples) != len(features) or any(
        'gt_label' not in sample for sample in samples
    ):
        raise UserValueError(
            'kNN needs labelled images, but the dataset gives none; set '
            '`with_label=True` or choose a labelled dataset'
        )
    labels = torch.cat([sample.gt_label for sample in samples])
    places = [sample.get('sample_idx') for sample in samples]
    return features.cpu(), labels.cpu(), places


def replaced(loader: DataLoader, places: list[int | None]) -> list[int]:
    """Images that upstream replaced by random others, being unreadable.

    Args:
        loader: That the images came from, exhausted once and in order.
        places: Index in the dataset of each image that came.

    Returns:
        Positions in ``places``; empty where the order is not known: for
        other samplers than upstream's without shuffling, and for wrapped
        datasets other than ``ConcatDataset``.
    """
    if getattr(loader.sampler, 'shuffle', None) is not False:
        return []
    asked = [_place(loader.dataset, index) for index in loader.sampler]
    return [
        position
        for position, (want, got) in enumerate(
            zip(asked, places, strict=False)
        )
        if None not in (want, got) and want != got
    ]


def _place(dataset: object, index: int) -> int | None:
    """Index in the dataset itself of an image of a concatenation."""
    while isinstance(dataset, ConcatDataset):
        which, index = dataset._get_ori_dataset_idx(index)
        dataset = dataset.datasets[which]
    return index if isinstance(dataset, BaseDataset) else None
