"""Samples a second of kNN evaluation, and of libraries on the same features.

    pip install -c constraints.txt '.[onedl,bench]'
    python tools/speed/knn.py --json knn.json

The `k` nearest of the bank by cosine, and the vote weighted by exp(cosine /
temperature): `mmdcl.functional.knn_scores`, scikit-learn's
`KNeighborsClassifier(algorithm='brute', metric='cosine')` with the same
weights, and faiss' `IndexFlatIP` with our vote. Features are normal around the
centres of their classes. `agreement` is the share of the same predictions as
scikit-learn's. Medians of interleaved rounds; the bank is known beforehand.
"""

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


def mmdcl(bank: Tensor, labels: Tensor, k: int):
    from mmdcl.functional import knn_scores

    def predict(queries: Tensor) -> np.ndarray:
        scores = knn_scores(queries, bank, labels, CLASSES, k, TEMPERATURE)
        return scores.argmax(1).numpy()

    return predict


def sklearn(bank: Tensor, labels: Tensor, k: int):
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(
        k,
        algorithm='brute',
        metric='cosine',
        weights=lambda distance: np.exp((1 - distance) / TEMPERATURE),
    ).fit(bank.numpy(), labels.numpy())
    return lambda queries: model.predict(queries.numpy())


def faiss(bank: Tensor, labels: Tensor, k: int):
    from faiss import IndexFlatIP

    from mmdcl.functional.neighbors import vote

    index = IndexFlatIP(bank.shape[1])
    index.add(F.normalize(bank, dim=1).numpy())

    def predict(queries: Tensor) -> np.ndarray:
        cosines, rows = index.search(F.normalize(queries, dim=1).numpy(), k)
        found = labels[torch.from_numpy(rows)]
        scores = vote(torch.from_numpy(cosines), found, CLASSES, TEMPERATURE)
        return scores.argmax(1).numpy()

    return predict


PEERS = {'mmdcl': mmdcl, 'sklearn': sklearn, 'faiss': faiss}


def main() -> None:
    parser = flags(__doc__, rounds=5)
    parser.add_argument('--bank', type=int, default=50000, help='images')
    parser.add_argument('--queries', type=int, default=2000, help='images')
    parser.add_argument('--width', type=int, default=512)
    parser.add_argument('-k', type=int, nargs='+', default=[20, 200])
    args = parser.parse_args()
    names = available(PEERS, sklearn='sklearn', faiss='faiss')
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    centres = torch.randn(CLASSES, args.width)
    bank = features(args.bank, args.width, centres)
    queries, labels = features(args.queries, args.width, centres)
    table = Table('', 'k', 'samples/s', 'accuracy', 'agreement')
    for k in args.k:
        peers = {name: PEERS[name](*bank, k) for name in names}
        if 'faiss' in peers:
            import faiss as library

            library.omp_set_num_threads(args.threads)
        if 'sklearn' in peers:
            from threadpoolctl import threadpool_limits

            threadpool_limits(args.threads)
        found = {name: predict(queries) for name, predict in peers.items()}
        seconds = interleaved(
            {
                name: lambda predict=predict: predict(queries)
                for name, predict in peers.items()
            },
            args.rounds,
        )
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
            )
            rate = f'{row["samples_per_second"]:.0f}'
            table.add(row, name, k, rate, row['accuracy'], row['agreement'])
    table.write(args.json)


if __name__ == '__main__':
    main()
