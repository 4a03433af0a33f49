"""The history file: round trip, torn lines, and what a restart keeps aside."""

import json
import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch

from cdb_video.difficulty.history import append_lines, fork_history, read_history
from cdb_video.difficulty.records import Derived, Header, Record


def record(iteration, **changes):
    values = {
        'epoch': iteration // 10,
        'num_clips': [4, 0],
        'num_correct': [2, 0],
        'accuracy': np.array([0.5, math.nan]),
        'difficulty': [0.5, 1],
        'consumers': {'CDBLoss': Derived(1.0, weight=[0.5, 1.0]), 'CDBSampler': Derived(None, probability=[0.4, 0.6])},
        'metrics': {'acc/top1': 0.5},
    }
    return Record(iteration=iteration, **values | changes)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'class_history.jsonl'
    append_lines(path, Header('run', 2, ('cut', 'wash'), [3, 4]), record(10), record(20), record(30))
    return path


def test_what_was_written_is_read_back_with_nan_as_null(path):
    history = read_history(path)
    assert history.header.class_names == ('cut', 'wash')
    assert [entry.iteration for entry in history.records] == [10, 20, 30]
    assert history.records[0].accuracy == [0.5, None]
    assert all(isinstance(json.loads(line), dict) for line in path.read_text().splitlines())


def test_torn_last_line_costs_only_itself(path):
    path.write_bytes(path.read_bytes()[:-20])
    append_lines(path, record(40))
    with pytest.warns(UserWarning, match='1 line left out, being torn'):
        history = read_history(path)
    assert [entry.iteration for entry in history.records] == [10, 20, 40]
    assert history.num_torn_lines == 1


@pytest.mark.parametrize('line', ['[1, 2]', '{"kind": "other"}', '{"kind": "validation", "iter": "x"}', '\x00\x00'])
def test_line_that_is_no_record_is_left_out_and_counted(path, line):
    path.write_text(path.read_text() + line + '\n\n')
    with pytest.warns(UserWarning, match='left out'):
        assert len(read_history(path).records) == 3


def test_newer_format_is_refused(tmp_path):
    path = tmp_path / 'class_history.jsonl'
    path.write_text(json.dumps({'kind': 'header', 'version': 99}) + '\n')
    with pytest.raises(ValueError, match='format version 99'):
        read_history(path)


@pytest.mark.parametrize('value', [math.inf, np.float32('nan'), torch.tensor(-math.inf)])
def test_number_that_json_has_not_becomes_null(tmp_path, value):
    path = tmp_path / 'class_history.jsonl'
    append_lines(path, record(10, metrics={'loss': value, 'other': torch.ones(2)}))
    assert read_history(path).records[0].metrics == {'loss': None, 'other': [1.0, 1.0]}


def test_restart_keeps_later_records_aside(path):
    aside = fork_history(path, 20)
    assert aside.name == 'class_history.1.jsonl'
    assert [entry.iteration for entry in read_history(path).records] == [10, 20]
    assert [entry.iteration for entry in read_history(aside).records] == [30]
    assert fork_history(path, 20) is None


def test_new_run_keeps_the_whole_old_history_aside_under_a_free_name(path):
    (path.parent / 'class_history.1.jsonl').write_text('taken')
    content = path.read_bytes()
    aside = fork_history(path, None)
    assert aside.name == 'class_history.2.jsonl'
    assert aside.read_bytes() == content
    assert not path.exists()


def test_restart_without_a_history_has_nothing_to_keep(tmp_path):
    assert fork_history(tmp_path / 'class_history.jsonl', 5) is None


def test_runs_with_other_class_names_in_one_file_are_refused(path):
    lines = [Header('one', 2, ('lift', 'cut'), [3, 2]), Header('other', 2, ('lift', 'wash'), [3, 2])]
    path.write_text(''.join(json.dumps(line.to_dict()) + '\n' for line in lines))
    with pytest.raises(ValueError, match='line 2: this header has other class names'):
        read_history(path)


def test_line_has_the_keys_of_the_format_in_their_order(path):
    header, first = path.read_text().splitlines()[:2]
    assert header == (
        '{"kind": "header", "version": 1, "run_id": "run", "num_classes": 2, "class_names": ["cut", "wash"], '
        '"train_counts": [3, 4]}'
    )
    assert first == (
        '{"kind": "validation", "epoch": 1, "iter": 10, "num_clips": [4, 0], "num_correct": [2, 0], '
        '"accuracy": [0.5, null], "difficulty": [0.5, 1], "consumers": {"CDBLoss": {"tau": 1.0, "weight": [0.5, 1.0]}, '
        '"CDBSampler": {"tau": null, "probability": [0.4, 0.6]}}, "metrics": {"acc/top1": 0.5}}'
    )


def test_images_that_show_a_class_are_in_a_header_where_there_are_such(tmp_path):
    header = Header('run', 2, ('cut', 'wash'), [3, 4], train_images=[2, 4])
    append_lines(tmp_path / 'history.jsonl', header)
    assert read_history(tmp_path / 'history.jsonl').header == header
    (tmp_path / 'history.jsonl').write_text(json.dumps(header.to_dict() | {'train_images': ['2', 4]}))
    with pytest.raises(ValueError, match=r'line 1: .*train_images'):
        read_history(tmp_path / 'history.jsonl')


def test_source_is_written_where_it_is_not_a_validation(path):
    append_lines(path, record(40, source='train'))
    assert path.read_text().endswith('"source": "train"}\n')
    assert [entry.source for entry in read_history(path).records] == ['val'] * 3 + ['train']


def test_what_is_written_again_is_what_was_read(path):
    again = path.with_name('again.jsonl')
    history = read_history(path)
    append_lines(again, history.header, *history.records)
    assert again.read_bytes() == path.read_bytes()


def test_fields_of_a_newer_version_are_passed_over(path):
    lines = [json.loads(line) | {'future': [1]} for line in path.read_text().splitlines()]
    lines[1]['consumers']['CDBLoss']['future'] = {}
    before = read_history(path)
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    assert read_history(path) == before


def test_what_a_line_lacks_is_named(path):
    path.write_text('{"kind": "validation", "iter": 7, "num_clips": [1], "metrics": {}}\n')
    (entry,) = read_history(path).records
    assert entry.missing == {'epoch', 'num_correct', 'accuracy', 'difficulty', 'consumers'}
    assert read_history(path).header is None


def test_records_and_headers_do_not_change(path):
    history = read_history(path)
    for part, name in ((history.header, 'run_id'), (history.records[0], 'epoch'), (Derived(), 'tau')):
        with pytest.raises(FrozenInstanceError):
            setattr(part, name, 1)
    assert Derived(2.0, weight=[1.0]).vectors == {'weight': [1.0]}


def test_facts_of_the_start_are_in_a_header_where_there_are_such(tmp_path):
    header = Header('run', 2, ('cut', 'wash'), [3, 4], facts={'seed': '7', 'command': 'train.py "a b"'})
    append_lines(tmp_path / 'history.jsonl', header)
    assert read_history(tmp_path / 'history.jsonl').header == header
    (tmp_path / 'history.jsonl').write_text(json.dumps(header.to_dict() | {'facts': {'seed': 7}}))
    with pytest.raises(ValueError, match=r'line 1: .*facts'):
        read_history(tmp_path / 'history.jsonl')
