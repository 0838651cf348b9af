"""What differs between a run and the one whose checkpoint it resumes."""

import ast
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from .. import registry
from ..checkpoints.config_text import as_data, assignments
from ..sync_bn import without_sync_bn

SILENT, CONFIG, CHECKPOINT = '', 'config', 'checkpoint'
# Only with the option, then the config's; and not even then.
REFUSED, NEVER = 'refused', 'cannot change'

# The first that fits decides. Settings are of `_normal` below.
_POLICY = {
    # how images are fetched, and what only a fresh start would need
    'train_dataloader.num_workers': SILENT,
    'train_dataloader.persistent_workers': SILENT,
    'train_dataloader.pin_memory*': SILENT,
    'train_dataloader.prefetch_factor': SILENT,
    'train_dataloader.collate_fn*': SILENT,
    'train_dataloader.worker_init_fn*': SILENT,
    'train_dataloader.timeout': SILENT,
    'train_dataloader.multiprocessing_context': SILENT,
    'train_dataloader.disable_subprocess_warning': SILENT,
    '*.backend_args*': SILENT,
    '*.file_client_args*': SILENT,
    '*.lazy_init': SILENT,
    '*.serialize_data': SILENT,
    '*.init_cfg*': SILENT,
    'model.pretrained': SILENT,
    '*.with_cp': SILENT,
    '*.verbose': SILENT,
    # when to validate
    'train_cfg.val_*': SILENT,
    'train_cfg.dynamic_intervals*': SILENT,
    'train_cfg.fast_forward_on_resume': SILENT,
    # the same training, to rounding, or as long as the user likes
    '*.data_root': CONFIG,
    '*.on_error': CONFIG,
    '*.max_pixels': CONFIG,
    'model.channels_last': CONFIG,
    'optim_wrapper.loss_scale*': CONFIG,
    'randomness.deterministic': CONFIG,
    'randomness.seed': CHECKPOINT,
    'train_cfg.max_epochs': CONFIG,
    'train_cfg.max_iters': CONFIG,
    'torch': CONFIG,
    'device': CONFIG,
    'threads': CONFIG,
    'loop': CONFIG,
    'train_cfg.unit': NEVER,
    '*': REFUSED,
}
# Hooks that log, save, check or only start: others may change what is trained.
_HARMLESS_HOOK = re.compile(
    r'mmdcl\.(?!(Device|Batch)ViewsHook)\w+|'
    r'(RuntimeInfo|IterTimer|DistSamplerSeed|Logger|ParamScheduler|'
    r'\w*Checkpoint|\w*Visualization|Profiler|NPUProfiler|EmptyCache|'
    r'SyncBuffer|TestTime\w*|PrepareTTA|EarlyStopping|ClassNumCheck|'
    r'MemoryProfiler)Hook'
)
_LOOPS = {
    'mmdcl.ExactTrainLoop': 'epochs',
    'EpochBasedTrainLoop': 'epochs',
    'mmdcl.ExactIterTrainLoop': 'iterations',
    'IterBasedTrainLoop': 'iterations',
}
_MOST_ROWS = 40
# Of ours, but the same images as upstream's.
_ALIKE = {'ImageNet', 'CustomDataset'}
# What says the same as nothing.
_DEFAULTS = {'drop_last': False, 'by_epoch': True, 'begin': 0}


class Change(NamedTuple):
    """One setting that differs, and which value counts.

    Attributes:
        setting: Where it is in a config, or what it is.
        before: As the checkpoint has it, to be read.
        now: As this run has it.
        verdict: ``CONFIG``, ``CHECKPOINT``, ``REFUSED`` or ``NEVER``.
    """

    setting: str
    before: str
    now: str
    verdict: str


def read_config(text: str) -> dict[str, Any]:
    """A config's text as data: nothing in it is called or looked up.

    Args:
        text: As mmengine writes it into checkpoints.

    Returns:
        Its variables. What is neither a literal nor ``dict(...)`` of such is
        its own source, as text.

    Raises:
        ValueError: It is no config.
    """
    try:
        return {
            name: _listed(as_data(node, ast.unparse))
            for name, node in assignments(text).items()
        }
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f'no config that can be read: {error}') from error


def _listed(part: Any) -> Any:
    """As JSON knows it: a tuple is a list, and a key is a text."""
    if isinstance(part, dict):
        return {str(key): _listed(x) for key, x in part.items()}
    if isinstance(part, (list, tuple)):
        return [_listed(x) for x in part]
    return part


def _name(kind: Any, scope: str) -> str:
    """A class as registries know it: ``mmdcl.X`` of ours, else ``X``."""
    package, _, name = str(kind).rpartition('.')
    ours = any(
        name in node.module_dict
        for node in vars(registry).values()
        if isinstance(node, registry.Registry)
    )
    ours &= (package or scope).partition('.')[0] == 'mmdcl'
    if ours and name not in _ALIKE:
        return f'mmdcl.{name}'
    return name


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a config decides how training goes on."""
    scope = str(config.get('default_scope') or '')

    def walk(value: Any) -> Any:
        if isinstance(value, Mapping):
            inner = {str(k): walk(x) for k, x in value.items()}
            inner.pop('_scope_', None)
            if 'type' in inner:
                inner['type'] = _name(inner['type'], scope)
            return inner
        if isinstance(value, (list, tuple)):
            return [walk(x) for x in value]
        return value

    names = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper')
    names += ('param_scheduler', 'auto_scale_lr', 'randomness')
    names += ('efficient_conv_bn_eval', 'data_preprocessor')
    settings = {name: walk(config.get(name)) for name in names}
    preprocessor = settings.pop('data_preprocessor')
    if isinstance(settings['model'], dict) and preprocessor:
        settings['model'].setdefault('data_preprocessor', preprocessor)
    if isinstance(settings['train_cfg'], dict):
        _name_loop(settings['train_cfg'])
    if isinstance(settings['optim_wrapper'], dict):
        settings['optim_wrapper'].setdefault('type', 'OptimWrapper')
    if isinstance(settings['param_scheduler'], dict):
        settings['param_scheduler'] = [settings['param_scheduler']]
    if not _dict(settings['auto_scale_lr']).get('enable'):
        del settings['auto_scale_lr']
    hooks = [*_dict(walk(config.get('default_hooks'))).values()]
    custom = walk(config.get('custom_hooks'))
    hooks += custom if isinstance(custom, list) else []
    settings['hooks'] = {
        hook['type']: hook
        for hook in hooks
        if isinstance(hook, dict)
        and not _HARMLESS_HOOK.fullmatch(str(hook.get('type')))
    }
    return settings


def _dict(value: Any) -> dict:
    return value if isinstance(value, dict) else {}


def _name_loop(train_cfg: dict) -> None:
    by_epoch = train_cfg.pop('by_epoch', True)
    default = 'EpochBasedTrainLoop' if by_epoch else 'IterBasedTrainLoop'
    loop = train_cfg.pop('type', default)
    if loop in _LOOPS:
        train_cfg['unit'] = _LOOPS[loop]
    else:
        train_cfg['type'] = loop


def config_changes(
    before: Mapping[str, Any], now: Mapping[str, Any], alone: bool = False
) -> list[Change]:
    """The settings that differ, without those that make no difference.

    Args:
        before: Of :func:`read_config`, from the checkpoint.
        now: Of the same, from the config of this run.
        alone: Both runs have one process, to which SyncBN is BN.
    """
    if alone:
        before, now = without_sync_bn(before), without_sync_bn(now)
    return _judged(_differences(_settings(before), _settings(now)))


def fact_changes(
    before: Mapping[str, Any], now: Mapping[str, Any]
) -> list[Change]:
    """As :func:`config_changes`, of what no config says (see ResumeHook).

    What a checkpoint does not remember, older ones for instance, passes.
    """
    return _judged(
        (name.replace('_', ' '), before[name], value)
        for name, value in now.items()
        if before.get(name) not in (None, value)
    )


def _judged(pairs: Iterator[tuple[str, Any, Any]]) -> list[Change]:
    changes = []
    for setting, before, now in pairs:
        verdict = next(
            verdict
            for pattern, verdict in _POLICY.items()
            if fnmatchcase(setting, pattern)
        )
        if verdict:
            cells = (_brief(x) for x in (before, now))
            changes.append(Change(_printable(setting), *cells, verdict))
    return changes


def _differences(
    before: Any, now: Any, at: str = ''
) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted({*before, *now})
        if before.get('type') != now.get('type'):  # others mean other things
            keys = [key for key in keys if key in before and key in now]
            keys = sorted({'type', *keys})
        for key in keys:
            default = _DEFAULTS.get(key)
            here = f'{at}.{key}' if at else key
            yield from _differences(
                before.get(key, default), now.get(key, default), here
            )
    elif (
        isinstance(before, list)
        and isinstance(now, list)
        and len(before) == len(now)
    ):
        for i, pair in enumerate(zip(before, now, strict=True)):
            yield from _differences(*pair, f'{at}.{i}')
    elif before != now and not (_empty(before) and _empty(now)):
        yield at, before, now


def _empty(value: Any) -> bool:
    return value is None or value in ([], {})


def _brief(value: Any, width: int = 48) -> str:
    if value is None:
        return 'not set'
    if isinstance(value, dict) and 'type' in value:
        rest = (f'{k}={x!r}' for k, x in value.items() if k != 'type')
        text = f'{value["type"]}({", ".join(rest)})'
    else:
        text = str(value)
    return _printable(text, width)


def _printable(text: str, width: int = 80) -> str:
    # A terminal obeys what some letters say.
    text = ' '.join(text[:500].split())
    text = ''.join(x if x.isprintable() else '?' for x in text)
    return text if len(text) <= width else f'{text[: width - 3]}...'


def table(changes: list[Change], accepted: bool) -> str:
    """Aligned columns: setting, checkpoint, config, which one counts.

    Args:
        changes: The rows.
        accepted: Such that are refused count, as the user said so.
    """
    counts = {REFUSED: CONFIG} if accepted else {}
    lines = [('setting', 'checkpoint', 'config', 'counts')] + [
        (*change[:3], counts.get(change.verdict, change.verdict))
        for change in changes[:_MOST_ROWS]
    ]
    if more := len(changes[_MOST_ROWS:]):
        lines.append((f'and {more} more', '', '', ''))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return '\n'.join(
        '  '.join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )
