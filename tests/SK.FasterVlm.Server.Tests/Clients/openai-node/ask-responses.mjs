// As ask-chat.mjs, with the responses API.
import OpenAI from 'openai';

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const question = JSON.parse(Buffer.concat(chunks).toString('utf8'));
const client = new OpenAI({ baseURL: question.baseUrl, apiKey: question.apiKey, maxRetries: 0 });

const content = question.images.map(image => ({ type: 'input_image', image_url: image, detail: 'auto' }));
content.push({ type: 'input_text', text: question.text });
const request = {
  model: question.model,
  input: [{ role: 'user', content }, ...question.after],
  max_output_tokens: question.maxTokens,
  temperature: 0,
};
if (question.tools.length > 0) {
  request.tools = question.tools.map(tool => ({ type: 'function', strict: true, ...tool }));
  request.tool_choice = question.toolChoice.startsWith('=') ? { type: 'function', name: question.toolChoice.slice(1) } : question.toolChoice;
  if (question.parallel !== null) request.parallel_tool_calls = question.parallel;
}
if (question.schema) request.text = { format: { type: 'json_schema', name: 'answer', strict: true, schema: question.schema } };

// In the words of chat completions.
const finishOf = response => {
  if (response.status === 'incomplete') return response.incomplete_details.reason === 'max_output_tokens' ? 'length' : response.incomplete_details.reason;
  return response.output.some(item => item.type === 'function_call') ? 'tool_calls' : 'stop';
};
const answerOf = response => ({
  text: response.output_text,
  finish: finishOf(response),
  calls: response.output.filter(item => item.type === 'function_call').map(call => ({ id: call.call_id, name: call.name, arguments: call.arguments })),
  inputTokens: response.usage.input_tokens,
  outputTokens: response.usage.output_tokens,
});

try {
  let answer;
  if (!question.stream) {
    answer = answerOf(await client.responses.create(request));
  } else if (question.cancelAfter > 0) {
    const stream = await client.responses.create({ ...request, stream: true });
    let text = '';
    let pieces = 0;
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (text.length > 0 && ++pieces >= question.cancelAfter) break; // aborts the request
    }
    answer = { text, finish: 'cancelled', calls: [], inputTokens: 0, outputTokens: 0 };
  } else {
    // The helper checks that every item is announced before it is filled, and puts the pieces together.
    const stream = client.responses.stream(request);
    answer = answerOf(await stream.finalResponse());
  }
  console.log(JSON.stringify(answer));
} catch (error) {
  if (!(error instanceof OpenAI.APIError)) throw error;
  console.log(JSON.stringify({ error: { status: error.status, code: error.code ?? null, param: error.param ?? null } }));
}
