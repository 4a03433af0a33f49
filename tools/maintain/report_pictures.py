"""Make the pictures of docs/use/report.md anew, from work directories, in headless Chromium.

    python -m tools.maintain.report_pictures --baseline CE_DIR --run CDBS_DIR --compare CE_DIR ... CDBW_DIR ... \
        CDBS_DIR ... [--head-threshold 100] [--out docs/use/images]

Writes the pages into a temporary folder, as tools/report.py and tools/compare.py do, opens them at the width of a
laptop, and saves report_{overview,difficulty,confusion,classes,mistakes}.png of --run, report_frequency.png of
--baseline, and compare_gains.png of --compare. Each work directory is one after `mim test --dump`. The pictures show
frames of the data: only of EGTEA-mini may they be passed on. Needs Chromium with its driver (apt-get install chromium
chromium-driver), and selenium. Exit code 2 if one of them is missing, or a run cannot be read.
"""

import argparse
import base64
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdb_video.report.compare.files import write_comparison
from cdb_video.report.compare.methods import compare
from cdb_video.report.compare.runs import read_methods
from cdb_video.report.insight.insight import Options, build_insight
from cdb_video.report.pages.files import PAGE_NAME, write_report
from cdb_video.report.sources.source import read_run
from cdb_video_files.atomic import write_atomically

WIDTH, HEIGHT = 1366, 768
_SECONDS = 60
# Into the window, with the cards that the page leaves undrawn below it, and without the buttons over a figure.
_UNCOVER = """
arguments[0].scrollIntoView({behavior: 'instant'});
for (const card of document.querySelectorAll('.cards li')) card.style.contentVisibility = 'visible';
for (const bar of document.querySelectorAll('.modebar')) bar.style.display = 'none';
"""


@dataclass(frozen=True)
class Picture:
    """A picture: the page that it is of, the part of it, and at most how many pixels of that are kept from above."""

    name: str
    page: str
    part: str
    rows: int | None = None


PICTURES = (
    Picture('report_frequency', 'baseline', '#figure-tail'),
    Picture('report_overview', 'run', '#overview'),
    Picture('report_difficulty', 'run', '#figure-difficulty'),
    Picture('report_confusion', 'run', '#figure-confusion'),
    Picture('report_classes', 'run', '#classes', 520),
    Picture('report_mistakes', 'run', '#mistakes', 435),
    Picture('compare_gains', 'compare', '#gains'),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    arguments = _parser().parse_args(argv)
    try:
        with tempfile.TemporaryDirectory() as folder, _browser() as browser:
            pages = _pages(arguments, Path(folder))
            arguments.out.mkdir(parents=True, exist_ok=True)
            for picture in PICTURES:
                content = take(browser, pages[picture.page], picture)
                print(f'wrote {write_atomically(arguments.out / f"{picture.name}.png", content)}')
    except (OSError, ValueError, ImportError) as error:
        print(f'report_pictures: {error}', file=sys.stderr)
        return 2
    return 0


def take(browser: Any, page: Path, picture: Picture) -> bytes:
    """The picture as PNG.

    Args:
        browser: From `_browser`.
        page: The HTML file.
        picture: Which part of it.

    Raises:
        ValueError: If the page has no such part, or it is not drawn within a minute.
    """
    if browser.current_url != page.resolve().as_uri():
        browser.get(page.resolve().as_uri())
    parts = browser.find_elements('css selector', picture.part)
    if not parts:
        raise ValueError(f'{page} has no {picture.part}: the run lacks what {picture.name} shows; name one with a dump')
    browser.execute_cdp_cmd('Emulation.setScrollbarsHidden', {'hidden': True})  # or the picture is moved by half of one
    browser.execute_script(_UNCOVER, parts[0])
    _wait_until_drawn(browser, picture)
    browser.execute_script(_UNCOVER, parts[0])
    box = browser.execute_script(
        'const box = arguments[0].getBoundingClientRect();'
        'return {x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height};',
        parts[0],
    )
    box['height'] = min(box['height'], picture.rows or box['height'])
    shot = browser.execute_cdp_cmd(
        'Page.captureScreenshot', {'format': 'png', 'clip': box | {'scale': 1}, 'captureBeyondViewport': True}
    )
    return base64.b64decode(shot['data'])


def _wait_until_drawn(browser: Any, picture: Picture) -> None:
    """Wait for the figures and frames of a part; the page draws them when they come into the window."""
    script = (
        'const part = document.querySelector(arguments[0]);'
        'const figures = [part, ...part.querySelectorAll("[data-figure]")].filter((e) => e.dataset.figure);'
        'const frames = [...part.querySelectorAll("img")].slice(0, 6);'
        'return figures.every((e) => e.querySelector(".main-svg")) && frames.every((e) => e.complete);'
    )
    deadline = time.monotonic() + _SECONDS
    while not browser.execute_script(script, picture.part):
        if time.monotonic() > deadline:
            raise ValueError(f'{picture.part} was not drawn within {_SECONDS} s')
        time.sleep(0.05)
    time.sleep(0.3)  # fonts and labels settle


def _pages(arguments: argparse.Namespace, folder: Path) -> dict[str, Path]:
    """Write the three pages."""
    options = Options(head_threshold=arguments.head_threshold)
    pages = {}
    for name in ('run', 'baseline'):
        write_report(build_insight(read_run(getattr(arguments, name)), options), folder / name)
        pages[name] = folder / name / PAGE_NAME
    methods = read_methods(arguments.compare, {}, Options(head_threshold=arguments.head_threshold, repeats=0))
    pages['compare'] = write_comparison(compare(methods), folder / 'compare')[-1]
    return pages


@contextmanager
def _browser() -> Iterator[Any]:
    """Headless Chromium, without a network."""
    binary = shutil.which('chromium') or shutil.which('google-chrome')
    driver = shutil.which('chromedriver')
    if binary is None or driver is None:
        raise FileNotFoundError('no Chromium with its driver: apt-get install chromium chromium-driver')
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in ('--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'):
        options.add_argument(flag)
    options.add_argument(f'--window-size={WIDTH},{HEIGHT}')
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield browser
    finally:
        browser.quit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--run', type=Path, required=True, metavar='WORK_DIR', help='whose report is shown')
    parser.add_argument('--baseline', type=Path, required=True, metavar='WORK_DIR', help='for accuracy by frequency')
    parser.add_argument(
        '--compare', type=Path, nargs='+', required=True, metavar='WORK_DIR', help='the first is of the baseline'
    )
    parser.add_argument('--head-threshold', type=int, default=100, help='more training clips than this is the head')
    parser.add_argument('--out', type=Path, default=Path('docs/use/images'), help='where the pictures go')
    return parser


if __name__ == '__main__':
    sys.exit(main())
