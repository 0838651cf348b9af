"""What pages name and link to is there."""

import argparse
import importlib
import re
from pathlib import Path

import pytest

from mmdcl import configs
from mmdcl.cli.flags import COMMANDS
from tests.commands.documented import PAGES, ROOT


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r'^```.*?^```', '', page.read_text(), flags=re.S | re.M)


def code(page: Path) -> list[str]:
    """What stands between backticks in prose."""
    return re.findall(r'`([^`]+)`', prose(page).replace('\n', ' '))


def anchors(page: Path) -> set[str]:
    """Of its headings, as on pages of repositories."""
    heads = re.findall(r'^#+ (.*)$', prose(page), re.M)
    return {
        re.sub(r'[^\w\- ]', '', head.lower()).replace(' ', '-')
        for head in heads
    }


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r'\]\(([^)]+)\)', page.read_text()):
        if '://' in link:
            continue
        path, _, anchor = link.partition('#')
        target = (page.parent / path) if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_what_is_named_exists(page):
    for text in code(page):
        if re.fullmatch(r'mmdcl(\.\w+)+', text):
            module = importlib.import_module('mmdcl')
            for name in text.split('.')[1:]:
                if not hasattr(module, name):
                    importlib.import_module(f'{module.__name__}.{name}')
                module = getattr(module, name)
        for path in re.findall(r'(?:tools|configs|tests|mmdcl)/[\w/.]+', text):
            if not re.search(r'[*{]', text) and not path.endswith('.'):
                assert (ROOT / path).exists(), text
        for test in re.findall(r'^((?:\w+/)?test_\w+\.py)', text):
            assert (ROOT / 'tests' / test).exists(), text


def test_configs_that_are_named_exist():
    stems = {Path(name).name for name in configs.names()}
    for page in PAGES:
        for text in code(page):
            options = re.fullmatch(r'(.*)\{(.*)\}(.*)', text)
            each = [text]
            if options and '/' not in text:
                begin, middle, end = options.groups()
                each = [f'{begin}{x}{end}' for x in middle.split(',')]
            for name in each:
                if re.fullmatch(r'[\w-]+_\d*(resnet|slimr)\d+_\w+', name):
                    assert name in stems, name


def flags() -> set[str]:
    """Of all commands, of scripts with some of their own, and pip's."""
    found = {'--help', '--force-reinstall', '--no-deps', '--upgrade'}
    for _, add in COMMANDS.values():
        parser = argparse.ArgumentParser()
        add(parser)
        found |= {x for a in parser._actions for x in a.option_strings}
    for path in ROOT.glob('tools/**/*.py'):
        found |= set(re.findall(r"'(--[a-z-]+)'", path.read_text()))
    return found


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_flags_that_are_named_exist(page):
    known = flags()
    for text in code(page):
        if text.startswith(('--', 'mmdcl ', 'python tools/')):
            for flag in re.findall(r'(?<!\S)--[a-z][a-z-]*', text):
                assert flag in known, text


def test_the_readme_is_short():
    lines = PAGES[0].read_text().splitlines()
    assert len(lines) < 180


def test_the_index_leads_to_every_page():
    text = (ROOT / 'docs/index.md').read_text()
    listed = text[text.index('{toctree}') :].split()
    names = {page.stem for page in ROOT.glob('docs/*.md')} - {'index'}
    assert names <= set(listed)
