"""Prediction dumps: what is read, and what is refused with a reason."""

import pickle

import numpy as np
import pytest
import torch

from cdb_video.report.sources.dump import DumpError, read_dump, sessions_of
from tests.report.dumps import clip_name, make_samples, mutated, write_dump


def changed(samples, index=3, **values):
    return [sample | (values if i == index else {}) for i, sample in enumerate(samples)]


def test_labels_scores_and_names_are_read(tmp_path):
    samples = make_samples(12)
    read = read_dump(write_dump(tmp_path / 'a.pkl', samples))
    assert read.labels.tolist() == [int(sample['gt_label']) for sample in samples]
    np.testing.assert_array_equal(read.scores, torch.stack([sample['pred_score'] for sample in samples]).numpy())
    assert read.clip_names[3] == clip_name(3, 4)
    assert read.num_frames == (20,) * 12
    assert read.are_probabilities
    np.testing.assert_array_equal(read.ranks == 0, read.predicted == read.labels)


def test_a_tie_goes_to_the_lower_class_as_in_the_metric(tmp_path):
    sample = {'gt_label': torch.tensor([1]), 'pred_score': torch.tensor([0.2, 0.4, 0.4])}
    tied = {'gt_label': torch.tensor([2]), 'pred_score': torch.tensor([0.2, 0.4, 0.4])}
    read = read_dump(write_dump(tmp_path / 'a.pkl', [sample, tied]))
    assert read.ranks.tolist() == [0, 1]
    assert read.predicted.tolist() == [1, 1]
    assert read.clip_names is None


def test_scores_that_are_no_probabilities_are_noticed(tmp_path):
    samples = [sample | {'pred_score': sample['pred_score'] * 7 - 3} for sample in make_samples(5)]
    assert not read_dump(write_dump(tmp_path / 'a.pkl', samples)).are_probabilities


def test_unknown_keys_are_passed_over(tmp_path):
    samples = [sample | {'new_key': [1, {'deep': torch.zeros(2)}]} for sample in make_samples(5)]
    assert read_dump(write_dump(tmp_path / 'a.pkl', samples)).num_classes == 5


def test_the_name_of_a_video_is_the_clip(tmp_path):
    samples = [{'gt_label': torch.tensor([0]), 'pred_score': torch.tensor([1.0]), 'filename': 'a/b.c/run.1.mp4'}]
    assert read_dump(write_dump(tmp_path / 'a.pkl', samples)).clip_names == ('run.1',)


@pytest.mark.parametrize(
    ('samples', 'message'),
    [
        (changed(make_samples(5), pred_score=torch.full((5,), float('nan'))), '1 clip has scores of NaN'),
        (changed(make_samples(5), pred_score=torch.zeros(2, 5)), 'clip 3 has a pred_score of shape'),
        (changed(make_samples(5), pred_score=torch.zeros(4)), 'clip 3 has a pred_score of shape'),
        (changed(make_samples(5), pred_score={'RGB': torch.zeros(5)}), 'clip 3 has a pred_score that is no array'),
        (changed(make_samples(5), pred_score=[[1, 2], [3]]), 'clip 3 has a pred_score that is no array'),
        (changed(make_samples(5), pred_score=[0.5, 10**400]), 'clip 3 has a pred_score of shape .* type object'),
        (changed(make_samples(5), gt_label=2**70), r'clip 3 has the labels \d+: one whole number'),
        (changed(make_samples(5), gt_label=-1), 'clip 3 has label -1'),
        (changed(make_samples(5), gt_label=torch.tensor([1, 2])), 'one whole number a clip'),
        (changed(make_samples(5), gt_label=torch.tensor([7])), 'clip 3 has label 7, but 5 scores'),
        ([{'pred_scores': 1}], r'has no gt_label, only pred_scores'),
        ([], 'not a list with one dict a clip'),
        ({'state_dict': {}}, 'not a list with one dict a clip'),
    ],
)
def test_what_is_no_dump_of_single_label_recognition_is_an_error(tmp_path, samples, message):
    with pytest.raises(DumpError, match=message):
        read_dump(write_dump(tmp_path / 'a.pkl', samples))


def test_a_path_that_cannot_be_written_is_made_one_that_can(tmp_path):
    sample = {'gt_label': torch.tensor([0]), 'pred_score': torch.tensor([1.0]), 'filename': 'a/\ud800b.mp4'}
    assert read_dump(write_dump(tmp_path / 'a.pkl', [sample])).clip_names == ('?b',)


def test_folders_and_videos_in_one_dump_are_both_named(tmp_path):
    clip = {'gt_label': torch.tensor([0]), 'pred_score': torch.tensor([1.0])}
    samples = [clip | {'frame_dir': 'a/b'}, clip | {'filename': 'a/c.mp4'}]
    assert read_dump(write_dump(tmp_path / 'a.pkl', samples)).clip_names == ('b', 'c')
    assert read_dump(write_dump(tmp_path / 'b.pkl', [*samples, clip])).paths is None


@pytest.mark.parametrize('protocol', [2, 4])
def test_changed_bytes_give_the_documented_error_or_a_dump(tmp_path, protocol):
    whole = pickle.dumps(make_samples(3), protocol)
    generator = np.random.default_rng(protocol)
    path = tmp_path / 'a.pkl'
    read, messages = 0, []
    for _ in range(700):
        path.write_bytes(mutated(whole, generator))
        try:
            read_dump(path)
            read += 1
        except DumpError as error:
            messages.append(str(error))
    assert all(str(path) in message and len(message) < 1000 for message in messages)
    assert read > 10
    assert len(messages) > 100


def test_a_dump_with_code_inside_is_an_error_that_names_it(tmp_path):
    (tmp_path / 'a.pkl').write_bytes(b'cposix\nsystem\n(S"exit 1"\ntR.')
    with pytest.raises(DumpError, match=r'a\.pkl: refused the name posix\.system'):
        read_dump(tmp_path / 'a.pkl')


def test_sessions_are_known_for_names_of_egtea_only():
    assert sessions_of([clip_name(1, 4), clip_name(2, 7)]) == ('P04-R01-Pizza', 'P07-R01-Pizza')
    assert sessions_of([clip_name(1, 4), 'video_7']) is None


def test_repeated_paths_and_names_that_folders_share_are_told_apart(tmp_path):
    paths = ['v/a/c0.mp4', 'v/a/c1.mp4', 'v/b/c0.mp4', 'v/a/c1.mp4', 'v/a/c1.mp4']
    samples = [s | {'frame_dir': path} for s, path in zip(make_samples(5), paths, strict=True)]
    read = read_dump(write_dump(tmp_path / 'a.pkl', samples))
    assert read.repeated_paths == ['v/a/c1.mp4'] * 2
    assert read.shared_names == ['c0']
    assert read.distinct_names is None
    read = read_dump(write_dump(tmp_path / 'a.pkl', samples[:3]))
    assert read.repeated_paths == []
    assert read.distinct_names == ('a/c0', 'a/c1', 'b/c0')


def save_checkpoint(path, **options):
    torch.save({'state_dict': {'weight': torch.zeros(3)}, 'meta': {'epoch': 3}}, path, **options)


OTHER_FILES = {
    'empty': (lambda path: path.write_bytes(b''), r'a\.pkl is empty: .* write it anew with mim test --dump'),
    'text': (lambda path: path.write_text('class,accuracy\nlift,0.5\n'), "text file, .*'class,accuracy': name the"),
    'Markdown': (lambda path: path.write_text('# Größe\n'), "text file, which begins with '# Größe'"),
    'checkpoint': (save_checkpoint, r'is a checkpoint, .* mim test CONFIG --checkpoint .*a\.pkl --dump'),
    'old checkpoint': (
        lambda path: save_checkpoint(path, _use_new_zipfile_serialization=False),
        r'is a checkpoint, .* mim test CONFIG --checkpoint .*a\.pkl --dump',
    ),
    'other bytes': (lambda path: path.write_bytes(b'\x1f\x8b\x00'), 'no pickle.* write it anew'),
    'half a dump': (lambda path: path.write_bytes(pickle.dumps(make_samples(3), 2)[:-9]), 'torn.* write it anew'),
    'folder': (lambda path: path.mkdir(), 'is a folder: name the file that mim test --dump wrote'),
}


@pytest.mark.parametrize('kind', OTHER_FILES)
def test_what_is_another_kind_of_file_is_said_with_the_remedy(tmp_path, kind):
    write, message = OTHER_FILES[kind]
    write(tmp_path / 'a.pkl')
    with pytest.raises(DumpError, match=message):
        read_dump(tmp_path / 'a.pkl')


def test_a_dump_that_is_not_there_is_named_with_the_remedy(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'a\.pkl does not exist: name the file that mim test --dump wrote'):
        read_dump(tmp_path / 'a.pkl')
