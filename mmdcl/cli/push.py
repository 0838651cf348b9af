"""``mmdcl push``: a folder of a model to a hub, after saying what goes."""

import argparse

from ..checkpoints.room import size_text
from ..hub.addresses import repository
from ..hub.library import endpoint, library
from ..hub.push import files_to_push, push


def run(args: argparse.Namespace) -> None:
    """Push as the flags say; see ``mmdcl.cli.flags``."""
    address = repository(args.repo, args.revision)
    files = files_to_push(args.folder, args.allow_pickle)
    library(address)
    seen = 'a private repository' if args.private else 'for everybody to see'
    print(f'to {endpoint()}/{address.repo}, {seen}:')
    width = max(map(len, files))
    for name, path in files.items():
        print(f'  {name:{width}}  {size_text(path.stat().st_size)}')
    if args.dry_run:
        print('--dry-run: nothing was sent')
        return
    pushed = push(address, files, args.private, args.message)
    seen = 'private' if pushed.private else 'public'
    exact = address._replace(revision=pushed.commit)
    print(f'sent to {pushed.page} ({seen})')
    print(f'load it by {address}, or, this very commit, by {exact}')
