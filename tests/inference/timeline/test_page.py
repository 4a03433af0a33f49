import re

from cdb_video.inference.results import Timeline, Window, ranked
from cdb_video.inference.timeline.page import clock, render_timelines, timeline_figure

NAMES = ('open', 'cut <b>', 'close')


def timeline(**more):
    windows = tuple(
        Window(start, start + 2.0, ranked(scores, NAMES))
        for start, scores in ((0.0, [0.7, 0.2, 0.1]), (1.0, [0.1, 0.6, 0.3]), (3661.5, [0.2, 0.2, 0.6]))
    )
    return Timeline('kitchen <1>.mp4', windows, **more)


def test_a_heat_map_has_a_row_a_class_and_a_column_a_window():
    (trace,) = timeline_figure(timeline())['data']
    assert trace['x'] == [1.0, 2.0, 3662.5]
    assert trace['y'] == ['open', 'cut &lt;b&gt;', 'close']
    assert trace['z'] == [[0.7, 0.1, 0.2], [0.2, 0.6, 0.2], [0.1, 0.3, 0.6]]


def test_of_many_classes_those_with_the_highest_scores_are_shown():
    names = tuple(f'c{number}' for number in range(40))
    scores = [(number % 39) / 100 for number in range(40)]
    (trace,) = timeline_figure(Timeline('a', (Window(0, 1, ranked(scores, names)),)))['data']
    assert trace['y'] == [f'c{number}' for number in range(14, 39)]


def test_the_page_is_one_file_that_names_everything_and_asks_for_nothing():
    page = render_timelines([timeline(note='5 frames', fault='cut off'), Timeline('bad.mp4', ())], 'runs/one').decode()
    assert 'kitchen &lt;1&gt;.mp4' in page
    assert '1:01:01.5' in page
    assert 'cut &lt;b&gt;' in page
    assert 'Windows are missing after the last one: cut off' in page
    assert 'bad.mp4' not in page
    head = page.partition('<script')[0]
    assert "default-src 'none'" in head
    assert not re.search(r'(?:src|href)="(?!#|data:)', head + page.rpartition('</script>')[2])


def test_seconds_are_shown_as_people_read_them():
    assert [clock(seconds) for seconds in (0, 7.04, 59.96, 61.5, 3723.4)] == [
        '0:00.0',
        '0:07.0',
        '1:00.0',
        '1:01.5',
        '1:02:03.4',
    ]
