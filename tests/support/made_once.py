"""What a command leaves, made once for the tests of a module."""

import contextlib
import io
import shutil


def made_once(kept, command):
    """The folder `out` that `command` leaves here, made once and kept in a folder; what it said."""
    if not (kept / 'said').exists():
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            assert command() == 0
        shutil.copytree('out', kept / 'out')
        (kept / 'said').write_text(printed.getvalue())
    shutil.copytree(kept / 'out', 'out', dirs_exist_ok=True)
    return (kept / 'said').read_text()
