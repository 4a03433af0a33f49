"""Shell commands in a checkout whose programs are stand-ins that note how they are called."""

import os
import subprocess


def bash(root, command, *, status=0, **environment):
    """Run a command in a clean environment and return what it printed, errors included."""
    kept = {name: os.environ[name] for name in ('PATH', 'HOME') if name in os.environ}
    done = subprocess.run(
        ['bash', '-c', command],
        cwd=root,
        env=kept | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


def calls(root):
    """Return the lines noted since the last time."""
    file = root / 'calls'
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return lines
