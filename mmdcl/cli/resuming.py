"""Which checkpoint ``--resume`` means."""

from pathlib import Path
from typing import Any

from ..checkpoints import newest_good, read_checkpoint
from ..checkpoints.strict import fetched_by_mmengine, refuse_address
from ..config_parts import short_name
from ..errors import UserFileNotFoundError, UserValueError
from ..hub.addresses import is_address
from ..hub.download import local_file
from .hooks import add_hooks
from .work_dir import checkpoint_out_dir, claim_work_dir, on_main_rank

AUTO = 'auto'


def checkpoint_to_resume(
    work_dir: str | Path,
    asked: str = AUTO,
    trust: bool = False,
    out_dir: str | None = None,
    say: Any = print,
) -> str | None:
    """The checkpoint to resume, read strictly.

    Args:
        work_dir: Folder of the run, after all options were applied.
        asked: A path or an address, or ``'auto'`` for the newest good one.
        trust: As in ``read_checkpoint``.
        out_dir: That of the checkpoint hook.
        say: Prints a line.

    Returns:
        A path; None if there is nothing to resume.

    Raises:
        FileNotFoundError: The path that was asked for is missing.
        ValueError: It is bad, or all that is there is bad. The message names
            the newest good one if there is one.
    """
    if asked != AUTO:
        if is_address(asked):  # what resumes compares files
            path = str(local_file(asked).path)
            say(f'--resume: {asked} is {path}')
            asked = path
        if not fetched_by_mmengine(asked):
            _check(asked, work_dir, trust, out_dir)
        elif not trust:
            refuse_address(asked)
        return asked
    found, passed = newest_good(work_dir, trust, out_dir)
    if found is None and passed:
        raise UserValueError(
            f'--resume: no checkpoint in {work_dir} can be resumed:'
            + ''.join(f'\n  {phrase}' for phrase in passed)
        )
    if found is None:
        say(
            f'--resume: there is nothing to resume in {work_dir}; training '
            'starts anew'
        )
        return None
    for phrase in passed:
        say(f'--resume: passed over: {phrase}')
    say(f'--resume: resuming {found}, the newest good checkpoint')
    return str(found)


def _check(
    asked: str, work_dir: str | Path, trust: bool, out_dir: str | None
) -> None:
    try:
        found = read_checkpoint(asked, trust)
        meta = found.get('meta')
        if not isinstance(meta, dict) or not {'iter', 'epoch'} <= {*meta}:
            raise UserValueError(
                f'{asked} holds weights but no state of training (no `iter` '
                'and `epoch` in its `meta`), so that training cannot be '
                'resumed from it; to start from its weights, use '
                f'--cfg-options load_from={asked}'
            )
    except (OSError, ValueError) as error:
        good = newest_good(Path(asked).parent, trust)[0]
        good = good or newest_good(work_dir, trust, out_dir)[0]
        missing = isinstance(error, FileNotFoundError)
        kind = UserFileNotFoundError if missing else UserValueError
        hint = f'. The newest good one is {good}: --resume {good}'
        raise kind(f'{error}{hint if good else ""}') from error


def resume(
    cfg: Any, asked: str | None, trust: bool = False, say: Any = None
) -> None:
    """Apply ``--resume``, or ``resume=True`` of the config, to a config.

    Args:
        cfg: With all options applied; changed in place. Its `load_from`
            is what to resume if no path was asked for.
        asked: As in ``checkpoint_to_resume``; None if the flag was not given.
        trust: As in ``read_checkpoint``.
        say: Prints a line; default: ``print``, on the first rank only.
    """
    if say is None:
        say = print if on_main_rank(cfg.launcher) else lambda _: None
    if asked is None and not cfg.get('resume'):
        earlier = [*Path(cfg.work_dir).glob('*.pth')]
        if earlier:
            say(
                f'{cfg.work_dir} has checkpoints of an earlier run, such as '
                f'{earlier[0].name}: those of the same names are overwritten '
                '(--resume goes on from them)'
            )
        return
    if asked in (None, AUTO):  # as mmengine reads `resume` and `load_from`
        asked = cfg.get('load_from') or AUTO
    cfg.load_from = checkpoint_to_resume(
        cfg.work_dir, asked, trust, checkpoint_out_dir(cfg), say
    )
    cfg.resume = cfg.load_from is not None


def prepare_training(
    cfg: Any,
    asked: str | None,
    with_changes: bool = False,
    trust: bool = False,
) -> None:
    """What every command that trains does before there is a runner.

    It is watched, has its work_dir for itself, and knows what to resume.

    Args:
        cfg: As in ``resume``.
        asked: As in ``resume``.
        with_changes: Of ``mmdcl.ResumeHook``.
        trust: As in ``read_checkpoint``.
    """
    watch_training(cfg)
    claim_work_dir(cfg)
    resume(cfg, asked, trust)
    _expect_resume(cfg, with_changes)


def watch_training(cfg: Any) -> None:
    """Add what saves at a signal and notices silent ranks, if absent."""
    names = ('HeartbeatHook', 'InterruptHook')
    add_hooks(cfg, *(dict(type=f'mmdcl.{x}') for x in names), first=True)


def _expect_resume(cfg: Any, with_changes: bool) -> None:
    """Let a config have a ResumeHook, whatever it is of."""
    cfg.custom_hooks = [
        hook
        for hook in cfg.get('custom_hooks') or []
        if short_name(hook.get('type')) != 'ResumeHook'
    ]
    add_hooks(cfg, dict(type='mmdcl.ResumeHook', with_changes=with_changes))
