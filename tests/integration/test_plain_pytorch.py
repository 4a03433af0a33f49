"""The loop on the page on plain PyTorch runs as it stands, where no host is installed, to its report."""

import re
import subprocess
import sys

import pytest

from cdb_video.advice import LOSS
from cdb_video.difficulty.history import read_history
from tests.test_core_alone import HOSTS, READERS

LONGEST = 30
"""Lines of code, of which the page promises that they are few."""
REPORT = """
import sys
from cdb_video_command.main import command
sys.argv = ['cdb-video', 'report', 'work_dir', '--bootstrap', '0']
sys.exit(command())
"""


@pytest.fixture
def blocks(repository):
    page = (repository / 'docs/use/plain_pytorch.md').read_text(encoding='utf-8')
    return re.findall(r'```python\n(.*?)```', page, re.DOTALL)


def run_alone(code, folder, repository):
    """Run code in a folder, in a process in which no host and no reader of videos can be imported."""
    whole = (
        f'import sys; sys.modules.update(dict.fromkeys({HOSTS + READERS!r})); sys.path.insert(0, {str(repository)!r})'
    )
    done = subprocess.run(
        [sys.executable, '-W', 'error', '-c', f'{whole}\n{code}'],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.training
def test_the_loop_of_the_page_trains_resumes_and_is_reported_without_a_host(blocks, tmp_path, repository):
    loop, save, load, _ = blocks
    assert len([line for line in loop.splitlines() if line]) <= LONGEST
    assert all(f'{name}={value!r}' in loop for name, value in LOSS.items() if name != 'type')
    done = run_alone(f'{loop}\n{save}\n{load}\nprint(tracker.state_ is not state)', tmp_path, repository)
    *epochs, resumed = [line for line in done.stdout.splitlines() if not line.startswith(' ')]
    assert resumed == 'True'
    assert [line.split()[0] for line in epochs] == [str(epoch) for epoch in range(1, 11)]
    accuracies = [float(line.split()[1]) for line in epochs]
    assert accuracies[-1] > 0.75 > accuracies[0]
    history = read_history(tmp_path / 'work_dir/class_history.jsonl')
    assert history.header.train_counts == [200, 80, 30, 12, 5]
    assert history.records[-1].consumers['CDBLoss'].strength == 3.0
    run_alone(REPORT, tmp_path, repository)
    page = (tmp_path / 'work_dir/report.html').read_text()
    assert '<h2>Mistakes</h2>' in page
    assert (tmp_path / 'work_dir/class_report.md').exists()
