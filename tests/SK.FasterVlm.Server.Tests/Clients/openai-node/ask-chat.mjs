// Asks one question with the official JavaScript SDK: reads a question as JSON from standard input, prints the answer as JSON.
// Nothing here knows what server it talks to.
import OpenAI from 'openai';

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const question = JSON.parse(Buffer.concat(chunks).toString('utf8'));
const client = new OpenAI({ baseURL: question.baseUrl, apiKey: question.apiKey, maxRetries: 0 });

const content = question.images.map(image => ({ type: 'image_url', image_url: { url: image, detail: 'auto' } }));
content.push({ type: 'text', text: question.text });
const request = {
  model: question.model,
  messages: [{ role: 'user', content }, ...question.after],
  max_completion_tokens: question.maxTokens,
  temperature: 0,
};
if (question.tools.length > 0) {
  request.tools = question.tools.map(tool => ({ type: 'function', function: tool }));
  request.tool_choice = question.toolChoice.startsWith('=')
    ? { type: 'function', function: { name: question.toolChoice.slice(1) } }
    : question.toolChoice;
  if (question.parallel !== null) request.parallel_tool_calls = question.parallel;
}
if (question.schema) {
  request.response_format = { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: question.schema } };
}

const answerOf = (message, finish, usage) => ({
  text: message.content ?? '',
  finish,
  calls: (message.tool_calls ?? []).map(call => ({ id: call.id, name: call.function.name, arguments: call.function.arguments })),
  inputTokens: usage?.prompt_tokens ?? 0,
  outputTokens: usage?.completion_tokens ?? 0,
});

try {
  let answer;
  if (!question.stream) {
    const completion = await client.chat.completions.create(request);
    answer = answerOf(completion.choices[0].message, completion.choices[0].finish_reason, completion.usage);
  } else if (question.cancelAfter > 0) {
    const stream = await client.chat.completions.create({ ...request, stream: true });
    let text = '';
    let pieces = 0;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? '';
      if (text.length > 0 && ++pieces >= question.cancelAfter) break; // aborts the request
    }
    answer = { text, finish: 'cancelled', calls: [], inputTokens: 0, outputTokens: 0 };
  } else {
    // The helper checks roles, indices and finish reasons, and puts streamed calls together.
    const stream = client.chat.completions.stream({ ...request, stream_options: { include_usage: true } });
    const completion = await stream.finalChatCompletion();
    answer = answerOf(completion.choices[0].message, completion.choices[0].finish_reason, completion.usage);
  }
  console.log(JSON.stringify(answer));
} catch (error) {
  if (!(error instanceof OpenAI.APIError)) throw error;
  console.log(JSON.stringify({ error: { status: error.status, code: error.code ?? null, param: error.param ?? null } }));
}
