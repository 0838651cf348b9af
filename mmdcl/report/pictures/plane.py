"""Features on a plane, near ones near each other."""

import warnings
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from ...errors import UserModuleNotFoundError, UserValueError
from ...functional import normalise

METHODS = {'tsne': 't-SNE', 'umap': 'UMAP', 'pca': 'PCA'}
_DIMENSIONS = 50  # kept before t-SNE and UMAP
_FEWEST = 5  # images that t-SNE and UMAP make sense of


def plane(
    features: Tensor, method: str = 'tsne', seed: int = 0
) -> tuple[np.ndarray, str]:
    """Places of normalised features on a plane.

    Args:
        features: ``(N, D)``.
        method: As for :func:`draw_embedding`. Where t-SNE or UMAP has too
            few images or no library, it is PCA.
        seed: Of the method.

    Returns:
        ``(N, 2)``, and by which method, in words.
    """
    if method not in METHODS:
        raise UserValueError(
            f'no method {method!r}; there are {", ".join(METHODS)}'
        )
    centred = normalise(features.double())
    centred = centred - centred.mean(0)
    _, values, directions = torch.linalg.svd(centred, full_matrices=False)
    # Their signs are arbitrary: the largest part of each is positive.
    largest = directions.abs().argmax(1, keepdim=True)
    directions = directions * directions.gather(1, largest).sign()
    kept = (centred @ directions[:_DIMENSIONS].T).numpy()
    flat = np.pad(kept, ((0, 0), (0, max(0, 2 - kept.shape[1]))))[:, :2]
    total = float(values.square().sum())
    share = float(values[:2].square().sum()) / total if total else 0
    by_pca = f'PCA ({share:.0%} of the variance)'
    if total / len(features) < 1e-9:
        return flat, 'PCA (all features are the same)'
    if method == 'pca':
        return flat, by_pca
    if len(features) < _FEWEST:
        return flat, f'{by_pca}, as {METHODS[method]} needs more images'
    if method == 'umap':
        return _umap(kept, seed), METHODS[method]
    if find_spec('sklearn') is None:
        return flat, f'{by_pca}, as t-SNE needs scikit-learn'
    return _tsne(kept, seed), METHODS[method]


def _tsne(x: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(x) - 1) / 3)
    model = TSNE(perplexity=perplexity, init='pca', random_state=seed)
    return model.fit_transform(x.astype(np.float32))


def _umap(x: np.ndarray, seed: int) -> np.ndarray:
    try:
        from umap import UMAP
    except ImportError as error:
        raise UserModuleNotFoundError(
            "UMAP needs umap-learn: pip install 'mmdcl[umap]', or choose "
            '--method tsne'
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # that seeds cost threads
        model = UMAP(
            n_neighbors=min(15, len(x) - 1), init='pca', random_state=seed
        )
        return model.fit_transform(x.astype(np.float32))
