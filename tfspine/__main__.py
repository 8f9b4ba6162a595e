"""``python -m tfspine`` is the ``tfspine`` command."""

import sys

from tfspine.cli.main import main

sys.exit(main())
