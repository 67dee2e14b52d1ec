"""Entry point of the ``taichi-dr`` command and of ``python -m taichi_dr``."""

from taichi_dr.cli import run as main

if __name__ == "__main__":
    main()
