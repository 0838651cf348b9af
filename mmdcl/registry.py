"""Child registries, so that ``type='mmdcl.X'`` resolves from any scope."""

from difflib import get_close_matches
from importlib.util import find_spec

if missing := [
    name for name in ('mmengine', 'mmcv', 'mmpretrain') if not find_spec(name)
]:
    raise ModuleNotFoundError(
        f"mmdcl's registered parts need {', '.join(missing)}: pip install "
        "'mmdcl[onedl]' (maintained), or 'mmdcl[openmmlab]' if you already "
        'live on the original OpenMMLab packages; never both'
    )

from mmengine import registry as upstream


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
            raise KeyError(
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
LOOPS = _child(upstream.LOOPS, 'engine')
OPTIM_WRAPPERS = _child(upstream.OPTIM_WRAPPERS, 'engine')
OPTIMIZERS = _child(upstream.OPTIMIZERS, 'engine')
HOOKS = _child(upstream.HOOKS, 'engine', 'views', 'downstream.pretrained')
DATASETS = _child(upstream.DATASETS, 'datasets')
TRANSFORMS = _child(upstream.TRANSFORMS, 'datasets', 'views')
