"""`python -m selfplay` is the `selfplay` command."""

import sys

from selfplay.cli.main import main

sys.exit(main())
