// What hands and eyes do: drop, paste, move, ask, look.

/** Lets a file fall onto the page; waits until it is shown. */
export async function dropPicture(page, base64, name, type = 'image/jpeg', wait = true) {
  const transfer = await transferOf(page, base64, name, type);
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
  if (wait) await page.locator('#note').getByText(name.slice(0, 40)).waitFor();
}

/** Pastes a file. */
export async function pastePicture(page, base64, name) {
  const transfer = await transferOf(page, base64, name, 'image/jpeg');
  await transfer.evaluate(clipboardData => document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true })));
}

const transferOf = (page, base64, name, type) => page.evaluateHandle(([data, fileName, mediaType]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([Uint8Array.from(atob(data), c => c.charCodeAt(0))], fileName, { type: mediaType }));
  return transfer;
}, [base64, name, type]);

/** Moves a slider with the keyboard, from the nearer end. */
export async function moveSlider(page, id, percent) {
  const slider = page.locator(`#${id}`);
  const [end, step, count] = percent > 52 ? ['End', 'ArrowLeft', 100 - percent] : ['Home', 'ArrowRight', percent - 5];
  await slider.press(end);
  for (let i = 0; i < count; i++) await slider.press(step);
}

/** Asks and waits for the whole answer. */
export async function ask(page, question) {
  await page.getByLabel('Question', { exact: true }).fill(question);
  await page.getByRole('button', { name: 'Ask' }).click();
  await answered(page);
}

/** Waits until nothing is running. */
export async function answered(page) {
  await page.locator('#ask:enabled').waitFor();
}

/** What a pane shows. */
export const seenPane = (page, index) => page.locator('.pane').nth(index).evaluate(pane => {
  const picture = pane.querySelector('.canvas img')?.getBoundingClientRect();
  const names = [...pane.querySelectorAll('dt')].map(e => e.textContent);
  const values = [...pane.querySelectorAll('dd')].map(e => e.textContent);
  return {
    title: pane.querySelector('h2').textContent,
    state: pane.querySelector('.state').textContent,
    busy: pane.getAttribute('aria-busy'),
    answer: pane.querySelector('.answer').textContent,
    caption: pane.querySelector('figcaption').textContent,
    numbers: Object.fromEntries(names.map((name, i) => [name, values[i]])),
    // In shares of the picture as it is on the screen.
    kept: [...pane.querySelectorAll('.kept')].map(rect => {
      const box = rect.getBoundingClientRect();
      return {
        view: Number(rect.dataset.view),
        token: Number(rect.dataset.token),
        left: (box.left - picture.left) / picture.width,
        top: (box.top - picture.top) / picture.height,
        width: box.width / picture.width,
        height: box.height / picture.height,
      };
    }),
  };
});

/** The picture with its overlay as it is on the screen, a PNG file. */
export async function look(page, index) {
  return (await page.locator('.pane .canvas').nth(index).screenshot()).toString('base64');
}

/** Width of the page and of the window. */
export const widths = page => page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);

/** Controls that a screen reader has no name for. */
export const unnamed = page => page.locator('button, input, select, textarea').evaluateAll(all => all
  .filter(e => !(e.textContent.trim() && e.tagName === 'BUTTON') && !e.labels?.length && !e.getAttribute('aria-label'))
  .map(e => e.outerHTML));

/** Visible texts with less than 4.5 to 1 (WCAG 2.2, 1.4.3) against what is behind them. */
export const poorContrast = page => page.evaluate(() => {
  const parse = colour => colour.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const seen = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (walker.currentNode.data.trim()) seen.add(walker.currentNode.parentElement);
  const texts = [...seen].filter(e => e.checkVisibility() && !e.disabled);
  const poor = texts.map(e => {
    const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(behind(e))].sort((x, y) => y - x);
    return { text: e.textContent.trim().slice(0, 40), ratio: (a + 0.05) / (b + 0.05) };
  }).filter(t => t.ratio < 4.5);
  return { checked: texts.length, poor };
});
