// Plays one scenario with the page in a real browser: reads what to do as JSON from standard input, prints what was seen as JSON.
import { chromium } from 'playwright-core';
import * as scenarios from './scenarios.mjs';

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const input = JSON.parse(Buffer.concat(chunks).toString('utf8'));
const own = new URL(input.url).origin;

const browser = await chromium.launch({
  executablePath: input.chromium,
  timeout: input.patienceMs,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
try {
  const context = await browser.newContext({
    colorScheme: input.dark ? 'dark' : 'light',
    locale: 'en',
    ...(input.phone ? { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true } : { viewport: { width: 1280, height: 960 } }),
  });
  context.setDefaultTimeout(input.patienceMs);
  const page = await context.newPage();
  const problems = [];
  const sent = [];
  page.on('console', message => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', error => problems.push(`uncaught: ${error}`));
  page.on('request', request => {
    const url = new URL(request.url());
    if (!['blob:', 'data:'].includes(url.protocol) && url.origin !== own) problems.push(`a request to ${url.origin}`);
    if (request.method() === 'POST') sent.push(request.postDataJSON());
  });
  await page.goto(input.url);
  const seen = await scenarios[input.scenario](page, input);
  console.log(JSON.stringify({ ...seen, sent, problems }));
} finally {
  await browser.close();
}
