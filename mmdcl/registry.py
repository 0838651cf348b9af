"""Child registries, so that ``type='mmdcl.X'`` resolves from any scope."""

from difflib import get_close_matches

try:
    from mmengine import registry as upstream
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "mmdcl's registered parts need OpenMMLab: pip install 'mmdcl[onedl]' "
        "(maintained), or 'mmdcl[openmmlab]' if you already use the original "
        'mmengine, mmcv and mmpretrain; never both'
    ) from error


class Registry(upstream.Registry):
    """A registry that answers an unknown name with the nearest known ones."""

    def get(self, key: str):
        found = super().get(key)
        scope, name = self.split_scope_key(key)
        if found is None and scope in (None, self.scope):
            near = get_close_matches(name, self.module_dict, n=3)
            raise KeyError(
                f'{self.scope}.{name} is not a registered {self.name}; '
                + (f'did you mean {" or ".join(near)}? ' if near else '')
                + f'There are: {", ".join(sorted(self.module_dict))}'
            )
        return found

    def __contains__(self, key: str) -> bool:
        return self.split_scope_key(key)[1] in self.module_dict


def _child(parent: upstream.Registry, room: str) -> Registry:
    return Registry(
        parent.name, parent=parent, scope='mmdcl', locations=[f'mmdcl.{room}']
    )


MODELS = _child(upstream.MODELS, 'models')
LOOPS = _child(upstream.LOOPS, 'engine')
HOOKS = _child(upstream.HOOKS, 'engine')
DATASETS = _child(upstream.DATASETS, 'datasets')
TRANSFORMS = _child(upstream.TRANSFORMS, 'datasets')
