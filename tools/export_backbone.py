"""Export: python tools/export_backbone.py CHECKPOINT OUT --style timm."""

from mmdcl.cli.main import main

if __name__ == '__main__':
    main('export')
