"""What a config builds: where, from which registry, by which class."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from mmengine import registry as root
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.registry import Registry
from mmengine.runner import Runner
from torch.utils.data import DataLoader

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
# Whose registries mmengine imports when it meets their name.
_SCOPES = ('mmdcl', *MODULE2PACKAGE)
_RUNNING = ('train', 'val', 'test')


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
        certain: It is built from a registry, or not at all.
    """

    path: str
    config: dict
    name: str
    kind: Callable | None
    extra: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    certain: bool = True


@dataclass(frozen=True)
class _Walk:
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
        """One dict, if it is one that can be built."""
        if not isinstance(config, dict):
            return
        kind = config.get('type', default)
        if kind is None:
            return
        found, names = kind, []
        if isinstance(kind, str):
            found, names = find(registry, kind, self.inside(config).scope)
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
            certain,
        )

    def inside(self, config: dict) -> '_Walk':
        return _Walk(config.get('_scope_') or self.scope)

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


def parts(cfg: Config) -> Iterator[Part]:
    """All that a runner builds from a config, as far as it is known.

    Registries import what the runner will import.
    """
    walk = _Walk(cfg.get('default_scope') or 'mmengine')
    model = cfg.get('model')
    yield from walk.model('model', model)
    if not (isinstance(model, dict) and 'data_preprocessor' in model):
        common = cfg.get('data_preprocessor')  # else it is not used
        yield from walk.model('data_preprocessor', common)
    for name in _RUNNING:
        loader = f'{name}_dataloader'
        yield from walk.loader(loader, cfg.get(loader))
        yield from _loop(walk, f'{name}_cfg', cfg.get(f'{name}_cfg'))
        evaluator = f'{name}_evaluator'
        yield from walk.evaluator(evaluator, cfg.get(evaluator))
    yield from walk.optimizer('optim_wrapper', cfg.get('optim_wrapper'))
    yield from walk.many(
        'param_scheduler',
        cfg.get('param_scheduler'),
        root.PARAM_SCHEDULERS,
        None,
        ('convert_to_iter_based',),
    )
    for name in ('default_hooks', 'custom_hooks'):
        yield from walk.hooks(name, cfg.get(name))
    visualizer = cfg.get('visualizer')
    yield from walk.part('visualizer', visualizer, root.VISUALIZERS)
    if isinstance(visualizer, dict):
        yield from walk.many(
            'visualizer.vis_backends',
            visualizer.get('vis_backends'),
            root.VISBACKENDS,
        )
    yield from walk.part(
        'log_processor',
        cfg.get('log_processor'),
        root.LOG_PROCESSORS,
        'LogProcessor',
    )
    yield from _functions(cfg)


def _loop(walk: _Walk, path: str, config: Any) -> Iterator[Part]:
    if not isinstance(config, dict):
        return
    default = {'val_cfg': 'ValLoop', 'test_cfg': 'TestLoop'}.get(path)
    if path == 'train_cfg' and 'by_epoch' in config:
        epochs = config['by_epoch']
        default = 'EpochBasedTrainLoop' if epochs else 'IterBasedTrainLoop'
    yield from walk.part(path, config, root.LOOPS, default, ('by_epoch',))
    bank = config.get('bank_dataloader')
    yield from walk.loader(f'{path}.bank_dataloader', bank)


def _set_up(cudnn_benchmark, mp_cfg, dist_cfg, resource_limit):
    """What ``env_cfg`` may hold."""


def _scale(base_batch_size, enable):
    """What ``auto_scale_lr`` may hold."""


def _functions(cfg: Config) -> Iterator[Part]:
    for name, function in (
        ('randomness', Runner.set_randomness),
        ('env_cfg', _set_up),
        ('auto_scale_lr', _scale),
    ):
        if isinstance(cfg.get(name), dict):
            yield Part(name, cfg[name], name, function)


def _items(config: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(config, dict):
        yield from config.items()
    elif isinstance(config, (list, tuple)):
        yield from enumerate(config)


def find(
    registry: Registry, name: str, scope: str | None
) -> tuple[Callable | None, list[str]]:
    """What a registry builds of ``name``, and all names that it has.

    Unlike ``registry.get`` this imports no module called ``name``.

    Args:
        registry: The root of its tree.
        name: Bare, or after a scope.
        scope: That a bare name is looked for in first.

    Returns:
        ``None`` if there is none. Names are empty where it is not sure that
        the registry would be asked.
    """
    said, dot, key = name.rpartition('.')
    if '.' in said:
        return None, []
    here = registry
    with suppress(Exception):  # what is broken breaks when it is built
        for wanted in filter(None, (scope, said)):
            if wanted in _SCOPES:
                import_module(f'{wanted}.registry')
            here = next(_below(registry, wanted), here)
        here.import_from_location()
        if said and here.scope != said:
            return None, []
        names = dict(here.module_dict)
        while here.parent is not None and not said:
            here = here.parent
            names = {**here.module_dict, **names}
        return names.get(key), [f'{said}{dot}{x}' for x in names]
    return None, []


def _below(registry: Registry, scope: str) -> Iterator[Registry]:
    if registry.scope == scope:
        yield registry
    for inner in registry.children.values():
        yield from _below(inner, scope)
