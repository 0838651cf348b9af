"""What one process finds wrong ends all of them, by the same sentence."""

from mmengine.dist import all_gather_object


def agree(found: str) -> None:
    """Raise on every process what any of them found wrong.

    Args:
        found: A sentence; empty if all is well here.

    Raises:
        ValueError: With the first that is not empty.
    """
    for text in all_gather_object(found):
        if text:
            raise ValueError(text)
