"""`python -m keras_lisr`, the command `keras-lisr`."""

from keras_lisr.cli import main

raise SystemExit(main())
