"""What a written page says and is made of."""

import json
from html.parser import HTMLParser
from pathlib import Path

from PIL import Image

ALONE = {'area', 'base', 'br', 'col', 'hr', 'img', 'input', 'link', 'meta'}
MAY_LOAD = ('#', 'data:')


class Read(HTMLParser):
    """A page as a browser takes it.

    Attributes:
        elements: Names of elements and their attributes.
        text: Of the whole page, without its style.
        sections: Texts, by the ``id`` of the section.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.text, self.sections = '', {}
        self._open: list[str] = []
        self._section = ''
        self.feed(html)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ALONE:
            self._open.append(tag)
        if tag == 'section':
            self._section = dict(attrs)['id']
            self.sections[self._section] = ''

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open[-1:] == ['style']:
            return
        self.text += data
        if 'section' in self._open:
            self.sections[self._section] += data

    def dangers(self) -> list:
        """What could run, or ask for something elsewhere."""
        found = []
        for tag, attributes in self.elements:
            if tag in ('script', 'iframe', 'object', 'embed', 'form', 'base'):
                found.append(tag)
            for key, value in attributes.items():
                loads = key in ('src', 'href', 'xlink:href', 'srcset')
                bad = loads and not (value or '').startswith(MAY_LOAD)
                bad |= key.startswith('on') or 'url(http' in (value or '')
                if bad:
                    found.append((tag, key, value))
        return found


def read(path: Path) -> Read:
    return Read(path.read_text(encoding='utf-8'))


def write_pictures(work_dir: Path, **facts) -> None:
    """As if a network had been asked about images."""
    folder = work_dir / 'report' / ('a' * 16)
    folder.mkdir(parents=True)
    for name in ('neighbours', 'embedding', 'pairs'):
        noise = Image.effect_noise((900, 500), 60).convert('RGB')
        noise.save(folder / f'{name}.jpg', quality=80)
    facts = dict(
        checkpoint='epoch_10.pth', split='val', images=500, total=5000, **facts
    )
    folder.joinpath('facts.json').write_text(json.dumps(facts))
