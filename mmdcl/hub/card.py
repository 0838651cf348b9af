"""The card of a model: for people, and, at its head, for hubs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UserValueError
from .results import Result, as_eval_results, one_line
from .timm_folder import Inputs

_TEMPLATE = 'card.md.jinja'
_NOTHING = '\N{EN DASH}'
_LICENSE = re.compile(r'[a-z0-9][a-z0-9.+-]*')
_TAGS = ['timm', 'pytorch', 'mmpretrain', 'image-feature-extraction']
_TAGS += ['self-supervised-learning', 'contrastive-learning', 'mmdcl']
_DATASETS = {'CIFAR10': 'cifar10', 'CIFAR100': 'cifar100'}
# What Markdown or HTML would take for more than a letter.
_MARKS = re.compile(r'[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)|:(?=//)|(?<=www)\.')


@dataclass(frozen=True)
class Facts:
    """What is known of a model. What is not known is None or empty.

    Texts may come from a stranger's config; the card escapes them.

    Attributes:
        name: Of the folder.
        network: Such as ``ResNet-18, 64 to 512 channels``.
        width: Of its features.
        inputs: How images reach it.
        version: Of mmdcl.
        method: Such as ``SimCLR with InfoNCE``, where no labels were used.
        data: Such as ``10,000 images of CIFAR10``.
        dataset: Name of the class that read them.
        recipe: Labels and texts.
        changes: Setting, value, and value in the base of the config.
        results: Of ``mmdcl evaluate``.
        validation: ``how``, and ``rows`` of metric, first, last.
        ignored: What two views of an image differ in.
        mmpretrain: ``kind`` and ``arguments`` of a backbone whose tensors
            have these names.
        torchvision: Name of its network that takes these tensors.
        stem: Width of the stem before it was made wider.
        half: Whether weights are float16.
        gap: What that changes, as a text.
        license: Identifier of the weights' licence.
    """

    name: str
    network: str
    width: int
    inputs: Inputs
    version: str
    method: str = ''
    data: str = ''
    dataset: str = ''
    recipe: Sequence[tuple[str, str]] = ()
    changes: Sequence[tuple[str, Any, Any]] = ()
    results: Sequence[Result] = ()
    validation: Mapping[str, Any] = field(default_factory=dict)
    ignored: str = ''
    mmpretrain: Mapping[str, str] = field(default_factory=dict)
    torchvision: str = ''
    stem: int | None = None
    half: bool = False
    gap: str = ''
    license: str | None = None


def check_license(name: str | None) -> None:
    """Stop at what is no identifier.

    Raises:
        UserValueError: It has other letters.
    """
    if name is not None and not _LICENSE.fullmatch(name):
        raise UserValueError(
            '--license takes an identifier as hubs have them, such as '
            f'apache-2.0, cc-by-4.0 or other; got {name!r}'
        )


def write_card(facts: Facts) -> str:
    """Metadata in YAML, then Markdown."""
    from huggingface_hub import ModelCard, ModelCardData
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=as_markdown,
    )
    environment.filters.update(code=as_code, number=_number, known=_known)
    dataset = _DATASETS.get(facts.dataset)
    body = environment.get_template(_TEMPLATE).render(
        vars(facts),
        channels=len(facts.inputs.mean),
        mean=_numbers(facts.inputs.mean),
        std=_numbers(facts.inputs.std),
    )
    data = ModelCardData(
        license=facts.license,
        library_name='timm',
        pipeline_tag='image-feature-extraction',
        tags=_TAGS,
        datasets=[dataset] if dataset else None,
        model_name=facts.name if facts.results else None,
        eval_results=as_eval_results(facts.results) or None,
    )
    text = re.sub(r'\n{3,}', '\n\n', body)
    card = f'---\n{data.to_yaml()}\n---\n\n{text}'
    ModelCard(card)  # as the hub reads it, or an error
    return card


class _Done(str):
    """A text that is escaped already."""

    __slots__ = ()


def as_markdown(value: Any) -> str:
    """A text as it is, whatever letters it has; on one line."""
    if isinstance(value, _Done):
        return value
    text = one_line(value)
    text = text.replace('&', '&amp;').replace('<', '&lt;')
    return _MARKS.sub(lambda mark: f'\\{mark[0]}', text.replace('>', '&gt;'))


def as_code(value: Any) -> _Done:
    """For what stands between backticks."""
    return _Done(one_line(value).replace('`', "'").replace('|', '\\|'))


def _number(value: Any) -> str:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return _known(value)
    return f'{value:.4g}'


def _known(value: Any) -> str:
    return _NOTHING if value in (None, '') else str(value)


def _numbers(values: Sequence[float]) -> str:
    return ', '.join(f'{x:.4f}' for x in values)
