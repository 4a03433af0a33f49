'use strict';
// The page works without this script but for the pictures, the sorting, the search and the theme button.
(() => {
  const root = document.documentElement;
  const figures = JSON.parse(document.getElementById('figures').textContent);
  const drawn = new Set();
  const dark = matchMedia('(prefers-color-scheme: dark)');

  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  // Copies a figure; a text that begins with '--' is a colour of the style sheet.
  const themed = (value) => {
    if (typeof value === 'string') return value.startsWith('--') ? colour(value) : value;
    if (Array.isArray(value)) return value.some((part) => typeof part !== 'number') ? value.map(themed) : value;
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, themed(part)]));
  };

  const buttons = [['toImage', 'zoom2d', 'pan2d', 'zoomIn2d', 'zoomOut2d', 'resetScale2d']];

  const axis = (given = {}) => ({
    gridcolor: colour('--line'), zerolinecolor: colour('--line'), linecolor: colour('--line'), automargin: true, ...themed(given),
  });

  const draw = (place) => {
    const figure = figures[place.dataset.figure];
    const data = figure.data.map((trace) => {
      // The cells of a heat map are numbers: no need to look for colours in them.
      const { z, customdata, ...rest } = trace;
      return { ...themed(rest), ...(z && { z }), ...(customdata && { customdata }) };
    });
    const layout = {
      ...themed(figure.layout),
      paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour('--text') },
      margin: { l: 60, r: 20, t: 24, b: 56 },
      hoverlabel: { bgcolor: colour('--surface'), bordercolor: colour('--line'), font: { color: colour('--text') } },
      modebar: { bgcolor: 'rgba(0,0,0,0)', color: colour('--muted'), activecolor: colour('--accent') },
      xaxis: axis(figure.layout.xaxis), yaxis: axis(figure.layout.yaxis),
    };
    Plotly.react(place, data, layout, { responsive: true, displaylogo: false, modeBarButtons: buttons });
    drawn.add(place);
  };

  const places = [...document.querySelectorAll('[data-figure]')];
  for (const place of places) place.style.minHeight = `${figures[place.dataset.figure].layout.height}px`;
  // A picture is drawn when it comes near the window, so that a page of a thousand classes opens at once.
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watcher.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: '500px' });
  places.forEach((place) => watcher.observe(place));

  const button = document.getElementById('theme');
  const isDark = () => (root.dataset.theme ?? (dark.matches ? 'dark' : 'light')) === 'dark';
  const retheme = () => {
    button.setAttribute('aria-pressed', String(isDark()));
    drawn.forEach(draw);
  };
  button.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    retheme();
  });
  dark.addEventListener('change', retheme);
  button.setAttribute('aria-pressed', String(isDark()));

  document.getElementById('order')?.addEventListener('change', (event) => {
    const order = figures.confusion.orders[event.target.value];
    for (const name of ['xaxis', 'yaxis']) figures.confusion.layout[name].categoryarray = order;
    draw(document.getElementById('figure-confusion'));
  });

  // Copies a text, and says so in the place; a page in a file may be refused the clipboard, and has the old way left.
  const copy = async (text, place) => {
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const field = document.body.appendChild(Object.assign(document.createElement('textarea'), { value: text }));
      const focused = document.activeElement;
      field.select();
      done = document.execCommand('copy');
      field.remove();
      focused.focus();
    }
    place.textContent = done ? 'Copied' : 'The browser does not let this page copy';
  };

  document.getElementById('copy-facts')?.addEventListener('click', () => {
    const lines = [...document.querySelectorAll('#facts dt')].map((name) => `${name.textContent}: ${name.nextElementSibling.textContent}`);
    copy(lines.join('\n'), document.getElementById('facts-copied'));
  });

  const table = document.getElementById('table');
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const headers = [...table.tHead.rows[0].cells];

  const compare = (column, isText, sign) => (one, other) => {
    const [a, b] = [one, other].map((row) => row.cells[column].dataset.value);
    // What is not known comes last, whichever way the column is sorted.
    if (a === '' || b === '') return (a === '') - (b === '');
    return sign * (isText ? a.localeCompare(b) : Number(a) - Number(b));
  };

  headers.forEach((header, column) => {
    const click = header.querySelector('button');
    click?.addEventListener('click', () => {
      const isText = click.dataset.kind === 'text';
      const now = header.getAttribute('aria-sort');
      const next = now === 'none' ? (isText ? 'ascending' : 'descending') : now === 'ascending' ? 'descending' : 'ascending';
      headers.forEach((each) => each.hasAttribute('aria-sort') && each.setAttribute('aria-sort', 'none'));
      header.setAttribute('aria-sort', next);
      rows.sort(compare(column, isText, next === 'ascending' ? 1 : -1));
      body.append(...rows);
    });
  });

  const search = document.getElementById('search');
  const group = document.getElementById('group');
  const count = document.getElementById('count');
  const texts = new Map(rows.map((row) => [row, `${row.cells[0].textContent} ${row.cells[row.cells.length - 1].textContent}`.toLowerCase()]));
  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    const kind = group ? group.value : '';
    let shown = 0;
    for (const row of rows) {
      row.hidden = !(texts.get(row).includes(wanted) && (kind === '' || row.dataset.group === kind));
      shown += !row.hidden;
    }
    count.textContent = `${shown} of ${rows.length} ${rows.length === 1 ? 'class' : 'classes'}`;
  };
  search?.addEventListener('input', filter);
  group?.addEventListener('change', filter);
  if (search) filter();
})();
