"""Data roots for the full EGTEA configs: EGTEA-mini, and EGTEA's real annotations with stand-ins for its videos."""

import build_lists
import extract_frames
import make_egtea_mini

HOLD_OUT = 'subjects:P20-P26'
VARIABLES = ('EGTEA_ROOT', 'EGTEA_SPLIT', 'EGTEA_READER', 'CDB_HISTORY')
CLIPS_OF_PARTS = {'train': 6372, 'val': 1927, 'test': 2022}


def build(root, label, split, source, hold_out=HOLD_OUT):
    options = ['--label', label, '--split', str(split), '--hold-out', hold_out, '--source', source]
    assert build_lists.main(['--data-root', str(root), *options]) == 0


def make_mini(root):
    """EGTEA-mini with two clips per verb and part, as frames, packs and videos; verb lists of splits 1 and 2."""
    assert make_egtea_mini.main(['--out', str(root), '--scale', '0.001', '--workers', '1']) == 0
    for form in ([], ['--pack']):
        assert extract_frames.main(['--data-root', str(root), '--workers', '1', *form]) == 0
    for split in (1, 2):
        build(root, 'verb', split, 'both')
    return root


def make_real(root, published):
    """The lists of EGTEA's split 1, verbs and actions, from the split files that the reference published.

    The videos are files of one byte: enough for lists and datasets, which look whether a file is there.
    """
    parts = {part: (published / f'{part}_split.txt').read_text() for part in CLIPS_OF_PARTS}
    annotation = root / 'action_annotation'
    annotation.mkdir()
    (annotation / 'train_split1.txt').write_text(parts['train'] + parts['val'])
    (annotation / 'test_split1.txt').write_text(parts['test'])
    for label, number in (('action', 106), ('verb', 19), ('noun', 53)):
        names = (f'{label} number {identifier} {identifier}\n' for identifier in range(1, number + 1))
        (annotation / f'{label}_idx.txt').write_text(''.join(names))
    for line in ''.join(parts.values()).splitlines():
        name = line.split()[0]
        video = root / 'cropped_clips' / '-'.join(name.split('-')[:3]) / f'{name}.mp4'
        video.parent.mkdir(parents=True, exist_ok=True)
        video.write_bytes(b'.')
    for label in ('verb', 'action'):
        build(root, label, 1, 'videos')
    build(root, 'action', 1, 'videos', hold_out='none')
    return root
