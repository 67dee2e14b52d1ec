"""Entry point of the ``taichi-dr`` command: quietens Taichi's banner, which is printed on import, then hands over."""

import os


def main():
    """Runs the command line."""
    os.environ.setdefault("ENABLE_TAICHI_HEADER_PRINT", "False")
    from taichi_dr.cli import run

    run()


if __name__ == "__main__":
    main()
