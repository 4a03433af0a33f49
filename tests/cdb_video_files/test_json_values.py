"""Values as JSON has them: the same in every process."""

import subprocess
import sys

from cdb_video_files.json_values import plain


def test_sets_have_one_order_in_all_processes(repository):
    program = "from cdb_video_files.json_values import plain; print(plain({'a': {'x', 'y', 'z', 'w'}, 'b': {3, 1, 2}}))"
    said = {
        subprocess.run(
            [sys.executable, '-c', program],
            cwd=repository,
            env={'PYTHONHASHSEED': seed},
            capture_output=True,
            text=True,
        ).stdout
        for seed in ('1', '2', '3')
    }
    assert said == {"{'a': ['w', 'x', 'y', 'z'], 'b': [1, 2, 3]}\n"}


def test_sets_of_several_kinds_are_values_too():
    assert plain({1, 'a', None}) == ['a', 1, None]
