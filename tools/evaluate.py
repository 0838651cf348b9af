"""Evaluate: python tools/evaluate.py CHECKPOINT --protocol linear ..."""

from mmdcl.cli.main import main

if __name__ == '__main__':
    main('evaluate')
