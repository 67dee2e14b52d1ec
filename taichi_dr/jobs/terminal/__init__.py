"""How a command behaves on the terminal: progress, Ctrl-C, output folders.

Doors: ``progress.progress_bar``, ``interrupt.interruptible``, ``output.claim``.
"""
