"""A walk through a config: which of its dicts is built, and by what class."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine import registry as root
from mmengine.registry import Registry
from torch.utils.data import DataLoader

from .registered import registered

# Below these keys of a model upstream builds by other ways, which take keys
# out before.
_OTHER_WAYS = ('_cfg', 'dcn', 'plugins', 'roi_layer', 'cfg')
# What mmpretrain's multimodal models, mmdet's DETR and CascadeRPN take out.
_TAKEN_OUT = ('pretrained', 'bg_cls_weight', 'sampling')
# What RandAugment and AutoAugment take out of theirs.
_POLICY = ('magnitude_key', 'magnitude_range')
_LOADER = {'dataset', 'sampler', 'batch_sampler', 'collate_fn'}
_LOADER |= {'worker_init_fn', 'num_batch_per_epoch'}
_LOADER |= {'disable_subprocess_warning'}


@dataclass(frozen=True)
class Part:
    """A dict of a config that something is built from.

    Attributes:
        path: Its key, as after ``--cfg-options``.
        config: The dict.
        name: What it is built of, as the user calls it.
        kind: The same, found; ``None`` if it is not known.
        extra: Keys that are used on the way.
        names: That are registered there, where that is sure.
    """

    path: str
    config: dict
    name: str
    kind: Callable | None
    extra: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Walk:
    """The walk through a config, and in which scope it is."""

    scope: str | None

    def part(
        self,
        path: str,
        config: Any,
        registry: Registry,
        default: str | Callable | None = None,
        extra: Sequence[str] = (),
        certain: bool = True,
    ) -> Iterator[Part]:
        """One dict, if it is one that can be built.

        Where it is not ``certain`` that it is built from this registry, one
        whose name is unknown there is none.
        """
        if not isinstance(config, dict):
            return
        kind = config.get('type', default)
        if kind is None:
            return
        found, names = kind, []
        if isinstance(kind, str):
            found, names = registered(
                registry, kind, self.inside(config).scope
            )
            if found is None and not certain and not names:
                return
        elif not callable(kind):
            return
        yield Part(
            path,
            config,
            kind if isinstance(kind, str) else kind.__name__,
            found,
            frozenset({'type', '_scope_', '_delete_', *extra}),
            tuple(names),
        )

    def inside(self, config: dict) -> 'Walk':
        return Walk(config.get('_scope_') or self.scope)

    def many(
        self, path: str, configs: Any, registry: Registry, *args: Any
    ) -> Iterator[Part]:
        """A dict, or a list or dict of such."""
        if isinstance(configs, dict) and 'type' in configs:
            yield from self.part(path, configs, registry, *args)
            return
        for key, config in _items(configs):
            yield from self.many(f'{path}.{key}', config, registry, *args)

    def model(self, path: str, config: Any) -> Iterator[Part]:
        """A model's parts at any depth."""
        inside = self
        if isinstance(config, dict):
            inside = self.inside(config)
            top = path in ('model', 'data_preprocessor')
            bare = path == 'model.support_set'
            default = 'mmdcl.SupportSet' if bare else None
            extra = () if top else _TAKEN_OUT
            yield from self.part(
                path, config, root.MODELS, default, extra, top
            )
        for key, inner in _items(config):
            if not str(key).endswith(_OTHER_WAYS):
                yield from inside.model(f'{path}.{key}', inner)

    def loader(self, path: str, config: Any) -> Iterator[Part]:
        if not isinstance(config, dict):
            return
        yield Part(path, config, 'DataLoader', DataLoader, frozenset(_LOADER))
        yield from self.dataset(f'{path}.dataset', config.get('dataset'))
        for key, registry in (
            ('sampler', root.DATA_SAMPLERS),
            ('batch_sampler', root.DATA_SAMPLERS),
        ):
            yield from self.part(f'{path}.{key}', config.get(key), registry)

    def dataset(self, path: str, config: Any) -> Iterator[Part]:
        """A dataset, those that it wraps, and their pipelines."""
        if not isinstance(config, dict):
            return
        yield from self.part(path, config, root.DATASETS)
        inside = self.inside(config)
        yield from inside.dataset(f'{path}.dataset', config.get('dataset'))
        for key, inner in _items(config.get('datasets')):
            yield from inside.dataset(f'{path}.datasets.{key}', inner)
        pipeline = config.get('pipeline')
        yield from inside.transforms(f'{path}.pipeline', pipeline)

    def transforms(
        self, path: str, config: Any, certain: bool = True
    ) -> Iterator[Part]:
        """Transforms, those of views included."""
        inside = self
        if isinstance(config, dict):
            inside = self.inside(config)
            if 'type' in config:
                if str(config['type']).rpartition('.')[2].startswith('Albu'):
                    return  # which has its own inside
                auto = _POLICY if '.policies.' in path else ()
                yield from self.part(
                    path, config, root.TRANSFORMS, None, auto, certain
                )
                certain = False
        for key, inner in _items(config):
            yield from inside.transforms(f'{path}.{key}', inner, certain)

    def hooks(self, path: str, config: Any) -> Iterator[Part]:
        for key, hook in _items(config):
            here = f'{path}.{key}'
            yield from self.part(here, hook, root.HOOKS, extra=('priority',))
            if isinstance(hook, dict):
                switched = hook.get('switch_pipeline')
                name = f'{here}.switch_pipeline'
                yield from self.transforms(name, switched)

    def evaluator(self, path: str, config: Any) -> Iterator[Part]:
        if isinstance(config, dict) and 'metrics' in config:
            yield from self.part(path, config, root.EVALUATOR, 'Evaluator')
            path, config = f'{path}.metrics', config['metrics']
        yield from self.many(path, config, root.METRICS)

    def optimizer(self, path: str, config: Any) -> Iterator[Part]:
        if not isinstance(config, dict):
            return
        inner = config.get('optimizer')
        if inner is not None or not config.get('constructor'):
            yield from self.part(
                path,
                config,
                root.OPTIM_WRAPPERS,
                'OptimWrapper',
                ('constructor', 'paramwise_cfg'),
            )
        inside = self.inside(config)
        name = f'{path}.optimizer'
        yield from inside.part(name, inner, root.OPTIMIZERS)


def _items(config: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(config, dict):
        yield from config.items()
    elif isinstance(config, (list, tuple)):
        yield from enumerate(config)
