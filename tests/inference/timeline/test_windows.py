import pytest

from cdb_video.inference.timeline.windows import Span, window_spans


def spans(*arguments):
    return [(span.first, span.stop) for span in window_spans(*arguments)]


def test_windows_start_every_stride_and_the_rest_has_one_of_its_own():
    assert spans(100, 10, 4, 3) == [(0, 40), (30, 70), (60, 100)]
    assert spans(110, 10, 4, 3) == [(0, 40), (30, 70), (60, 100), (70, 110)]


def test_a_video_that_is_shorter_than_a_window_is_one():
    assert spans(30, 10, 4, 1) == [(0, 30)]
    assert spans(40, 10, 4, 1) == [(0, 40)]


def test_starts_do_not_drift_at_rates_that_are_no_whole_number():
    found = window_spans(29970, 29.97, 1, 1)
    assert {len(span) for span in found} == {30}
    assert found[500].first == round(500 * 29.97)
    assert found[-1].stop == 29970


def test_a_stride_above_the_window_leaves_frames_out():
    assert spans(100, 10, 1, 4) == [(0, 10), (40, 50), (80, 90), (90, 100)]


@pytest.mark.parametrize(('window', 'stride', 'name'), [(0.01, 1, 'window'), (1, 0.01, 'stride')])
def test_less_than_a_frame_is_refused(window, stride, name):
    with pytest.raises(ValueError, match=f'{name}=0.01 s is less than a frame at 10 frames a second'):
        window_spans(100, 10, window, stride)


def test_a_stride_that_rounding_would_make_a_frame_is_refused_and_no_window_comes_twice():
    with pytest.raises(ValueError, match=r'stride=0\.02 s is less than a frame at 30 frames a second'):
        window_spans(20, 30, 0.2, 0.02)
    for rate, stride in ((29.97, 1 / 29.97), (10, 0.15), (30, 0.05)):
        starts = [first for first, _ in spans(200, rate, 0.5, stride)]
        assert starts == sorted(set(starts))


def test_a_span_has_as_many_frames_as_it_says():
    assert len(Span(3, 8)) == 5
