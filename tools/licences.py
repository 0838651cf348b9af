"""Licences of what mmdcl needs, as a Markdown table.

    python tools/licences.py [EXTRA ...] > docs/dependencies.md

Walks the installed requirements of mmdcl with these extras (default: onedl,
det, seg) and prints what each package says of itself.
"""

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

HEAD = """# Dependencies and their licences

What `pip install 'mmdcl[{extras}]'` brought when this table was made, by
`python tools/licences.py`; each line is what the package says of itself.

| package | version | licence |
|---|---|---|"""
LONGEST = 60  # characters: some put the whole text there


def licence(found: Distribution) -> str:
    """What the metadata of a package calls its licence."""
    said = found.metadata.get('License-Expression')
    if not said:
        names = [
            name.rpartition(' :: ')[2]
            for name in found.metadata.get_all('Classifier') or []
            if name.startswith('License ::')
        ]
        said = ', '.join(names) or found.metadata.get('License') or ''
    first = re.sub(r'\s+', ' ', said).strip()
    return first[:LONGEST] or 'not said'


def closure(name: str, extras: set[str]) -> dict[str, Distribution]:
    """Every installed package that a package needs, by its name."""
    found: dict[str, Distribution] = {}
    done: set[tuple[str, frozenset[str]]] = set()
    todo = [(name, frozenset(extras))]
    while todo:
        name, wanted = todo.pop()
        name = re.sub(r'[-_.]+', '-', name).lower()
        if (name, wanted) in done:
            continue
        done.add((name, wanted))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue
        for line in found[name].requires or []:
            needed = Requirement(line)
            if needed.marker is None or any(
                needed.marker.evaluate({'extra': extra})
                for extra in {'', *wanted}
            ):
                todo.append((needed.name, frozenset(needed.extras)))
    return found


def main() -> None:
    extras = sys.argv[1:] or ['onedl', 'det', 'seg']
    print(HEAD.format(extras=','.join(extras)))
    for name, package in sorted(closure('mmdcl', set(extras)).items()):
        if name != 'mmdcl':
            print(f'| {name} | {package.version} | {licence(package)} |')


if __name__ == '__main__':
    main()
