// Which visual tokens were kept, drawn over the picture.

const SVG = 'http://www.w3.org/2000/svg';

/** The sets of views that can be shown: the whole picture, and the tiles of models that have them. */
export function layersOf(image) {
  const views = image.views.map((_, index) => index);
  return views.length === 1 ? [{ name: 'Whole picture', views }] : [
    { name: 'Whole picture', views: [0] },
    { name: `${views.length - 1} tiles`, views: views.slice(1) },
  ];
}

/**
 * Fills a box with the picture, padding included, dark where a token was dropped.
 * @param {HTMLElement} canvas the box.
 * @param {object} image `width`, `height`, `grid_side`, `views` and `kept` of the server's report, in pixels of the picture.
 * @param {number[]} views which views to show; they must not overlap.
 * @param {string} url the picture.
 */
export function draw(canvas, image, views, url) {
  const box = bounds([{ x: 0, y: 0, width: image.width, height: image.height }, ...views.map(v => image.views[v])]);
  canvas.style.aspectRatio = `${box.width} / ${box.height}`;

  const picture = document.createElement('img');
  picture.src = url;
  picture.alt = '';
  picture.style.left = percent(-box.x / box.width);
  picture.style.top = percent(-box.y / box.height);
  picture.style.width = percent(image.width / box.width);
  picture.style.height = percent(image.height / box.height);

  const svg = element('svg', { viewBox: `${box.x} ${box.y} ${box.width} ${box.height}`, preserveAspectRatio: 'none', role: 'img' });
  const kept = views.flatMap(view => image.kept[view].map(token => ({ view, token, ...cell(image, view, token) })));
  const count = views.length * image.grid_side ** 2;
  svg.setAttribute('aria-label', `${kept.length} of ${count} patches were kept`);
  // Everything but the kept: the even-odd rule cuts their rectangles out of the whole.
  const holes = [box, ...kept].map(r => `M${r.x} ${r.y}h${r.width}v${r.height}h${-r.width}z`).join('');
  svg.append(element('path', { class: 'dropped', 'fill-rule': 'evenodd', d: holes }));
  for (const r of kept) {
    svg.append(element('rect', {
      class: 'kept', x: r.x, y: r.y, width: r.width, height: r.height, 'data-view': r.view, 'data-token': r.token,
    }));
  }
  canvas.replaceChildren(picture, svg);
  return { kept: kept.length, count };
}

/** What a token shows, in pixels of the picture. */
function cell(image, view, token) {
  const { x, y, width, height } = image.views[view];
  const [across, down] = [width / image.grid_side, height / image.grid_side];
  return { x: x + (token % image.grid_side) * across, y: y + Math.floor(token / image.grid_side) * down, width: across, height: down };
}

function bounds(rectangles) {
  const x = Math.min(...rectangles.map(r => r.x));
  const y = Math.min(...rectangles.map(r => r.y));
  return {
    x, y,
    width: Math.max(...rectangles.map(r => r.x + r.width)) - x,
    height: Math.max(...rectangles.map(r => r.y + r.height)) - y,
  };
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const percent = share => `${share * 100}%`;
