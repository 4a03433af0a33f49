"""What is said of words on a command line that nothing takes."""

import argparse
import ast

import pytest

from cdb_video_files.commands.parser import CommandParser


@pytest.fixture
def parser():
    parser = CommandParser(prog='cook')
    parser.add_argument('dish')
    parser.add_argument('--max-heat', type=int)
    parser.add_argument('--pan')
    return parser


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (
            ['soup', '--maxheat', '3'],
            'there is no option --maxheat, perhaps --max-heat: the options are --help, --max-heat',
        ),
        (['soup', '--max_heat=3'], 'there is no option --max_heat, perhaps --max-heat: '),
        (['soup', '--pna', 'x', '--mx-heat', '1'], 'no option --pna or --mx-heat, perhaps --pan and --max-heat: '),
        (['soup', '--zzz'], 'there is no option --zzz: the options are --help, --max-heat, --pan'),
        (['soup', 'stew', 'roast'], 'unrecognized arguments: stew roast; more words than it takes'),
    ],
)
def test_words_that_are_left_over_are_named_with_the_nearest_option(parser, capsys, words, said):
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_what_is_right_is_taken_as_by_argparse(parser):
    plain = argparse.ArgumentParser.parse_args
    assert parser.parse_args(['soup', '--max-heat', '3']) == plain(parser, ['soup', '--max-heat', '3'])


def test_every_command_has_this_parser(repository):
    plain = [
        path.relative_to(repository)
        for folder in ('cdb_video', 'cdb_video_command', 'data_prep')
        for path in (repository / folder).rglob('*.py')
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == 'argparse.ArgumentParser'
    ]
    assert not plain
