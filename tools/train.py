"""Pretrain: python tools/train.py configs/dcl_resnet50_8xb32.py."""

from mmdcl.cli.main import main

if __name__ == '__main__':
    main('train')
