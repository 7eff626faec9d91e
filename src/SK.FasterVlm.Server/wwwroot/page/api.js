// The server's endpoints, and their failures in words.

/** A failure a person can read. `status` is that of the answer, 0 when there was none. */
export class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** The model, as GET /v1/models describes it; `fastervlm` is missing while it loads. */
export async function getModel(key) {
  const response = await send('v1/models', { headers: headers(key) });
  return (await response.json()).data[0];
}

/** Whether a question would be answered without loading the model first. */
export async function isReady() {
  return (await fetch('health/ready').catch(() => null))?.ok ?? false;
}

/**
 * Asks, and yields the chunks of the answer as they come.
 * @throws {ServerError} refused, broken off, or failed half-way.
 */
export async function* ask(body, key, signal) {
  const response = await send('v1/chat/completions', {
    method: 'POST',
    headers: { ...headers(key), 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  });
  for await (const data of events(response.body)) {
    if (data === '[DONE]') return;
    const chunk = JSON.parse(data);
    if (chunk.error) throw new ServerError(chunk.error.message, response.status);
    yield chunk;
  }
  throw new ServerError('The connection broke off before the answer was complete.', 0);
}

/** The data of server-sent events, which may be cut anywhere on their way. */
async function* events(stream) {
  let rest = '';
  for await (const text of texts(stream)) {
    const whole = (rest + text).split('\n\n');
    rest = whole.pop();
    for (const event of whole) {
      const data = event.split('\n').filter(line => line.startsWith('data:')).map(line => line.slice(5).trimStart());
      if (data.length > 0) yield data.join('\n');
    }
  }
}

async function* texts(stream) {
  // Not every browser can loop over a stream.
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw error.name === 'AbortError' ? error : new ServerError('The connection broke off before the answer was complete.', 0);
  } finally {
    reader.cancel().catch(() => { });
  }
}

async function send(address, request) {
  let response;
  try {
    response = await fetch(address, request);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ServerError('The server does not answer. Is it still running?', 0);
  }
  if (response.ok) return response;
  throw new ServerError(await words(response), response.status);
}

async function words(response) {
  if (response.status === 401) return 'This server wants an API key; enter the right one under "More settings".';
  if (response.status === 429) {
    const wait = response.headers.get('Retry-After');
    return `The server is busy with other questions. ${wait ? `Try again in ${wait} s.` : 'Try again shortly.'}`;
  }
  const said = await response.json().then(json => json.error?.message, () => null);
  return said ?? `The server answered with an error (${response.status}).`;
}

function headers(key) {
  return key ? { Authorization: `Bearer ${key}` } : {};
}
