"""Make what is made."""

import sys

from deploy.generate.making import main

sys.exit(main())
