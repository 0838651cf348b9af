"""What one process finds wrong ends all of them, by the same sentence."""

from mmengine.dist import all_gather_object

from ..errors import UserError, UserValueError


def agree(problem: str, kind: type[UserError] = UserValueError) -> None:
    """Raise on every process what any of them found wrong.

    Args:
        problem: A sentence; empty if all is well here.
        kind: Of the error.

    Raises:
        ValueError: With the first that is not empty; or what ``kind`` says.
    """
    for text in all_gather_object(problem):
        if text:
            raise kind(text)
