"""Sharing results and errors among processes, with real groups of gloo."""

import numpy as np
import pytest
import torch

from tests.support.parallel import error_of, in_processes

pytestmark = pytest.mark.training


class Odd(Exception):
    """Cannot be pickled back: its arguments are not those of its constructor."""

    def __init__(self, first, second):
        super().__init__(f'{first} and {second}')


def share(rank):
    from cdb_video.processes import from_all, from_main, together

    def fail_in(failing, error):
        def act():
            if rank in failing:
                raise error
            return rank

        return act

    return {
        'all': from_all(lambda: (rank, 'x')),
        'own': together(lambda: rank),
        'main': from_main(lambda: rank),
        'one fails': error_of(lambda: from_all(fail_in({1}, KeyError('gone')))),
        'two fail': error_of(lambda: together(fail_in({1, 2}, ValueError(f'of {rank}')))),
        'main fails': error_of(lambda: from_main(fail_in({0}, OSError('no disk')))),
        'odd': error_of(lambda: together(fail_in({2}, Odd('a', 'b')))),
        'after all that': from_all(lambda: rank),
    }


def agree(rank):
    """What the group's own functions give, beside what mmengine's give from the same state."""
    import numpy as np
    import torch
    from mmengine import dist

    from cdb_video import processes

    seeds, sums = [], []
    for draw in (processes.shared_seed, dist.sync_random_seed):
        np.random.seed(rank)
        seeds.append((draw(), np.random.randint(1000)))
    for add in (processes.all_reduce, dist.all_reduce):
        numbers = torch.tensor([rank, 1 << 40])
        add(numbers)
        sums.append(numbers.tolist())
    return seeds, sums, processes.get_dist_info(), processes.is_main_process()


def look(rank, folder):
    from cdb_video.processes import check_all_see

    def path(name):
        return f'{folder}/{name if rank != 1 else "elsewhere"}'

    check_all_see(f'{folder}/here', '--resume')
    check_all_see(None, '--resume')
    check_all_see('https://example.org/x.pth', 'load_from')
    return error_of(lambda: check_all_see(path('here'), '--resume')), error_of(lambda: check_all_see(path('x'), 'test'))


@pytest.fixture(scope='module')
def shared():
    return in_processes(3, share)


def test_results_come_to_all_in_order(shared):
    for rank, seen in enumerate(shared):
        assert seen['all'] == [(0, 'x'), (1, 'x'), (2, 'x')]
        assert seen['own'] == rank
        assert seen['main'] == 0


def test_error_of_one_is_raised_in_all_and_says_whose_it_is(shared):
    assert [seen['one fails'] for seen in shared] == [
        ('KeyError', "'gone'", ['(raised in process 1)']),
        ('KeyError', "'gone'", []),
        ('KeyError', "'gone'", ['(raised in process 1)']),
    ]
    assert {seen['main fails'][:2] for seen in shared} == {('OSError', 'no disk')}


def test_of_two_errors_the_first_is_raised_in_all(shared):
    assert {seen['two fail'][:2] for seen in shared} == {('ValueError', 'of 1')}


def test_error_that_cannot_be_pickled_comes_as_text(shared):
    assert shared[2]['odd'][:2] == ('Odd', 'a and b')
    assert {seen['odd'][:2] for seen in shared[:2]} == {('RuntimeError', 'Odd: a and b')}


def test_group_serves_on_after_errors(shared):
    assert all(seen['after all that'] == [0, 1, 2] for seen in shared)


def test_file_that_one_process_does_not_see_is_an_error_in_all(tmp_path):
    (tmp_path / 'here').touch()
    for hidden, missing in in_processes(3, look, str(tmp_path)):
        assert hidden[0] == 'FileNotFoundError'
        assert hidden[1].startswith('--resume: process 1 (on ')
        assert 'must lie in a folder that all machines share' in hidden[1]
        assert missing[0] == 'FileNotFoundError'
        assert missing[1].startswith('test: there is no ')


def test_seed_and_sum_are_those_of_mmengine():
    for rank, (seeds, sums, info, is_main) in enumerate(in_processes(2, agree)):
        assert seeds[0] == seeds[1]
        assert sums == [[1, 1 << 41]] * 2
        assert info == (rank, 2)
        assert is_main == (rank == 0)


def test_seed_of_a_single_process_is_that_of_mmengine():
    from mmengine.dist import sync_random_seed

    from cdb_video.processes import shared_seed

    np.random.seed(7)
    expected = sync_random_seed(), np.random.randint(1000)
    np.random.seed(7)
    assert (shared_seed(), np.random.randint(1000)) == expected


@pytest.mark.parametrize('is_available', [True, False])
def test_one_process_needs_no_group(tmp_path, is_available, monkeypatch):
    from cdb_video.processes import all_reduce, check_all_see, from_all, from_main, get_dist_info, together

    monkeypatch.setattr(torch.distributed, 'is_available', lambda: is_available)
    assert get_dist_info() == (0, 1)
    ones = torch.ones(2)
    all_reduce(ones)
    assert ones.tolist() == [1, 1]

    assert from_all(lambda: 5) == [5]
    assert together(lambda: 5) == from_main(lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        from_main(lambda: 1 / 0)
    with pytest.raises(FileNotFoundError, match=r'load_from: there is no .*x\.pth'):
        check_all_see(str(tmp_path / 'x.pth'), 'load_from')
