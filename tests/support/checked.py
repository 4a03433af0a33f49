"""Running check_dataset over the verb lists of a small EGTEA-mini, and reading what it found."""

import json

import check_dataset

from cdb_video_files.lists import read_frame_list

LISTS = 'lists/verb_split1_subjects-P20-P26'


def run(root, *options):
    args = ['--data-root', root, '--lists', root / LISTS, '--json', root / 'checked.json', '--workers', 1, *options]
    code = check_dataset.main([str(arg) for arg in args])
    return code, json.loads((root / 'checked.json').read_text())


def wrong(result):
    return [(f['kind'], f['clip'].rpartition('/')[2]) for f in result['findings'] if not f['is_warning']]


def entries(root, part='val'):
    return read_frame_list(root / LISTS / f'{part}.txt')
