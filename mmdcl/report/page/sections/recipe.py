"""The recipe card, what its config changes, and the config."""

from typing import TYPE_CHECKING

from .card import card, changes
from .section import Section, Source

if TYPE_CHECKING:
    from ...runs.folder import RunFolder

_LONGEST = 100_000  # characters of a config


def recipe(source: Source) -> Section:
    run = source.run
    rows = card(run)
    if not run.recipe:
        lead = (
            'This run has no record of its recipe (mmdcl.ProgressHook writes '
            'one): what is here is read from its config.'
        )
        lead = lead if rows else ''
    else:
        lead = ''
    return Section(
        'recipe',
        'Recipe',
        lead,
        content=dict(rows=rows, changes=changes(run), config=config_text(run)),
        note='' if rows else 'The folder holds neither a recipe nor a config.',
    )


def config_text(run: 'RunFolder') -> str:
    """The config as it ran, as its file has it; '' if there is none."""
    folder = run.path if run.path.is_dir() else run.path.parent
    found = sorted(folder.glob('*/vis_data/config.py'))
    found += [folder / 'vis_data' / 'config.py']
    for path in reversed(found):
        if path.is_file():
            text = path.read_text(encoding='utf-8', errors='replace')
            cut = len(text) > _LONGEST
            return text[:_LONGEST] + '\n# ... cut here' * cut
    return ''
