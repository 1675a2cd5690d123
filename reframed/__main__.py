"""`python -m reframed` is `reframe`."""

import sys

from reframed.cli import main

sys.exit(main())
