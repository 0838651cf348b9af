"""How Sphinx makes a site of these pages: `make docs`."""

import mmdcl

project = 'mmdcl'
version = release = mmdcl.__version__
copyright = 'the contributors of mmdcl, Apache License 2.0'
extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
html_theme = 'furo'
html_title = f'mmdcl {version}'
html_show_sourcelink = False

myst_heading_anchors = 3  # `page.md#heading`, as where the pages are read raw
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented'


ELSEWHERE = {
    '../results/README.md': 'runs.md',
    '../mmdcl/weights/README.md': 'weights.md',
}


def site_links(app, name: str, source: list[str]) -> None:
    """Pages that lie elsewhere, beside what they tell of, are here, too."""
    for there, here in ELSEWHERE.items():
        source[0] = source[0].replace(f']({there}', f']({here}')


def setup(app) -> None:
    app.connect('source-read', site_links)
