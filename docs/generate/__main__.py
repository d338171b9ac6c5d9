"""Make the reference pages."""

import sys

from docs.generate.pages import main

sys.exit(main(sys.argv[1:]))
