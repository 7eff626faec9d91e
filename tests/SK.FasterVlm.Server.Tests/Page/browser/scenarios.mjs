// What a person does with the page, and what they then see. Nothing is judged here.
import { dropPicture, pastePicture, moveSlider, ask, answered, seenPane, look, widths, unnamed, poorContrast } from './hands.mjs';

/** Drops a picture, asks, moves the slider, asks again. */
export async function dropAndAsk(page, { picture, question, keep, fewer }) {
  await dropPicture(page, picture, 'scene.jpg');
  await moveSlider(page, 'keep', keep);
  await ask(page, question);
  const first = { ...await seenPane(page, 0), canvas: await look(page, 0), slider: await page.locator('#keep-text').textContent() };
  await moveSlider(page, 'keep', fewer);
  await ask(page, question);
  return { first, second: { ...await seenPane(page, 0), canvas: await look(page, 0), slider: await page.locator('#keep-text').textContent() } };
}

/** Two budgets side by side. */
export async function compare(page, { picture, question, keep, fewer, screenshot }) {
  await dropPicture(page, picture, 'scene.jpg');
  await page.getByLabel('Compare with a second budget').check();
  await moveSlider(page, 'keep', keep);
  await moveSlider(page, 'keep-2', fewer);
  await ask(page, question);
  if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
  const boxes = await page.locator('.pane').evaluateAll(all => all.map(e => e.getBoundingClientRect().toJSON()));
  return { panes: [await seenPane(page, 0), await seenPane(page, 1)], boxes, verdict: await page.locator('#verdict').textContent() };
}

/** Chooses a file, pastes one, removes it, asks without. */
export async function otherWays(page, { picture, question }) {
  const size = () => page.locator('#preview').evaluate(img => img.decode().then(() => [img.naturalWidth, img.naturalHeight]));
  const file = { name: 'chosen.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(picture, 'base64') };
  await page.locator('#file').setInputFiles(file);
  await page.getByText('chosen.jpg').waitFor();
  const chosen = await size();
  await page.getByRole('button', { name: 'Remove' }).click();
  const removed = await page.locator('#preview').isHidden();
  await pastePicture(page, picture, 'pasted.jpg');
  await page.getByText('pasted.jpg').waitFor();
  const pasted = await size();
  await page.locator('#camera').setInputFiles({ ...file, name: 'taken.jpg' });
  await page.getByText('taken.jpg').waitFor();
  const taken = await size();
  await page.getByRole('button', { name: 'Remove' }).click();
  await ask(page, question);
  return { chosen, pasted, taken, removed, pane: await seenPane(page, 0) };
}

/** Pictures the server does not take as they are: another format, and more pixels than anyone needs. */
export async function redrawn(page, { question, format, width, height }) {
  const made = await page.evaluate(async ([type, w, h]) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [w, h];
    const context = canvas.getContext('2d');
    context.fillStyle = 'teal';
    context.fillRect(w / 4, 0, w / 2, h);
    const blob = await new Promise(resolve => canvas.toBlob(resolve, type));
    return new Promise(resolve => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.split(',')[1]);
      reader.readAsDataURL(blob);
    });
  }, ['image/png', width, height]);
  await dropPicture(page, made, `odd.${format}`, `image/${format}`);
  const note = await page.locator('#note').textContent();
  await ask(page, question);
  return { note, pane: await seenPane(page, 0) };
}

/** Stops an answer that never ends: by the button, then by the keyboard alone. */
export async function stop(page, { question }) {
  await page.getByLabel('Question', { exact: true }).fill(question);
  await page.getByRole('button', { name: 'Ask' }).click();
  await page.locator('.answer').getByText('word').waitFor();
  const busy = await page.locator('.pane').getAttribute('aria-busy');
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByText('Stopped').waitFor();
  const clicked = await seenPane(page, 0);
  await page.getByLabel('Question', { exact: true }).press('Enter');
  await page.locator('.answer').getByText('word').waitFor();
  await page.keyboard.press('Escape');
  await page.getByText('Stopped').waitFor();
  return {
    busy, clicked, pressed: await seenPane(page, 0),
    ready: await page.getByRole('button', { name: 'Ask' }).isEnabled(),
    error: await page.locator('#error').textContent(),
  };
}

/** What goes wrong is said, and the next question is answered. */
export async function errors(page, { picture, broken, question, long }) {
  const error = page.getByRole('alert');
  await dropPicture(page, broken, 'broken.png', 'image/png', false);
  await error.getByText('broken.png').waitFor();
  const damaged = await error.textContent();
  const preview = await page.locator('#preview').isVisible();
  await dropPicture(page, picture, 'scene.jpg');
  const cleared = await error.textContent();
  await page.getByLabel('Question', { exact: true }).fill(long);
  await page.getByRole('button', { name: 'Ask' }).click();
  await error.getByText('context').waitFor();
  const tooLong = await error.textContent();
  await ask(page, question);
  return { damaged, preview, cleared, tooLong, after: await seenPane(page, 0), error: await error.textContent() };
}

/** A server that fails half-way through an answer. */
export async function failure(page, { question }) {
  await page.getByLabel('Question', { exact: true }).fill(question);
  await page.getByRole('button', { name: 'Ask' }).click();
  await page.getByText('No answer.').waitFor();
  return { error: await page.getByRole('alert').textContent(), pane: await seenPane(page, 0) };
}

/** A server with too much to do, asked again. */
export async function busy(page, { question }) {
  const error = page.getByRole('alert');
  await page.getByLabel('Question', { exact: true }).fill(question);
  await page.getByRole('button', { name: 'Ask' }).click();
  await error.getByText('busy').waitFor();
  const refused = { error: await error.textContent(), pane: await seenPane(page, 0) };
  await ask(page, question);
  return { refused, error: await error.textContent(), pane: await seenPane(page, 0) };
}

/** A picture in tiles: shows the whole, the tiles, and the whole again. */
export async function tiles(page, { picture, question, keep }) {
  await dropPicture(page, picture, 'scene.jpg');
  await moveSlider(page, 'keep', keep);
  await ask(page, question);
  const layers = page.locator('.layers button');
  const names = await layers.allTextContents();
  const pressed = () => layers.evaluateAll(all => all.map(e => e.getAttribute('aria-pressed')));
  const seen = { names, whole: await seenPane(page, 0), first: await pressed() };
  await layers.nth(1).click();
  Object.assign(seen, { tiles: await seenPane(page, 0), second: await pressed() });
  await layers.nth(0).press('Enter');
  return { ...seen, again: await seenPane(page, 0), third: await pressed() };
}

/** A server that wants a key. */
export async function key(page, { question, wrong, right }) {
  await page.getByText('This server wants an API key.').waitFor();
  const field = page.getByLabel('API key');
  const focused = await field.evaluate(e => e === document.activeElement);
  await field.fill(wrong);
  await page.getByRole('button', { name: 'Ask' }).click();
  await page.getByRole('alert').getByText('API key').waitFor();
  const refused = await page.getByRole('alert').textContent();
  await field.fill(right);
  await field.blur();
  await page.locator('#model').getByText('scripted').waitFor();
  await ask(page, question);
  return { focused, refused, pane: await seenPane(page, 0), type: await field.getAttribute('type') };
}

/** On a phone: nothing runs over the side, everything has a name, is large enough for a finger and can be read. */
export async function phone(page, { picture, question }) {
  const before = await widths(page);
  const camera = await page.getByRole('button', { name: 'Take a picture' }).isVisible();
  await dropPicture(page, picture, `${'a-long-name-'.repeat(12)}.jpg`);
  await page.locator('#compare').tap();
  await page.getByText('More settings').tap();
  await page.getByLabel('Question', { exact: true }).fill(question);
  await page.getByRole('button', { name: 'Ask' }).tap();
  await answered(page);
  const low = await page.locator('button:visible, select:visible, input[type=range]:visible, summary:visible')
    .evaluateAll(all => all.filter(e => e.getBoundingClientRect().height < 32).map(e => e.outerHTML));
  return { before, after: await widths(page), camera, low, unnamed: await unnamed(page), contrast: await poorContrast(page) };
}

/** Two files while the first is still being read, and one that is taken away while it is. The reading is held as the test wants it. */
export async function overlappingFiles(page, { picture }) {
  await page.evaluate(() => {
    const decode = HTMLImageElement.prototype.decode;
    window.held = [];
    HTMLImageElement.prototype.decode = async function () {
      await new Promise(resolve => window.held.push(resolve));
      return decode.call(this);
    };
  });
  const release = async index => {
    await page.waitForFunction(i => window.held.length > i, index);
    await page.evaluate(i => window.held[i](), index);
  };
  const asking = () => page.locator('#ask').isEnabled();
  await dropPicture(page, picture, 'first.jpg', 'image/jpeg', false);
  await dropPicture(page, picture, 'second.jpg', 'image/jpeg', false);
  const whileReading = await asking();
  await release(1);
  await page.locator('#note').getByText('second.jpg').waitFor();
  const afterSecond = await asking();
  await release(0);
  await page.evaluate(() => new Promise(resolve => setTimeout(resolve, 0)));
  await dropPicture(page, picture, 'third.jpg', 'image/jpeg', false);
  const whileThird = await asking();
  await page.waitForFunction(() => window.held.length > 2);
  const note = await page.locator('#note').textContent(); // the first came too late
  await page.getByRole('button', { name: 'Remove' }).click();
  const afterRemoval = await asking();
  await release(2);
  await dropPicture(page, picture, 'fourth.jpg', 'image/jpeg', false);
  await page.waitForFunction(() => window.held.length > 3);
  const hidden = await page.locator('#preview').isHidden();
  return { whileReading, afterSecond, whileThird, note, afterRemoval, hidden };
}

/** Asks twice at once before the model is known. */
export async function twiceAtOnce(page, { question }) {
  await page.getByLabel('Question', { exact: true }).fill(question);
  await page.evaluate(() => {
    document.getElementById('form').requestSubmit();
    document.getElementById('form').requestSubmit();
  });
  await page.locator('.answer').getByText('answer.').waitFor();
  await answered(page);
  return { panes: await page.locator('.pane').count(), live: await page.locator('.answer').getAttribute('aria-live') };
}
