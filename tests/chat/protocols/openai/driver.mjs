// The real `openai` client: takes {"url", "calls": [...]} on its input, prints what each call came to as one line of JSON.
import OpenAI from "openai";
import { text } from "node:stream/consumers";

const { url, calls } = JSON.parse(await text(process.stdin));
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none" });

/** One completion. `abortAfter`: the text after which the client leaves. */
async function complete({ headers, abortAfter, ...body }) {
  const answer = await client.chat.completions.create({ model: "palaver-auto", ...body }, { headers });
  if (!body.stream) return { content: answer.choices[0].message.content, usage: answer.usage };
  let content = "";
  let usage = null;
  let finish = null;
  for await (const chunk of answer) {
    content += chunk.choices[0]?.delta.content ?? "";
    finish = chunk.choices[0]?.finish_reason ?? finish;
    usage = chunk.usage ?? usage;
    if (abortAfter !== undefined && content.includes(abortAfter)) answer.controller.abort();
  }
  return { content, usage, finish };
}

const results = [];
for (const call of calls) {
  try {
    results.push(await complete(call));
  } catch (failure) {
    const { constructor, status, code, message, requestID } = failure;
    results.push({ error: constructor.name, status, code, message, requestID });
  }
}
const models = [];
for await (const model of client.models.list()) models.push(model.id);
console.log(JSON.stringify({ results, models }));
