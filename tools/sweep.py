"""Compare: python tools/sweep.py CONFIG ... --out results/mine."""

from mmdcl.cli.main import main

if __name__ == '__main__':
    main('sweep')
