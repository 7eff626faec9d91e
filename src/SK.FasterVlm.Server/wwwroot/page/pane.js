// One answer: its text as it comes, the kept patches and the numbers.

import { draw, layersOf } from './overlay.js';
import { kept, lines } from './numbers.js';

export class Pane {
  text = '';
  report = null;
  usage = null;

  constructor(title) {
    this.element = document.getElementById('pane').content.firstElementChild.cloneNode(true);
    this.find('h2').textContent = title;
    this.state('Waiting…');
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  /** Says what is going on. */
  state(words, busy = false) {
    this.find('.state').textContent = words;
    this.element.setAttribute('aria-busy', busy);
  }

  /** Takes a chunk of the answer. */
  add(chunk) {
    const piece = chunk.choices[0]?.delta?.content;
    if (piece) {
      this.text += piece;
      this.find('.answer').textContent = this.text;
      this.state('Answering…', true);
    }
    this.finish = chunk.choices[0]?.finish_reason ?? this.finish;
    this.report = chunk.fastervlm ?? this.report;
    this.usage = chunk.usage ?? this.usage;
  }

  /** Shows what only the end of an answer says. */
  end(picture) {
    this.state(this.finish === 'length' ? 'Cut off at the longest answer.' : '');
    if (!this.report) return;
    if (this.report.visual_tokens.total > 0) this.find('h2').textContent = kept(this.report.visual_tokens);
    this.find('.numbers').replaceChildren(...lines(this.report, this.usage).flatMap(([name, value, part]) => {
      const [dt, dd] = [document.createElement('dt'), document.createElement('dd')];
      dt.textContent = name;
      dd.textContent = value;
      for (const cell of [dt, dd]) cell.classList.toggle('part', part === true);
      return [dt, dd];
    }));
    const image = this.report.statistics?.images[0];
    if (image && picture) this.overlay(image, picture.url);
  }

  overlay(image, url) {
    const figure = this.find('figure');
    const show = layer => {
      const { kept: bright, count } = draw(this.find('.canvas'), image, layer.views, url);
      this.find('figcaption').textContent = `Bright: the ${bright} of ${count} patches that were kept.`
        + (image.width === image.height || image.views.length > 1 ? '' : ' Striped: the padding that makes the picture square.');
    };
    const layers = layersOf(image);
    const buttons = layers.map(layer => {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = layer.name;
      button.setAttribute('aria-pressed', layer === layers[0]);
      button.addEventListener('click', () => {
        for (const other of buttons) other.setAttribute('aria-pressed', other === button);
        show(layer);
      });
      return button;
    });
    this.find('.layers').replaceChildren(...buttons);
    this.find('.layers').hidden = layers.length === 1;
    show(layers[0]);
    figure.hidden = false;
  }
}
