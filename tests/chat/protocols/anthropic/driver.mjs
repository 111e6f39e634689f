// One conversation with @anthropic-ai/sdk: reads {"url", "token", "model", "again"} and prints what the client made of it.
import Anthropic from "@anthropic-ai/sdk";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const { url, token, model } = JSON.parse(text);
const client = new Anthropic({ apiKey: token, baseURL: url, maxRetries: 0 });
const messages = [{ role: "user", content: "Hello" }];
const said = [];

for (const next of ["And then?", null]) {
  let streamed = "";
  const stream = client.messages.stream({ model, max_tokens: 900, messages });
  stream.on("text", (piece) => (streamed += piece));
  const answer = await stream.finalMessage();
  said.push({ streamed, text: answer.content.map((block) => block.text ?? "").join(""), output: answer.usage.output_tokens });
  messages.push({ role: "assistant", content: answer.content });
  if (next !== null) messages.push({ role: "user", content: next });
}

const counted = await client.messages.countTokens({ model, messages: messages.slice(0, 1) });
const models = [];
for await (const found of client.models.list()) models.push(found.id);
const refused = await client.messages
  .create({ model: "gpt-9", max_tokens: 9, messages: messages.slice(0, 1) })
  .catch((error) => ({ name: error.constructor.name, status: error.status, type: error.error?.error?.type, requestId: error.requestID }));
console.log(JSON.stringify({ said, counted: counted.input_tokens, models, refused }));
