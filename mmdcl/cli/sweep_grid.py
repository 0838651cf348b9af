"""What runs the flags of ``mmdcl sweep`` ask for, and which are done."""

import argparse
import sys
from collections.abc import Collection
from itertools import product
from pathlib import Path
from typing import Any

from .sweep_run import Setting


def options_of(grid: list[str]) -> list[tuple[str, ...]]:
    """All combinations of the values, each as ``('key=value', ...)``."""
    axes = []
    for axis in grid:
        name, equals, values = axis.partition('=')
        if not (name and equals and values):
            sys.exit(f'error: --grid {axis}: expected KEY=VALUE,VALUE')
        axes.append([f'{name}={value}' for value in _values(values)])
    return list(product(*axes))


def _values(text: str) -> list[str]:
    """At commas that are in no brackets."""
    found, depth = [''], 0
    for letter in text:
        depth += (letter in '([{') - (letter in ')]}')
        if letter == ',' and not depth:
            found.append('')
        else:
            found[-1] += letter
    return found


def settings_of(args: argparse.Namespace) -> list[Setting]:
    """All runs that the flags ask for, seed by seed."""
    return [
        Setting(config, options, batch, factor, temperature, seed)
        for seed, temperature, factor, batch, options, config in product(
            dict.fromkeys(args.seeds),
            dict.fromkeys(args.temperatures),
            dict.fromkeys(args.lr_factors),
            dict.fromkeys(args.batch_sizes or [None]),
            options_of(args.grid),
            dict.fromkeys(str(Path(x)) for x in args.configs),
        )
    ]


def as_done(
    settings: list[Setting], rows: Collection, args: argparse.Namespace
) -> list[Setting]:
    """Those whose run is done as one that was typed otherwise.

    With --batch-sizes a config's own batch is the run that it is without,
    if its learning rate is for that batch.
    """
    twins = [x for x in rows if x[:2] in {y[:2] for y in settings}]
    if all(x in rows for x in settings) or not twins:
        return settings
    own = {x[:2]: _own_batch(*x[:2], args.gpus_of_run or 1) for x in twins}

    def found(one: Setting) -> Setting:
        batch = own.get(one[:2])
        if one in rows or one.batch_size not in {None, batch}:
            return one
        twin = one._replace(batch_size=None if one.batch_size else batch)
        return twin if twin in rows else one

    return list(dict.fromkeys(map(found, settings)))


def _own_batch(
    config: str, options: tuple[str, ...], processes: int
) -> int | None:
    """Images of a process; None if the learning rate is for others."""
    from ..config_parts import part

    cfg = merged(config, options)
    batch = part(cfg, 'train_dataloader').get('batch_size')
    scale = part(cfg, 'auto_scale_lr').get('base_batch_size')
    return batch if batch and batch * processes == scale else None


def merged(config: str, options: tuple[str, ...]) -> Any:
    """A config with its options, and a temperature as each run has one."""
    from ..configs import find_config
    from .configuration import option_values, read_config
    from .settings import merge_options

    cfg = read_config(find_config(config))
    given = dict(option.split('=', 1) for option in options)
    temperature = {'model.head.temperature': '0.1'}
    merge_options(cfg, option_values(given | temperature) or {})
    return cfg


def one_name_each(args: argparse.Namespace, rows: dict) -> None:
    """Folders and lines of the table are named by the config's name."""
    configs = [str(Path(x)) for x in args.configs]
    configs += [row['config'] for row in rows.values()]
    by_name = {Path(config).stem: config for config in reversed(configs)}
    for config in configs:
        first = by_name[Path(config).stem]
        if config != first:
            sys.exit(
                f'error: {first} and {config} would share a work_dir and a '
                f'line of {args.out}/table.md; rename one, or give another '
                '--out and --work-dir'
            )
