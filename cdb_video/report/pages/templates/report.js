'use strict';
// The page works without this script but for the pictures, sorting, search and choice, what copies and plays, and the theme.
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

  // plotly lies in the page packed, which makes the page less than half as large.
  const unpack = async () => {
    const packed = Uint8Array.from(atob(document.getElementById('plotly').textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
    const script = document.createElement('script');
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    script.remove();
  };

  const draw = (place) => {
    if (!window.Plotly) return;
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
    if (!drawn.has(place) && place.id === 'figure-confusion') openCells(place);
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
  if (places.length && 'DecompressionStream' in window) unpack().then(() => places.forEach((place) => watcher.observe(place)));
  else for (const place of places) place.textContent = 'The pictures need a browser of 2023 or later.';

  const button = document.getElementById('theme');
  const isDark = () => (root.dataset.theme ?? (dark.matches ? 'dark' : 'light')) === 'dark';
  const name = () => {
    button.querySelector('span').textContent = isDark() ? 'Switch to light' : 'Switch to dark';
  };
  const retheme = () => {
    name();
    drawn.forEach(draw);
  };
  button.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    retheme();
  });
  dark.addEventListener('change', retheme);
  name();

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

  const cards = [...document.querySelectorAll('#mistake-list > li')];
  const truth = document.getElementById('true-class');
  const answer = document.getElementById('predicted-class');
  const more = document.getElementById('more');
  const AT_ONCE = 60;
  let most = AT_ONCE;

  const call = (made, text) => {
    made.textContent = text;
    made.setAttribute('aria-label', `${text}: ${made.dataset.name}`);
  };

  const act = (text, name, run) => {
    const made = Object.assign(document.createElement('button'), { type: 'button', className: 'plainly' });
    made.dataset.name = name;
    call(made, text);
    made.addEventListener('click', () => run(made));
    return made;
  };

  // The video is asked for when it is played, and not before.
  const play = (card) => (made) => {
    const playing = card.querySelector('video');
    playing?.remove();
    call(made, playing ? 'Play' : 'Stop');
    if (playing) return;
    const video = Object.assign(document.createElement('video'), {
      controls: true, autoplay: true, loop: true, muted: true, playsInline: true, src: card.dataset.video,
    });
    video.addEventListener('error', () => {
      video.remove();
      call(made, 'Play');
      card.querySelector('[role=status]').textContent = 'Not played: the file is not beside this page any more, or of a kind that this browser does not play.';
    });
    card.prepend(video);
  };

  // What can be done with a card is added when it is first shown.
  const equip = (card) => {
    if (card.dataset.path === undefined || card.querySelector('.acts')) return;
    const name = card.querySelector('.clip').textContent;
    const said = Object.assign(document.createElement('span'), { className: 'small', role: 'status' });
    const acts = Object.assign(document.createElement('div'), { className: 'acts' });
    if (card.dataset.video) acts.append(act('Play', name, play(card)));
    acts.append(act('Copy path', name, () => copy(card.dataset.path, said)), said);
    card.append(acts);
  };

  const showMistakes = () => {
    let found = 0;
    for (const card of cards) {
      const fits = (truth.value === '' || card.dataset.true === truth.value) && (answer.value === '' || card.dataset.predicted === answer.value);
      found += fits;
      card.hidden = !fits || found > most;
      if (card.hidden) card.querySelector('video')?.remove();
      else equip(card);
    }
    more.hidden = found <= most;
    document.getElementById('clear').disabled = truth.value === '' && answer.value === '';
    const shown = Math.min(found, most);
    document.getElementById('mistake-count').textContent = `${found} of ${cards.length}${shown < found ? `, the first ${shown} are shown` : ''}`;
  };

  const narrow = (label, predicted) => {
    truth.value = label;
    answer.value = predicted;
    most = AT_ONCE;
    showMistakes();
  };

  // Narrows the list and goes there; a class of which no mistake is listed is none of the choices.
  const open = (label, predicted) => {
    const offered = (choice, value) => [...choice.options].some((option) => option.value === value);
    if (!offered(truth, label) || !offered(answer, predicted)) return;
    narrow(label, predicted);
    document.getElementById('mistakes').scrollIntoView();
    document.getElementById('mistake-count').focus({ preventScroll: true });
  };

  const openCells = (place) => {
    if (!cards.length) return;
    place.classList.add('opens');
    place.on('plotly_click', ({ points: [{ x, y, customdata }] }) => {
      const [label, predicted] = [figures.confusion.classes[y], figures.confusion.classes[x]];
      // Of those that were right there is no list: that cell opens what else became of its class.
      if (label !== undefined && predicted !== undefined && customdata) open(label, label === predicted ? '' : predicted);
    });
  };

  if (cards.length) {
    for (const choice of [truth, answer]) choice.addEventListener('change', () => narrow(truth.value, answer.value));
    document.getElementById('clear').addEventListener('click', () => narrow('', ''));
    more.addEventListener('click', () => {
      most += AT_ONCE;
      showMistakes();
    });
    for (const pair of document.querySelectorAll('.pair')) {
      const show = () => open(pair.dataset.true, pair.dataset.predicted);
      pair.closest('tr').addEventListener('click', show);
    }
    showMistakes();
  }

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
