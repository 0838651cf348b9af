"""``python -m mmdcl``."""

from mmdcl.cli.main import main

main()
