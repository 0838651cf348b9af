"""Flags that argparse has no type for."""

import argparse
from typing import Any

from mmengine.config import DictAction


class Settings(DictAction):
    """mmengine's ``KEY=VALUE ...``; what is none is a usage error."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        for value in values:
            key, equals, _ = value.partition('=')
            if not (key and equals) or '' in key.split('.'):
                raise argparse.ArgumentError(
                    self,
                    f'expects KEY=VALUE, such as model.head.temperature=0.2, '
                    f'got {value!r}',
                )
        try:
            super().__call__(parser, namespace, values, option_string)
        except (AssertionError, ValueError) as error:  # brackets
            raise argparse.ArgumentError(self, str(error)) from error
