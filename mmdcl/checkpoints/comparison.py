"""Whether tensors are those of a network, by their names and shapes."""

from collections.abc import Collection, Mapping

from torch import Tensor

from ..errors import few
from .layouts import describe


def listed(title: str, names: list[str]) -> str:
    """How many names there are, and the first of them."""
    return f'{len(names)} {title}: {few(names, 10)}'


def networks(
    theirs: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> str:
    """What both networks are, where that can be told and differs."""
    then, here = describe(theirs), describe(wanted)
    if not then or then == here:
        return ''
    return f'\nThe checkpoint has a {then}' + (
        f', not a {here}' if here else ''
    )


def differences(
    theirs: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    optional: Collection[str] = (),
) -> str:
    """Why tensors are not those of a network, or ``''`` if they are.

    Counters of batches do not matter, nor do modules that the network does
    not have at all, such as a classifier beside a backbone.

    Args:
        theirs: By the names of the network.
        wanted: Its state dict.
        optional: Beginnings of names that may be absent.

    Returns:
        Lines with the names that are missing, unexpected or of another shape.
    """
    children = {name.partition('.')[0] for name in wanted}
    missing = [
        name
        for name in wanted
        if name not in theirs
        and not name.endswith('num_batches_tracked')
        and not name.startswith(tuple(optional))
    ]
    unexpected = [
        name
        for name in theirs
        if name not in wanted and name.partition('.')[0] in children
    ]
    other = [
        f'{name} {tuple(theirs[name].shape)} instead of {tuple(tensor.shape)}'
        for name, tensor in wanted.items()
        if name in theirs and theirs[name].shape != tensor.shape
    ]
    return ''.join(
        f'\n  {listed(title, names)}'
        for title, names in (
            ('missing', missing),
            ('unexpected', unexpected),
            ('of another shape', other),
        )
        if names
    )
