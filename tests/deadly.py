"""A task for worker processes; in a file of its own, since workers import it."""

import os


def double_or_die(number):
    if number < 0:
        os._exit(1)
    return 2 * number
