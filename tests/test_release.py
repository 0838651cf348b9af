"""What a release says of itself in several places is the same."""

import re
from pathlib import Path

import mmdcl
from mmdcl.cli.doctor.distributions import MAINTAINED, ORIGINAL

ROOT = Path(__file__).parents[1]


def text(name: str) -> str:
    return ROOT.joinpath(name).read_text()


def test_versions_agree():
    cited = re.search(r'^version: (\S+)$', text('CITATION.cff'), re.M)
    assert cited[1] == mmdcl.__version__
    newest = re.search(r'^## (\S+)', text('CHANGELOG.md'), re.M)
    assert newest[1] in ('Unreleased', mmdcl.__version__)


def test_classifiers_are_pythons_that_trained():
    claimed = re.findall(r'Python :: (3\.\d+)"', text('pyproject.toml'))
    trained = re.findall(
        r'^\| \w+ \| (3\.\d+)\.\d+ \|.*\| works \| works \| same losses \|',
        text('docs/environments.md'),
        re.M,
    )
    assert claimed
    assert set(claimed) == set(trained)


def test_families_are_those_that_are_asked_for():
    asked = text('pyproject.toml')
    for family in (MAINTAINED, ORIGINAL):
        for names in family.values():
            assert any(f'"{name}' in asked for name in names), names
