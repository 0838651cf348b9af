"""A file of SVG, as matplotlib writes it, as an element of an HTML page."""

import re
from html import escape
from itertools import count

_number = count()  # of a figure in this process


def in_a_page(svg: str, label: str, ink: str) -> str:
    """As wide as its place, with the page's letters and colour of text.

    Args:
        svg: The file, with its text as text.
        label: For those who cannot see it.
        ink: ``#rrggbb``; it and black become ``currentColor``.

    Returns:
        ``<svg>``; its ids are those of no other figure of this process.
    """
    svg = re.sub(r'<!--.*?-->\s*', '', svg, flags=re.S)
    svg = re.sub(r'<metadata>.*?</metadata>\s*', '', svg, flags=re.S)
    # A style within an SVG would hold for the whole page.
    svg = re.sub(
        r'<defs>\s*<style.*?</style>\s*</defs>\s*', '', svg, flags=re.S
    )
    prefix = f'g{next(_number)}-'
    svg = re.sub(r'<[^>]+>', lambda tag: _tag(tag[0], prefix, ink), svg)
    root = re.search(r'<svg[^>]*viewBox="([^"]*)"[^>]*>', svg)
    assert root is not None
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{root[1]}" '
        f'width="100%" role="img" aria-label="{escape(label)}" '
        'fill="currentColor" stroke-linejoin="round" stroke-linecap="butt">'
        + svg[root.end() :].strip()
    )


def _tag(tag: str, prefix: str, ink: str) -> str:
    """A tag, not what stands between tags, which may be anything."""
    tag = re.sub(r'(\sid=")', rf'\g<1>{prefix}', tag)
    tag = re.sub(r'(href="#|url\(#)', rf'\g<1>{prefix}', tag)
    tag = tag.replace('xlink:href', 'href')
    tag = re.sub(rf'({ink}|#000000)\b', 'currentColor', tag, flags=re.I)
    # "font: 700 9px 'DejaVu Sans', ..." of older ones, without the family
    tag = re.sub(r'font: ([^;"]*?)([\d.]+px) [^;"]*', _letters, tag)
    return re.sub(r'font-family: [^;"]*;? ?', '', tag)


def _letters(font: re.Match) -> str:
    weight = font[1].strip()
    return f'font-size: {font[2]}' + f'; font-weight: {weight}' * bool(weight)
