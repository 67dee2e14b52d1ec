"""Entry point of the ``taichi-dr`` command and of ``python -m taichi_dr``."""

import sys


def main():
    """Runs the command line; from here on Ctrl-C ends it quietly, also while modules are imported."""
    try:
        from taichi_dr.cli import run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
