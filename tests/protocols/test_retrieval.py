import pytest
import torch
import torch.nn.functional as F

from mmdcl.protocols import retrieval as room
from mmdcl.protocols.retrieval import retrieval


def by_hand(queries, labels, gallery, gallery_labels, ks, itself):
    precisions, hits = [], []
    for i, query in enumerate(queries.double()):
        cosines = [
            float(F.cosine_similarity(query, x, dim=0))
            for x in gallery.double()
        ]
        others = [j for j in range(len(gallery)) if not (itself and j == i)]
        others.sort(key=lambda j: (-round(cosines[j], 6), j))
        right = [bool(gallery_labels[j] == labels[i]) for j in others]
        gained = [
            sum(right[: n + 1]) / (n + 1) for n, x in enumerate(right) if x
        ]
        precisions.append(sum(gained) / len(gained) if gained else None)
        hits.append([any(right[:k]) for k in ks])
    return precisions, hits


@pytest.mark.parametrize('itself', [False, True])
def test_it_is_its_definition(itself, monkeypatch):
    """In tiles of three queries; one class has one image."""
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(20, 4, generator=generator)
    gallery = torch.randn(31, 4, generator=generator)
    labels = torch.arange(20) % 4
    labels[0] = 9
    gallery_labels = torch.arange(31) % 5
    gallery[7] = gallery[3] * 2  # the same direction, and another class
    if itself:
        gallery, gallery_labels = queries, labels
    monkeypatch.setattr(room, '_ENTRIES', 3 * len(gallery))
    ks = (1, 5, 10)
    found, early = retrieval(
        queries, labels, gallery, gallery_labels, ks, itself
    )
    wanted, hits = by_hand(
        queries, labels, gallery, gallery_labels, ks, itself
    )
    assert wanted[0] is None
    assert found[0].isnan()
    assert found[1:].tolist() == pytest.approx(wanted[1:])
    assert early.tolist() == hits
