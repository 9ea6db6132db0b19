"""``python -m newsletter.cli`` is ``newsletter``."""

from newsletter.cli.main import run

if __name__ == "__main__":
    run()
