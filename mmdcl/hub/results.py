"""What ``mmdcl evaluate`` measured, in words and as hubs read it."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

_DATA = {  # name, identifier on the hub, split
    'cifar10': ('CIFAR-10', 'cifar10', 'test'),
    'cifar100': ('CIFAR-100', 'cifar100', 'test'),
    'imagenet': ('ImageNet-1K', 'imagenet-1k', 'validation'),
}
_TASKS = {
    'detection': 'object-detection',
    'segmentation': 'image-segmentation',
    'retrieval': 'image-feature-extraction',
}
_AP = ('mAP', 'AP50', 'AP75')
# Options of a machine, which change no number.
_ASIDE = ('num_workers', 'persistent_workers', 'pin_memory', 'data_root')


class Result(NamedTuple):
    """One number, and that of the same run from random weights.

    Attributes:
        protocol: Of ``mmdcl evaluate``, with what was chosen in it.
        data: Name of what it was measured on.
        metric: As its evaluator names it.
        value: In the evaluator's unit.
        control: From random weights; None if that was not run.
        seed: None where nothing is drawn.
        source: The line that says it.
    """

    protocol: str
    data: str
    metric: str
    value: float
    control: float | None
    seed: int | str | None
    source: Mapping[str, Any]


def results_of(lines: Iterable[Mapping[str, Any]]) -> list[Result]:
    """Pair the lines of a checkpoint with their controls.

    Args:
        lines: Of ``evaluate.jsonl``, all of one checkpoint; a later one of
            the same run takes the place of an earlier one.
    """
    runs: dict[str, dict[str, Mapping[str, Any]]] = {}
    for line in lines:
        if isinstance(line.get('metrics'), Mapping):
            kept = runs.setdefault(_run(line), {})
            kept[str(line.get('weights', 'pretrained'))] = line
    found = []
    for pair in runs.values():
        line = pair.get('pretrained')
        if line is None:
            continue
        controls = pair.get('random', {}).get('metrics', {})
        found += [
            Result(
                protocol=one_line(_protocol(line)),
                data=_data(line)[0],
                metric=one_line(metric),
                value=value,
                control=_number(controls.get(metric)),
                seed=None if _knn(line) else _seed(line),
                source=line,
            )
            for metric, number in line['metrics'].items()
            if (value := _number(number)) is not None
        ]
    return found


def as_eval_results(results: Iterable[Result]) -> list[Any]:
    """As ``huggingface_hub.EvalResult``, for the ``model-index`` of a card.

    Those of one protocol and dataset become one entry of it; the protocol
    is the name of the task.
    """
    from huggingface_hub import EvalResult

    found = []
    for result in results:
        line = result.source
        protocol = str(line.get('protocol'))
        name, kind, split = _data(line)
        details = {'seed': result.seed} if result.seed is not None else {}
        details |= {
            key: one_line(line[key])
            for key in ('config', 'commit', 'machine')
            if line.get(key)
        }
        found.append(
            EvalResult(
                task_type=_TASKS.get(protocol, 'image-classification'),
                dataset_type=kind,
                dataset_name=name,
                dataset_split=split,
                metric_type=_metric_type(result.metric),
                metric_name=f'{result.protocol}: {result.metric}',
                metric_value=result.value,
                metric_args=details or None,
            )
        )
    return found


def _run(line: Mapping[str, Any]) -> str:
    """What a control has in common with its run."""
    keys = ('protocol', 'dataset', 'config', 'fraction', 'seed')
    more = ('prefix', 'k', 'temperature', 'options')
    return repr([line.get(key) for key in (*keys, *more)])


def _knn(line: Mapping[str, Any]) -> bool:
    return str(line.get('protocol')) == 'knn'


def _seed(line: Mapping[str, Any]) -> int | str | None:
    seed = line.get('seed')
    return seed if isinstance(seed, int | None) else one_line(seed)


def _protocol(line: Mapping[str, Any]) -> str:
    parts = [str(line.get('protocol') or 'unknown')]
    if share := _number(line.get('fraction')):
        parts.append(f'{share:g} of the labels')
    options = line.get('options')
    options = options if isinstance(options, Mapping) else {}
    parts += [
        f'{key}={"..." if is_private(value) else value}'
        for key, value in options.items()
        if not str(key).endswith(_ASIDE)
    ]
    return ', '.join(parts)


def one_line(value: Any) -> str:
    """Without line breaks and letters that cannot be seen."""
    text = ''.join(x if x.isprintable() else ' ' for x in str(value))
    return ' '.join(text.split())


def is_private(value: Any) -> bool:
    """Whether it may name a place on the machine of whoever ran it."""
    return any(x in str(value) for x in '/\\~')


def _data(line: Mapping[str, Any]) -> tuple[str, str, str | None]:
    named = line.get('dataset') or line.get('config') or 'unknown'
    name = one_line(named).removesuffix('.py')
    return _DATA.get(name, (name, name, None))


def _number(value: Any) -> float | None:
    counts = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if counts and abs(value) < 1e300 else None


def _metric_type(metric: str) -> str:
    last = metric.rpartition('/')[2]
    if 'mIoU' in last:
        return 'mean_iou'
    if any(name in last for name in _AP):
        return 'mean_average_precision'
    return 'accuracy' if 'accuracy' in metric else last
