"""Lines that fit the console."""

import logging
import textwrap

WIDTH = 120  # columns


def fold(text: str, begin: str = '', indent: str = '  ') -> str:
    """A line, or several if it is long; words, such as paths, stay whole.

    What begins with white space is laid out already: a command to copy.

    Args:
        text: Of one line.
        begin: Stands before it.
        indent: Stands before all further lines.
    """
    if len(begin + text) <= WIDTH or text[:1].isspace():
        return begin + text
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=begin,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


class Plain(logging.Formatter):
    """A message as a user reads it; the log file has when and whose."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if record.levelno > logging.INFO:
            text = f'{record.levelname.lower()}: {text}'
        return '\n'.join(map(fold, text.split('\n')))
