"""`evalsync`, and `python -m pipeline`. Sets what counts for the process as a whole; the commands are in cli.py."""

import gc


def start() -> None:
    """Run the command that the arguments name."""
    gc.set_threshold(50_000, 20, 20)  # at 700, what the modules load is looked through dozens of times

    from pipeline.cli import main

    main(prog_name="evalsync")


if __name__ == "__main__":
    start()
