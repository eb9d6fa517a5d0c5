"""`python -m vnasdsl`."""

from vnasdsl.cli.main import main

main()
