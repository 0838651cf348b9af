"""huggingface_hub, which does the work, and what it says in one sentence."""

from types import ModuleType

from ..errors import (
    UserError,
    UserFileNotFoundError,
    UserModuleNotFoundError,
    UserOSError,
    UserPermissionError,
)
from .addresses import Address

LOG_IN = '`hf auth login`, or HF_TOKEN in the environment'


def library(address: Address) -> ModuleType:
    """The package, or an error that says what needs it."""
    try:
        import huggingface_hub
    except ImportError as error:
        raise UserModuleNotFoundError(
            f'{address} needs huggingface_hub: '
            "pip install 'mmdcl[hub]', or pip install huggingface_hub"
        ) from error
    return huggingface_hub


def endpoint() -> str:
    """The hub in use: ``HF_ENDPOINT``."""
    from huggingface_hub import constants

    return constants.ENDPOINT


def explained(error: Exception, address: Address) -> UserError:
    """What was answered, as what the user can do.

    Args:
        error: Of huggingface_hub, or of the library that it speaks HTTP by.
        address: What was asked for.
    """
    from huggingface_hub import errors

    status = getattr(getattr(error, 'response', None), 'status_code', None)
    if isinstance(error, errors.GatedRepoError):
        return UserPermissionError(
            f'{address}: the authors of {address.repo} choose who may have '
            f'it; ask for it on {endpoint()}/{address.repo} and log in by '
            f'{LOG_IN}'
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return UserFileNotFoundError(
            f'{address}: {endpoint()} has no {address.repo}, or not for you: '
            f'check the name, or, if it is private, log in by {LOG_IN}'
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return UserFileNotFoundError(
            f'{address}: {address.repo} has no branch, tag or commit '
            f'{address.revision or "main"}'
        )
    if status in (401, 403):
        return UserPermissionError(
            f'{address}: {endpoint()} refuses the token of this user '
            f'(HTTP {status}); renew it by {LOG_IN}, with the right to '
            f'this repository'
        )
    if isinstance(error, errors.OfflineModeIsEnabled):
        return UserOSError(
            f'{address}: HF_HUB_OFFLINE is set, and this needs the network'
        )
    if isinstance(error, errors.LocalEntryNotFoundError):
        return UserFileNotFoundError(
            f'{address} is not in the cache, and {endpoint()} cannot be asked '
            f'({_reason(error.__cause__ or error)}); fetch it once where '
            'there is a network'
        )
    return UserOSError(
        f'{address}: {endpoint()} failed ({_reason(error)}); try again later'
    )


def _reason(error: BaseException) -> str:
    if 'offline' in str(error).lower():
        return 'HF_HUB_OFFLINE is set'
    line = str(error).strip().partition('\n')[0][:160].rstrip('.')
    return line or type(error).__name__
