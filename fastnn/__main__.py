"""``python -m fastnn`` is the command ``fastnn``."""

import sys

from .cli import main

sys.exit(main())
