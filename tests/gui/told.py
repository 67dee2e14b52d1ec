"""A program that opens a window and tells of it, a line of JSON each time."""

import json
import subprocess
import sys
import threading

from gui.virtual_screen import until


class Program:
    """A Python program on a Screen; ``told``: what it has printed so far.  To be used as a context manager."""

    def __init__(self, screen, folder, *arguments):
        command = [sys.executable, *map(str, arguments)]
        self.process = subprocess.Popen(
            command, env=screen.environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.told, self._read = [], 0
        self._reader = threading.Thread(target=lambda: self.told.extend(self.process.stdout), daemon=True)

    def __enter__(self):
        self._reader.start()
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()

    def state(self, holds, what):
        """The next thing told, after the last one that this has returned, of which ``holds(thing)`` is true."""

        def found():
            if self.process.poll() is not None and self._read >= len(self.told):
                raise AssertionError(f"ended with {self.process.returncode}: {''.join(self.told[-20:])}")
            while self._read < len(self.told):
                self._read += 1
                line = self.told[self._read - 1]
                if line.startswith("{") and holds(thing := json.loads(line)):
                    return thing
            return None

        return until(found, what)

    def ended(self):
        """Waits for its end; returns its exit status."""
        until(lambda: self.process.poll() is not None, "the program's end")
        self._reader.join()
        return self.process.returncode
