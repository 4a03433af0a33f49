"""The maintainers' commands at the places where they lay before."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(('name', 'option'), [('support_matrix', '--folder'), ('report_pictures', '--baseline')])
def test_a_command_that_moved_runs_from_its_old_place_and_any_folder(repository, tmp_path, name, option):
    command = [sys.executable, str(repository / f'tools/{name}.py'), '--help']
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert option in done.stdout
