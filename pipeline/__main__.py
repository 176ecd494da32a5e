"""`python -m pipeline` is `evalsync`."""

from pipeline.cli import main

main(prog_name="evalsync")
