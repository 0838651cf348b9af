"""What is said where a compiled operator of mmcv is missing."""

from ..errors import UserNotImplementedError

BUILD = 'build mmcv with its operators, by tools/build_mmcv.sh of mmdcl'


def not_compiled(what: str) -> UserNotImplementedError:
    """To be raised where ``what`` is called."""
    return UserNotImplementedError(f'{what} needs a compiled mmcv; {BUILD}')
