"""Runs the command line by ``python -m newsletter.cli``."""

from newsletter.cli.main import run

if __name__ == "__main__":
    run()
