"""What a runner builds from a config, and where in it that is."""

from collections.abc import Iterator
from typing import Any

from mmengine import registry as root
from mmengine.config import Config
from mmengine.runner import Runner

from .config_walk import Part, Walk

_RUNNING = ('train', 'val', 'test')


def parts(cfg: Config) -> Iterator[Part]:
    """All that a runner builds from a config, as far as it is known.

    Registries import what the runner will import.
    """
    walk = Walk(cfg.get('default_scope') or 'mmengine')
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


def _loop(walk: Walk, path: str, config: Any) -> Iterator[Part]:
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
