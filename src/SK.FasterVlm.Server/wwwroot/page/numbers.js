// What an answer cost and what pruning saved, in words.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** Milliseconds for reading. */
export const time = ms => ms >= 10_000 ? `${one.format(ms / 1000)} s` : ms >= 10 ? `${whole.format(ms)} ms` : `${one.format(ms)} ms`;

/** Bytes for reading. */
export const bytes = count => count >= 1e9 ? `${one.format(count / 1e9)} GB` : count >= 1e6 ? `${one.format(count / 1e6)} MB` : `${one.format(count / 1e3)} kB`;

/** "4.0 times": how many times smaller `part` is than `all`. */
export const times = (all, part) => `${one.format(all / part)} times`;

/** "36 of 144 visual tokens (25 %)". */
export const kept = tokens => `${whole.format(tokens.kept)} of ${whole.format(tokens.total)} visual tokens (${share(tokens.kept, tokens.total)})`;

/** A percentage, with a digit after the point where it matters. */
export const share = (part, all) => {
  const percent = 100 * part / all;
  return `${percent >= 10 || part === 0 ? whole.format(percent) : one.format(percent)} %`;
};

/**
 * Lines for a list: [name, value, whether it is part of the line before].
 * @param {object} report the field `fastervlm` of an answer.
 * @param {object} usage the field `usage`.
 */
export function lines(report, usage) {
  const { visual_tokens: tokens, statistics } = report;
  const list = [];
  if (tokens.total > 0) {
    const saved = tokens.kept === 0 ? 'all saved' : tokens.kept < tokens.total ? `${times(tokens.total, tokens.kept)} fewer` : 'nothing pruned';
    list.push(['Visual tokens', `${whole.format(tokens.kept)} of ${whole.format(tokens.total)}, ${saved}`]);
  }
  if (!statistics) return list;
  const { timings_ms: ms, images } = statistics;
  list.push(['Time to first token', time(ms.first_token)]);
  for (const image of images) {
    const { decode, preprocess, encode, select, project } = image.timings_ms;
    list.push(...(image.from_cache ? [['Picture', 'from the cache', true]] : [
      ['Decode and resize', time(decode + preprocess), true],
      ['Vision tower', time(encode), true],
      ['Select and project', time(select + project), true],
    ]));
  }
  list.push(['Prefill', time(ms.prefill), true]);
  const cached = usage?.prompt_tokens_details?.cached_tokens ?? 0;
  if (usage) list.push(['Prompt', `${whole.format(usage.prompt_tokens)} tokens${cached > 0 ? `, ${whole.format(cached)} from the cache` : ''}`]);
  if (ms.queue >= 1) list.push(['Waited for others', time(ms.queue)]);
  if (usage) list.push(['Answer', `${whole.format(usage.completion_tokens)} tokens in ${time(ms.generation)}`]);
  if (statistics.tokens_per_second > 0) list.push(['Speed', `${one.format(statistics.tokens_per_second)} tokens per second`]);
  list.push(['KV cache', bytes(statistics.kv_bytes)]);
  return list;
}

/** Two answers in one sentence or two; null when there is nothing to compare. */
export function compare(first, second) {
  if (!first.report?.statistics || !second.report?.statistics || first.report.visual_tokens.kept === second.report.visual_tokens.kept) return null;
  const [few, many] = first.report.visual_tokens.kept < second.report.visual_tokens.kept ? [first, second] : [second, first];
  const [a, b] = [few.report.statistics, many.report.statistics];
  const said = first.text === second.text ? 'Both answers are the same.' : 'The answers differ.';
  const memory = `${times(b.kv_bytes, a.kv_bytes)} less KV cache`;
  // What was not computed took no time, so times of a cached picture say nothing about the budget.
  const cached = [a, b].some(s => s.images.some(i => i.from_cache));
  const speed = cached
    ? 'One of them was in the cache, so their times do not compare.'
    : `First token after ${time(a.timings_ms.first_token)} instead of ${time(b.timings_ms.first_token)}, `
      + `prefill in ${time(a.timings_ms.prefill)} instead of ${time(b.timings_ms.prefill)} (${times(b.timings_ms.prefill, a.timings_ms.prefill)} faster).`;
  return `${whole.format(few.report.visual_tokens.kept)} instead of ${whole.format(many.report.visual_tokens.kept)} visual tokens: `
    + `${memory}. ${speed} ${said}`;
}
