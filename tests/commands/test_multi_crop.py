"""Two large views and four small crops of a user's own images."""

from tests.commands import drawn
from tests.commands.documented import block, logged, typed
from tests.commands.test_docs_commands import SMALL


def test_the_config_of_the_page(tmp_path):
    names = ('cat', 'dog', 'fox')
    drawn.classes(tmp_path / 'photos/train', names, 4, 64, '.jpg')
    tmp_path.joinpath('crops.py').write_text(block('num_views=[2, 4]'))
    options = ['--work-dir', 'run', '--no-validate', '--cfg-options', *SMALL]
    said = typed(
        'crops.py --data-root',
        tmp_path,
        *options,
        instead={'FOLDER': 'photos'},
        report=True,
    )
    assert '18 for each anchor (all 6 views of the other' in ' '.join(
        said.split()
    )
    # 9 images, 4 at a time; 3 are held out.
    assert len(logged(tmp_path / 'run', 'npc_multiplier')) == 2
    assert list(tmp_path.glob('run/**/views.png'))
    page = tmp_path.joinpath('run/report.html').read_text()
    assert 'all 6 views' in page
