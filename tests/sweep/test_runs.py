"""Runs of a sweep: the last words of a log, and the machine."""

import pytest

from cdb_video.sweep.runs import last_line, machine_for


def test_the_last_line_of_a_log_is_the_last_that_is_not_empty(tmp_path):
    log = tmp_path / 'output.txt'
    assert last_line(log) is None
    log.write_bytes(b'first\n\xff second \n\n  \n')
    assert last_line(log) == '\N{REPLACEMENT CHARACTER} second'
    assert last_line(log, len(b'first\n\xff second \n')) is None  # of a training before
    log.write_text('x' * 100_000)
    assert last_line(log) == 'x' * 500 + ' ...'


@pytest.mark.parametrize(
    ('devices', 'jobs', 'slots', 'threads'),
    [
        ([], None, [None], None),
        ([], 1, [None], None),
        ([], 2, [None, None], 4),
        ([], 20, [None] * 20, 1),
        (['0', '1'], None, ['0', '1'], None),
        (['0', '1'], 4, ['0', '1', '0', '1'], None),
    ],
)
def test_jobs_share_the_devices_or_the_cores(monkeypatch, devices, jobs, slots, threads):
    monkeypatch.setattr('os.sched_getaffinity', lambda _: range(8))
    machine = machine_for(devices, jobs, 7)
    assert (machine.slots, machine.threads, machine.handed_on, machine.to_files) == (slots, threads, (7,), True)
