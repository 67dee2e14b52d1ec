"""Entry point of the ``taichi-dr`` command and of ``python -m taichi_dr``."""

import os


def main():
    """Runs the command line; from here on Ctrl-C ends it quietly, also while modules are imported."""
    from taichi_dr.jobs.terminal import interrupt

    interrupt.end_at_once()
    # The matrices here are small: threads that wait for each other cost more than they give.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from taichi_dr.cli import run

    run()


if __name__ == "__main__":
    main()
