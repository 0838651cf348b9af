"""Samples a second of kNN evaluation, and of libraries on the same features.

    pip install -c constraints.txt '.[onedl,bench]'
    python tools/speed/knn.py --json knn.json

The `k` nearest of the bank by cosine, and the vote weighted by exp(cosine /
temperature): `mmdcl.functional.knn_scores`, scikit-learn's
`KNeighborsClassifier(algorithm='brute', metric='cosine')` with the same
weights, and faiss' `IndexFlatIP` with our vote. Features are normal around the
centres of their classes. `agreement` is the share of the same predictions as
scikit-learn's. Medians of interleaved rounds; the bank is known beforehand.
`by addmm` and `by topk` are ours without what it does on a CPU alone: products
by oneDNN, and groups of a tile told by their maximum.
With `--device cuda` it is there, and so are the queries, for ours and for a
faiss that was built for it; others stay on the host.
"""

from functools import partial
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from measure import Table, available, flags, interleaved
from torch import Tensor

CLASSES = 100
TEMPERATURE = 0.07


def features(rows: int, width: int, centres: Tensor) -> tuple[Tensor, Tensor]:
    labels = torch.randint(0, CLASSES, (rows,))
    return centres[labels] + 5 * torch.randn(rows, width), labels


def mmdcl(bank: Tensor, labels: Tensor, queries: Tensor, k: int, device: str):
    from mmdcl.functional import knn_scores

    given = [x.to(device) for x in (queries, bank, labels)]

    def predict() -> np.ndarray:
        scores = knn_scores(*given, CLASSES, k, TEMPERATURE)
        return scores.argmax(1).cpu().numpy()

    return predict, device


def without(part: str, *given):
    """Ours, with what is as of an accelerator."""
    from mmdcl.functional import neighbors
    from mmdcl.functional.products import products

    plain = {
        'products': lambda *x, many: products(*x, many=False),
        '_few_keys': lambda *_: None,
    }
    predict, on = mmdcl(*given)

    def patched() -> np.ndarray:
        with patch.object(neighbors, part, plain[part]):
            return predict()

    return patched, on


def sklearn(
    bank: Tensor, labels: Tensor, queries: Tensor, k: int, device: str
):
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(
        k,
        algorithm='brute',
        metric='cosine',
        weights=lambda distance: np.exp((1 - distance) / TEMPERATURE),
    ).fit(bank.numpy(), labels.numpy())
    return lambda: model.predict(queries.numpy()), 'cpu'


def faiss(bank: Tensor, labels: Tensor, queries: Tensor, k: int, device: str):
    import faiss as library

    from mmdcl.functional.neighbors import vote

    index = library.IndexFlatIP(bank.shape[1])
    on = 'cpu'
    if device != 'cpu' and hasattr(library, 'StandardGpuResources'):
        resources = library.StandardGpuResources()
        index = library.index_cpu_to_gpu(resources, 0, index)
        on = device
    index.add(F.normalize(bank, dim=1).numpy())

    def predict() -> np.ndarray:
        cosines, rows = index.search(F.normalize(queries, dim=1).numpy(), k)
        found = labels[torch.from_numpy(rows)]
        scores = vote(torch.from_numpy(cosines), found, CLASSES, TEMPERATURE)
        return scores.argmax(1).numpy()

    return predict, on


# What predicts, and where.
PEERS = {'mmdcl': mmdcl, 'sklearn': sklearn, 'faiss': faiss}
ON_A_CPU = {
    'by addmm': partial(without, 'products'),
    'by topk': partial(without, '_few_keys'),
}


def main() -> None:
    parser = flags(__doc__, rounds=5)
    parser.add_argument('--bank', type=int, default=50000, help='images')
    parser.add_argument('--queries', type=int, default=2000, help='images')
    parser.add_argument('--width', type=int, default=512)
    parser.add_argument('-k', type=int, nargs='+', default=[20, 200])
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    known = PEERS if args.device != 'cpu' else PEERS | ON_A_CPU
    names = available(known, sklearn='sklearn', faiss='faiss')
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    centres = torch.randn(CLASSES, args.width)
    bank = features(args.bank, args.width, centres)
    queries, labels = features(args.queries, args.width, centres)
    table = Table('', 'k', 'samples/s', 'accuracy', 'agreement')
    for k in args.k:
        given = *bank, queries, k, args.device
        built = {name: known[name](*given) for name in names}
        peers = {name: predict for name, (predict, _) in built.items()}
        if 'faiss' in peers:
            import faiss as library

            library.omp_set_num_threads(args.threads)
        if 'sklearn' in peers:
            from threadpoolctl import threadpool_limits

            threadpool_limits(args.threads)
        found = {name: predict() for name, predict in peers.items()}
        seconds = interleaved(peers, args.rounds, args.device)
        for name, second in seconds.items():
            same = found[name] == found.get('sklearn', found[name])
            row = dict(
                name=name,
                k=k,
                samples_per_second=round(args.queries / second, 1),
                accuracy=round(
                    100 * float((found[name] == labels.numpy()).mean()), 2
                ),
                agreement=round(float(same.mean()), 4),
                bank=args.bank,
                queries=args.queries,
                width=args.width,
                threads=args.threads,
                rounds=args.rounds,
                device=built[name][1],
            )
            rate = f'{row["samples_per_second"]:.0f}'
            table.add(row, name, k, rate, row['accuracy'], row['agreement'])
    table.write(args.json)


if __name__ == '__main__':
    main()
