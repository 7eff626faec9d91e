// The page: a picture, a question, one or two budgets, and what came of them.

import { ask, getModel, isReady, ServerError } from './api.js';
import { compare, share } from './numbers.js';
import { Pane } from './pane.js';
import { readPicture } from './picture.js';

const $ = id => document.getElementById(id);
const SELECTORS = { cls: '[CLS] attention', random: 'Random ones', uniform: 'An even grid' };
const RETRY_MS = 2000;

let model = null; // of GET /v1/models; null until it is known
let trouble = ''; // why it is not known
let budgetMoved = false; // by a person, or once by the server's own budget
let picture = null;
let reading = 0; // numbers the files as they are chosen: only the last one counts
let busyReading = false;
let running = null; // an AbortController while questions are out
let loading = 0; // numbers the questions about the model: only the last one goes on

// --- the model ---

/** @param last true when its answer is taken as it is, without a further question. */
async function loadModel(last) {
  const mine = ++loading;
  const again = then => setTimeout(() => mine === loading && loadModel(then), RETRY_MS);
  try {
    const found = await getModel($('key').value.trim());
    if (mine !== loading) return;
    model = found;
  } catch (error) {
    if (mine !== loading) return;
    model = null;
    trouble = error.message;
    if (error.status === 401) return askForKey();
    $('model').textContent = error.message;
    return again(false);
  }
  const own = model.fastervlm;
  $('model').textContent = own ? `${model.id}, ${own.visual_tokens_per_image} visual tokens per view, context of ${own.context_length}` : model.id;
  if (own) {
    fillSelectors(own);
    takeBudget(own);
    showBudgets();
    return;
  }
  const ready = await isReady();
  if (mine !== loading || last === true) return;
  if (!ready) $('model').textContent = `${model.id} is loading…`;
  // Ready since it was asked, it can tell more now. A model that is none of this library's never does, so it is asked once more only.
  again(ready);
}

function askForKey() {
  $('model').textContent = 'This server wants an API key.';
  $('more').open = true;
  $('key').focus();
}

function fillSelectors(own) {
  const chosen = $('selector').value || own.selector;
  $('selector').replaceChildren(...own.selectors.map(name => new Option(SELECTORS[name] ?? name, name, false, name === chosen)));
}

/** Starts where the server was told to, if that is a percentage below 100. */
function takeBudget(own) {
  const percent = /^(\d+)%$/.exec(own.visual_tokens)?.[1];
  if (percent < 100 && !budgetMoved) $('keep').value = percent;
  budgetMoved = true;
}

// --- the picture ---

async function takeFile(file) {
  if (!file) return;
  fail('');
  const mine = ++reading;
  busyReading = true;
  showButtons();
  try {
    const read = await readPicture(file);
    if (mine !== reading) return; // another was chosen meanwhile, or none
    // Panes that are shown still use the old picture's address, so it is not revoked; one page holds few.
    picture = read;
    $('preview').src = read.url;
    $('note').textContent = read.note;
    showPicture();
  } catch (error) {
    if (mine === reading) fail(error.message);
  } finally {
    if (mine === reading) busyReading = false;
    showButtons();
  }
}

function showButtons() {
  $('ask').disabled = Boolean(running) || busyReading;
  $('stop').disabled = !running;
}

function showPicture() {
  $('preview').hidden = $('remove').hidden = !picture;
  $('hint').hidden = Boolean(picture);
  if (!picture) $('note').textContent = '';
}

function listenForPictures() {
  for (const [button, input] of [['choose', 'file'], ['take', 'camera']]) {
    $(button).addEventListener('click', () => $(input).click());
    $(input).addEventListener('change', () => {
      takeFile($(input).files[0]);
      $(input).value = ''; // so that the same file can be chosen again
    });
  }
  $('remove').addEventListener('click', () => {
    picture = null;
    reading++; // what is still being read comes too late
    busyReading = false;
    showButtons();
    showPicture();
    $('choose').focus();
  });
  addEventListener('paste', event => {
    const file = [...event.clipboardData.files].find(f => f.type.startsWith('image/'));
    if (!file) return;
    event.preventDefault();
    takeFile(file);
  });
  // Everywhere, because a browser leaves the page for a file dropped beside the box.
  addEventListener('dragover', event => {
    event.preventDefault();
    document.body.classList.add('dragging');
  });
  addEventListener('dragleave', event => event.relatedTarget ?? document.body.classList.remove('dragging'));
  addEventListener('drop', event => {
    event.preventDefault();
    document.body.classList.remove('dragging');
    const file = event.dataTransfer.files[0];
    if (file) takeFile(file);
    else fail('That was no file. Drop a picture from a folder, or copy and paste it.');
  });
}

// --- the budgets ---

/** The server rounds up, as the paper's authors do. */
const tokensOf = percent => Math.ceil(percent * model.fastervlm.visual_tokens_per_image / 100 - 1e-9);

function showBudgets() {
  $('second').hidden = !$('compare').checked;
  for (const id of ['keep', 'keep-2']) {
    const percent = $(id).valueAsNumber;
    const count = model?.fastervlm ? `, ${tokensOf(percent)} of ${model.fastervlm.visual_tokens_per_image}` : '';
    $(`${id}-text`).textContent = `${percent} %${count}`;
    $(id).setAttribute('aria-valuetext', `${percent} percent${count}`);
  }
}

function budgets() {
  return ($('compare').checked ? ['keep', 'keep-2'] : ['keep']).map(id => $(id).valueAsNumber);
}

// --- asking ---

function request(percent) {
  const content = [{ type: 'text', text: $('question').value.trim() }];
  if (picture) content.unshift({ type: 'image_url', image_url: { url: picture.dataUri } });
  const own = { keep_ratio: percent / 100, statistics: true };
  if ($('selector').value) own.selector = $('selector').value;
  const body = {
    model: model.id,
    messages: [{ role: 'user', content }],
    temperature: 0, // so that what differs between two budgets is due to them
    stream: true,
    stream_options: { include_usage: true },
    fastervlm: own,
  };
  if ($('longest').value) body.max_completion_tokens = $('longest').valueAsNumber;
  return body;
}

async function run() {
  fail('');
  running = new AbortController(); // at once: a second press must not begin a second run
  showButtons();
  try {
    if (!model) await loadModel();
    if (!model) return fail(trouble);
    if (!running.signal.aborted) await answerAll();
  } finally {
    running = null;
    showButtons();
  }
}

async function answerAll() {
  $('verdict').hidden = true;
  const [asked, key] = [picture, $('key').value.trim()];
  const panes = budgets().map(percent => ({ pane: new Pane(asked ? `Keeping ${share(percent, 100)}` : 'Without a picture'), body: request(percent) }));
  $('panes').replaceChildren(...panes.map(({ pane }) => pane.element));
  // One after the other: side by side they would slow each other down and their times would say nothing.
  for (const { pane, body } of panes) await answer(pane, body, key, asked);
  if (panes.length === 2) {
    const verdict = compare(panes[0].pane, panes[1].pane);
    $('verdict').textContent = verdict ?? '';
    $('verdict').hidden = !verdict;
  }
}

async function answer(pane, body, key, asked) {
  if (running.signal.aborted) return pane.state('Not asked.');
  pane.state(asked ? 'Looking at the picture…' : 'Reading the question…', true);
  try {
    for await (const chunk of ask(body, key, running.signal)) pane.add(chunk);
    pane.end(asked);
  } catch (error) {
    if (running.signal.aborted) return pane.state(pane.text ? 'Stopped; this is what came until then.' : 'Stopped.');
    pane.state('No answer.');
    running.abort(); // the second question would fail in the same way
    fail(error.message);
    if (error.status === 401) askForKey();
    if (!(error instanceof ServerError)) throw error;
  }
}

function fail(words) {
  $('error').textContent = words;
}

// --- the start ---

$('form').addEventListener('submit', event => {
  event.preventDefault();
  if (!running && !busyReading) run();
});
$('question').addEventListener('keydown', event => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $('form').requestSubmit();
});
$('stop').addEventListener('click', () => running?.abort());
addEventListener('keydown', event => {
  if (event.key === 'Escape') running?.abort();
});
for (const id of ['keep', 'keep-2', 'compare']) $(id).addEventListener('input', showBudgets);
$('keep').addEventListener('input', () => { budgetMoved = true; });
$('key').addEventListener('change', loadModel);
listenForPictures();
showBudgets();
loadModel();
