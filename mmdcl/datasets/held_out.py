"""Labelled images that are kept from training, for kNN to classify."""

import os
from hashlib import blake2b

_MOST = 5000


def held_out_of(
    paths: list[str], labels: list[str], share: float
) -> list[bool]:
    """Which images are held out: about a share of each class.

    Each by a hash of its path, so that it stays where it is when others come
    or go; of a class of two or more at least one, which is an exception to
    that in small classes. The share is halved until it is not more than
    5,000 images, and so changes seldom.

    Args:
        paths: Relative ones, of all images.
        labels: Their classes; '' where there is none, which is not held out.
        share: In [0, 1).
    """
    while share * len(paths) > _MOST:
        share /= 2
    if not share:
        return [False] * len(paths)
    places = [_place(path) for path in paths]
    out = [
        place < share and label != ''
        for place, label in zip(places, labels, strict=True)
    ]
    of_class: dict[str, list[int]] = {}
    for i, label in enumerate(labels):
        of_class.setdefault(label, []).append(i)
    of_class.pop('', None)
    for members in of_class.values():
        number = sum(out[i] for i in members)
        least = min(members, key=places.__getitem__)
        if number == 0 and len(members) > 1:
            out[least] = True
        elif number == len(members):
            out[least] = False  # else nothing of it would be trained on
    return out


def _place(path: str) -> float:
    """In [0, 1), the same on every machine."""
    # Names of files may hold bytes that are no text.
    digest = blake2b(os.fsencode(path), digest_size=8).digest()
    return int.from_bytes(digest, 'big') / 2**64
