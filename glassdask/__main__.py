"""`python -m glassdask`: the command line."""

from glassdask.cli import main

main()
