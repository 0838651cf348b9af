"""The sections of a page on one run, in the order in which they are read."""

from collections.abc import Callable

from .curves import curves
from .evaluation import evaluation
from .next_steps import what_next
from .quality import quality_without_labels
from .recipe import recipe
from .section import Section, Source
from .seen import embedding, neighbours, pairs, views
from .support_set import support_set
from .verdict import verdict

SECTIONS: dict[str, Callable[[Source], Section | None]] = {
    'Verdict': verdict,
    'Recipe': recipe,
    'Curves': curves,
    'Quality without labels': quality_without_labels,
    'Views as trained on': views,
    'Neighbours': neighbours,
    'Embedding': embedding,
    'Pairs': pairs,
    'Neighbours in training': support_set,
    'Evaluation': evaluation,
    'What next': what_next,
}
