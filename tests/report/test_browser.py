"""The pages in a real browser: no error, no request, and a table that sorts and filters. Skipped without a browser."""

import io
import json
import shutil
import time

import numpy as np
import pytest
from PIL import Image

from cdb_video.host_words import DETECTION, speaking
from cdb_video.inference.results import Timeline, Window, ranked
from cdb_video.inference.timeline.page import render_timelines
from cdb_video.report.compare.files import write_comparison
from cdb_video.report.compare.methods import compare
from cdb_video.report.compare.runs import read_methods
from cdb_video.report.insight.insight import Options, build_insight
from cdb_video.report.pages.files import write_report
from cdb_video.report.sources.source import read_run
from tests.report.dumps import NAMES, make_samples, write_dump, write_history
from tests.report.dumps import write_report as write_json
from tests.report.object_dumps import counts_of, make_images, write_images
from tests.report.object_dumps import write_run as write_object_run
from tools.maintain import report_pictures as tool

av = pytest.importorskip('av')
webdriver = pytest.importorskip('selenium.webdriver', reason="needs selenium, of the extra 'dev'")
ActionBuilder = pytest.importorskip('selenium.webdriver.common.actions.action_builder').ActionBuilder
pytest.importorskip('plotly', reason="needs the extra 'report'")
BROWSER = shutil.which('chromium') or shutil.which('google-chrome')
DRIVER = shutil.which('chromedriver')
FLAGS = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--window-size=1366,768',
]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason='needs a browser: apt-get install chromium chromium-driver'),
]


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in [*FLAGS, f'--user-data-dir={tmp_path_factory.mktemp("profile")}']:
        options.add_argument(flag)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope='module')
def pages(tmp_path_factory):
    """A report with everything in it, and a comparison."""
    folder = tmp_path_factory.mktemp('run')
    samples = make_samples()
    write_history(folder / 'class_history.jsonl')
    write_dump(folder / 'predictions.pkl', samples)
    write_json(folder / 'class_report.json', samples)
    write_report(build_insight(read_run(folder), Options(repeats=20)), folder / 'out')
    other = tmp_path_factory.mktemp('other')
    write_dump(other / 'predictions.pkl', samples)
    write_history(other / 'class_history.jsonl')
    methods = read_methods([folder, other], {}, Options(repeats=0))
    write_comparison(compare(methods), folder / 'out')
    return folder / 'out'


def opened(browser, page):
    """Open a page, forgetting what was logged before, and wait until the first picture is drawn."""
    browser.get('about:blank')
    for kind in ('browser', 'performance'):
        browser.get_log(kind)
    browser.get(page.as_uri())


def draw_all(browser):
    """Scroll to every picture and wait until it is drawn."""
    for place in browser.find_elements('css selector', '[data-figure]'):
        browser.execute_script('arguments[0].scrollIntoView({behavior: "instant"})', place)
        deadline = time.monotonic() + 60
        while not place.find_elements('css selector', '.main-svg'):
            assert time.monotonic() < deadline, f'{place.get_attribute("id")} was not drawn'
            time.sleep(0.05)


def assert_clean(browser, page):
    """No message in the console, and no request but for the page itself and what is inside it."""
    assert [entry for entry in browser.get_log('browser') if entry['level'] in ('SEVERE', 'WARNING')] == []
    events = [json.loads(entry['message'])['message'] for entry in browser.get_log('performance')]
    # What the browser asks for its own surfaces is not of this document.
    asked = {
        event['params']['request']['url']
        for event in events
        if event['method'] == 'Network.requestWillBeSent' and event['params'].get('documentURL') == page.as_uri()
    }
    assert page.as_uri() in asked
    assert all(url == page.as_uri() or url.startswith(('data:', 'blob:')) for url in asked), asked


def shown(browser):
    return browser.execute_script(
        "return [...document.querySelectorAll('#table tbody tr')].filter(r => !r.hidden).map(r => r.cells[0].innerText)"
    )


def test_report_draws_every_picture_without_error_or_request(browser, pages):
    opened(browser, pages / 'report.html')
    assert len(browser.find_elements('css selector', '[data-figure]')) == 6
    draw_all(browser)
    browser.execute_script(
        "const s = document.getElementById('order'); s.value = 'similar'; s.dispatchEvent(new Event('change'))"
    )
    browser.find_element('id', 'theme').click()
    time.sleep(0.3)
    assert browser.execute_script('return document.querySelectorAll("script").length') == 3
    assert_clean(browser, pages / 'report.html')


def test_a_report_of_objects_is_drawn_and_keeps_what_was_missed_at_the_end(browser, tmp_path):
    entries = make_images(count=30)
    run = write_object_run(tmp_path / 'run', entries)
    write_images(run, entries)
    with speaking(DETECTION):
        page = write_report(build_insight(read_run(run), Options(repeats=20)), tmp_path / 'out')[-1]
    opened(browser, page)
    draw_all(browser)
    browser.execute_script(
        "const s = document.getElementById('order'); s.value = 'similar'; s.dispatchEvent(new Event('change'))"
    )
    time.sleep(0.3)
    ticks = "return [...document.querySelectorAll('#figure-confusion .xtick text')].map(one => one.textContent)"
    assert browser.execute_script(ticks)[-1] == 'missed'
    heads = [one.text for one in browser.find_elements('css selector', '#table thead th')]
    assert heads[3:7] == ['Accuracy', 'Missed', 'Confused', 'AP']
    missed = next(place for place, head in enumerate(heads) if head == 'Missed')
    browser.find_elements('css selector', '#table thead button')[missed].send_keys('\n')
    script = (
        f"return [...document.querySelectorAll('#table tbody tr')].map(r => Number(r.cells[{missed}].dataset.value))"
    )
    assert browser.execute_script(script) == sorted(counts_of(entries)[2], reverse=True)
    pictures = browser.find_elements('css selector', '.cards img.crop')
    assert pictures
    browser.execute_script('arguments[0].scrollIntoView({behavior: "instant"})', pictures[0])
    time.sleep(0.5)
    assert browser.execute_script('return arguments[0].naturalHeight', pictures[0]) == 120
    assert_clean(browser, page)


def test_timelines_are_drawn_without_error_or_request(browser, tmp_path):
    windows = tuple(Window(at, at + 2.0, ranked([0.6, 0.4 - at / 100, at / 100], 'abc')) for at in range(9))
    page = tmp_path / 'timeline.html'
    page.write_bytes(render_timelines([Timeline('one.mp4', windows), Timeline('two.mp4', windows[:1])], 'a run'))
    opened(browser, page)
    assert len(browser.find_elements('css selector', '[data-figure]')) == 2
    draw_all(browser)
    assert_clean(browser, page)


@pytest.mark.long
def test_a_thousand_classes_are_drawn_sorted_and_filtered_without_error_or_request(browser, tmp_path):
    size = 1000
    counts = [max(3, 2000 // place) for place in range(1, size + 1)]
    write_history(tmp_path / 'class_history.jsonl', 100, counts, tuple(f'class {label}' for label in range(size)))
    write_dump(tmp_path / 'predictions.pkl', make_samples(count=2000, num_classes=size))
    page = write_report(build_insight(read_run(tmp_path), Options(repeats=2)), tmp_path / 'out')[-1]
    opened(browser, page)
    draw_all(browser)
    buttons = browser.find_elements('css selector', '#table thead button')
    buttons[1].send_keys('\n')
    script = "return [...document.querySelectorAll('#table tbody tr')].map(r => Number(r.cells[1].dataset.value))"
    assert browser.execute_script(script) == counts
    browser.find_element('id', 'search').send_keys('class 99')
    assert len(shown(browser)) >= 11  # and those that are confused with one of these
    assert browser.find_element('id', 'count').text == f'{len(shown(browser))} of 1000 classes'
    assert_clean(browser, page)


def test_a_request_would_be_seen(browser, pages, tmp_path):
    """The page is forbidden to load anything, and the browser says so where it tries."""
    page = tmp_path / 'asks.html'
    text = (pages / 'report.html').read_text()
    page.write_text(text.replace('</body>', '<img src="http://127.0.0.1:9/x.png"></body>'))
    opened(browser, page)
    time.sleep(0.5)
    with pytest.raises(AssertionError):
        assert_clean(browser, page)


def test_table_sorts_by_buttons_that_the_keyboard_reaches(browser, pages):
    opened(browser, pages / 'report.html')
    buttons = browser.find_elements('css selector', '#table thead button')
    accuracy = next(button for button in buttons if button.text.startswith('Accuracy'))
    header = accuracy.find_element('xpath', '..')

    def values():
        return browser.execute_script(
            "return [...document.querySelectorAll('#table tbody tr')].map(r => r.cells[3].dataset.value)"
        )

    accuracy.send_keys('\n')
    assert header.get_attribute('aria-sort') == 'descending'
    numbers = [float(value) for value in values()[:-1]]
    assert numbers == sorted(numbers, reverse=True)
    assert values()[-1] == ''  # never evaluated: last, whichever way
    accuracy.send_keys('\n')
    assert header.get_attribute('aria-sort') == 'ascending'
    assert [float(value) for value in values()[:-1]] == sorted(numbers)
    assert values()[-1] == ''
    buttons[0].send_keys('\n')
    assert shown(browser) == sorted(shown(browser))
    assert header.get_attribute('aria-sort') == 'none'


def test_table_is_searched_and_filtered(browser, pages):
    opened(browser, pages / 'report.html')
    search = browser.find_element('id', 'search')
    search.send_keys('<script>')
    assert 'cut <script>alert(1)</script>' in shown(browser)
    assert browser.find_element('id', 'count').text == f'{len(shown(browser))} of 5 classes'
    search.clear()
    search.send_keys('zzz')
    assert shown(browser) == []
    browser.execute_script("document.getElementById('search').value = ''")
    browser.execute_script(
        "const g = document.getElementById('group'); g.value = 'many'; g.dispatchEvent(new Event('change'))"
    )
    assert sorted(shown(browser)) == ['cut <script>alert(1)</script>', 'lift']


def chosen(browser):
    return browser.execute_script(
        "return [...document.querySelectorAll('#mistake-list > li')].filter(card => !card.hidden)"
        '.map(card => [card.dataset.true, card.dataset.predicted])'
    )


def wait_until(is_so):
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def write_webm(path):
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libvpx', rate=12)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for number in range(12):
            image = np.full((48, 64, 3), 20 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, 'rgb24')))
        container.mux(stream.encode())


@pytest.fixture(scope='module')
def playable(tmp_path_factory):
    """A report whose clips are videos that lie in a folder beside it, and the confusions of its dump."""
    folder = tmp_path_factory.mktemp('videos')
    samples = make_samples(count=200)
    for number, sample in enumerate(samples):
        sample['frame_dir'] = f'clips/clip #{number}.webm'
    (folder / 'clips').mkdir()
    write_webm(folder / 'clips/clip #0.webm')
    for number in range(1, len(samples)):
        (folder / f'clips/clip #{number}.webm').hardlink_to(folder / 'clips/clip #0.webm')
    write_dump(folder / 'predictions.pkl', samples)
    insight = build_insight(read_run(folder / 'predictions.pkl', class_names=NAMES), Options(repeats=0))
    return write_report(insight, folder / 'out')[-1], insight.confusion


def test_a_cell_and_a_pair_open_their_clips_and_one_is_played_and_not_asked_for_before(browser, playable):
    page, confusion = playable
    wrong = int(confusion.sum() - np.trace(confusion))
    opened(browser, page)
    draw_all(browser)
    place = browser.find_element('id', 'figure-confusion')
    browser.execute_script('arguments[0].scrollIntoView({behavior: "instant", block: "center"})', place)
    script = (
        'const {left, top, width, height} = arguments[0].getBoundingClientRect(); return [left, top, width, height]'
    )
    left, top, width, height = browser.execute_script(script, place.find_element('css selector', '.nsewdrag'))
    pointer = ActionBuilder(browser)
    pointer.pointer_action.move_to_location(int(left + width * 0.3), int(top + height * 0.5)).pause(0.3).click()
    pointer.perform()  # on what is of class 2 and was taken for class 1
    wait_until(lambda: len(chosen(browser)) == confusion[2, 1])
    assert set(map(tuple, chosen(browser))) == {('2', '1')}
    assert browser.find_element('id', 'mistake-count').text == f'{confusion[2, 1]} of {wrong}'
    assert browser.switch_to.active_element.get_attribute('id') == 'mistake-count'
    browser.find_element('id', 'clear').send_keys('\n')
    assert len(chosen(browser)) == 60 < wrong
    browser.find_element('id', 'more').send_keys('\n')
    assert len(chosen(browser)) == min(120, wrong)
    browser.find_element('css selector', '.pair').send_keys('\n')
    assert len(chosen(browser)) == np.where(np.eye(5), 0, confusion).max()
    button = browser.find_element('css selector', '#mistake-list > li:not([hidden]) .acts button')
    assert button.get_attribute('aria-label').startswith('Play: clip #')
    assert_clean(browser, page)
    button.send_keys('\n')
    wait_until(lambda: browser.execute_script("return document.querySelector('video')?.currentTime > 0"))
    button.send_keys('\n')
    assert not browser.find_elements('css selector', 'video')


def test_the_page_fits_a_phone(browser, playable):
    size = {'width': 390, 'height': 844, 'deviceScaleFactor': 1, 'mobile': True}
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', size)
    try:
        opened(browser, playable[0])
        draw_all(browser)
        assert browser.execute_script('return document.documentElement.scrollWidth') == 390
    finally:
        browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})


def test_dark_and_light_follow_the_system_and_the_button(browser, pages):
    opened(browser, pages / 'report.html')

    def background():
        return browser.execute_script('return getComputedStyle(document.body).backgroundColor')

    seen = []
    for scheme in ('dark', 'light'):
        features = [{'name': 'prefers-color-scheme', 'value': scheme}]
        browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': features})
        seen.append(background())
    assert seen[0] != seen[1]
    button = browser.find_element('id', 'theme')
    assert button.text == 'Switch to dark'
    button.click()
    assert background() == seen[0]
    assert button.text == 'Switch to light'


def test_comparison_opens_without_error_or_request(browser, pages):
    opened(browser, pages / 'compare.html')
    draw_all(browser)
    browser.find_elements('css selector', '#table thead button')[-1].send_keys('\n')
    assert_clean(browser, pages / 'compare.html')


@pytest.mark.long
def test_pictures_of_the_docs_are_taken_from_the_pages(browser, pages, repository):
    written = {'run': pages / 'report.html', 'baseline': pages / 'report.html', 'compare': pages / 'compare.html'}
    for picture in tool.PICTURES:
        # Not by OpenCV, which reads no PNG in a process that has loaded decord.
        image = np.asarray(Image.open(io.BytesIO(tool.take(browser, written[picture.page], picture))).convert('RGB'))
        assert image.shape[1] > 1000, picture
        assert 100 < image.shape[0] <= (picture.rows or 2000), picture
        colours = np.unique(image[120:, :400].reshape(-1, 3), axis=0)
        assert len(colours) > 20, picture  # something is drawn below the heading, with smooth letters
    assert {f'{picture.name}.png' for picture in tool.PICTURES} == {
        path.name for path in (repository / 'docs/use/images').iterdir()
    }
    with pytest.raises(ValueError, match='has no #nothing: the run lacks what x shows'):
        tool.take(browser, written['run'], tool.Picture('x', 'run', '#nothing'))
