"""What cannot be a checkpoint is told from one without reading it."""

import pytest
import torch

from cdb_video_files.checkpoint_files import check_checkpoint_file


@pytest.mark.parametrize('is_zip', [True, False])
def test_what_torch_saves_is_taken_in_either_form(tmp_path, is_zip):
    torch.save({'state_dict': {}}, tmp_path / 'a.pth', _use_new_zipfile_serialization=is_zip)
    check_checkpoint_file(tmp_path / 'a.pth', '--resume')


def test_folders_and_addresses_are_not_looked_at(tmp_path):
    check_checkpoint_file(tmp_path, '--resume')
    check_checkpoint_file('https://example.org/x.pth', '--resume')


def test_what_is_something_else_or_cut_off_is_refused(tmp_path):
    torch.save({'state_dict': {}}, tmp_path / 'whole.pth')
    whole = (tmp_path / 'whole.pth').read_bytes()
    for content in (b'', b'text', whole[:-30], whole[: len(whole) // 2]):
        (tmp_path / 'a.pth').write_bytes(content)
        with pytest.raises(ValueError, match=r'--resume: .*a\.pth is no checkpoint, or is cut off: name a \.pth file'):
            check_checkpoint_file(tmp_path / 'a.pth', '--resume')
    with pytest.raises(OSError, match='gone'):
        check_checkpoint_file(tmp_path / 'gone.pth', '--resume')
