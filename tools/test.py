"""Test: python tools/test.py CONFIG CHECKPOINT."""

from mmdcl.cli.main import main

if __name__ == '__main__':
    main('test')
