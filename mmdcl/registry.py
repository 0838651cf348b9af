"""Child registries, so that ``type='mmdcl.X'`` resolves from any scope."""

from collections.abc import Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

from .errors import UserKeyError, UserModuleNotFoundError

if missing := [
    name for name in ('mmengine', 'mmcv', 'mmpretrain') if not find_spec(name)
]:
    raise UserModuleNotFoundError(
        f"mmdcl's registered parts need {', '.join(missing)}: pip install "
        "'mmdcl[onedl]' (maintained), or 'mmdcl[openmmlab]' if you already "
        'live on the original OpenMMLab packages; never both'
    )

from mmengine import registry as upstream
from mmengine.dataset import default_collate as upstream_collate
from mmengine.runner.checkpoint import CheckpointLoader


class Registry(upstream.Registry):
    """A registry that answers an unknown name with the nearest known ones."""

    def get(self, key: str):
        found = super().get(key)
        scope, name = self.split_scope_key(key)
        if found is None and scope in (None, self.scope):
            known = {known.lower(): known for known in self.module_dict}
            near = [
                known[n] for n in get_close_matches(name.lower(), known, n=3)
            ]
            raise UserKeyError(
                f'{self.scope}.{name} is not a registered {self.name}; '
                + (f'did you mean {" or ".join(near)}? ' if near else '')
                + f'There are: {", ".join(sorted(self.module_dict))}'
            )
        return found

    def __contains__(self, key: str) -> bool:
        return self.split_scope_key(key)[1] in self.module_dict


def _child(parent: upstream.Registry, *rooms: str) -> Registry:
    return Registry(
        parent.name,
        parent=parent,
        scope='mmdcl',
        locations=[f'mmdcl.{room}' for room in rooms],
    )


MODELS = _child(upstream.MODELS, 'models', 'views')
LOOPS = _child(upstream.LOOPS, 'engine', 'protocols')
OPTIM_WRAPPERS = _child(upstream.OPTIM_WRAPPERS, 'engine')
OPTIMIZERS = _child(upstream.OPTIMIZERS, 'engine')
HOOKS = _child(
    upstream.HOOKS,
    'engine',
    'views',
    'downstream.pretrained',
    'report.progress',
)
DATASETS = _child(upstream.DATASETS, 'datasets')
TRANSFORMS = _child(upstream.TRANSFORMS, 'datasets', 'views')


@CheckpointLoader.register_scheme(prefixes=('hf://', 'mmdcl://'), force=True)
def load_by_address(filename: str, map_location: Any = None) -> dict[str, Any]:
    """``hf://`` and ``mmdcl://`` wherever mmengine reads a checkpoint.

    Strictly: tensors and plain values, no code.

    The tensors are on the CPU; mmengine copies them to where they belong.
    """
    # Not of those who name a head of ours and load nothing.
    from .checkpoints.strict import read_for_mmengine

    return read_for_mmengine(filename)


@upstream.FUNCTIONS.register_module(force=True)
def default_collate(batch: Sequence, _scope_: str | None = None) -> Any:
    """mmengine's own, also where a config inherits it from another package.

    mmengine marks what is inherited by ``mmpretrain::`` with ``_scope_``, and
    then (0.10.7 and onedl 0.10.12) hands the mark to a ``collate_fn`` as an
    argument, which would end training before it begins.
    """
    return upstream_collate(batch)
