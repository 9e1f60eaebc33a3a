"""`python -m anncore` is `annx`."""

from anncore.cli import main

main()
