"""``--cfg-options KEY=VALUE ...``."""

import argparse
from typing import Any


class Settings(argparse.Action):
    """``KEY=VALUE ...`` into a dict of texts; what is none is refused."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        found = dict(getattr(namespace, self.dest) or {})
        for text in values:
            key, equals, value = text.partition('=')
            if not (key and equals) or '' in key.split('.'):
                raise argparse.ArgumentError(
                    self,
                    f'expects KEY=VALUE, such as model.head.temperature=0.2, '
                    f'got {text!r}',
                )
            if any(value.count(a) != value.count(b) for a, b in ('()', '[]')):
                raise argparse.ArgumentError(
                    self, f'brackets of {text!r} do not close'
                )
            found[key] = value
        setattr(namespace, self.dest, found)
