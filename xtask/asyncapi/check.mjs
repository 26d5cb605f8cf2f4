// Has the parser read a document, and then the same document with faults: a check that lets these pass is none.
import { readFileSync } from "node:fs";
import { DiagnosticSeverity, Parser } from "@asyncapi/parser";

const text = readFileSync(process.argv[2], "utf8");

// What the parser says against a document. What it merely remarks, such as that there is a newer AsyncAPI, is left out.
async function faults(text) {
  const { document, diagnostics } = await new Parser().parse(text);
  const found = diagnostics
    .filter((one) => one.severity <= DiagnosticSeverity.Warning)
    .map((one) => `${one.code} at ${one.path.join("/")}: ${one.message}`);
  return { document, found };
}

const { document, found } = await faults(text);
if (found.length > 0 || document === undefined) {
  console.error(found.join("\n") || "the parser makes nothing of it");
  process.exit(1);
}

const sizes = { channels: document.channels(), operations: document.operations(), messages: document.messages() };
for (const [name, all] of Object.entries(sizes)) {
  console.log(`${all.length} ${name}`);
  if (all.length === 0) throw new Error(`no ${name}`);
}

const broken = {
  "no title": (doc) => delete doc.info.title,
  "an action that does not exist": (doc) => (Object.values(doc.operations)[0].action = "publish"),
  "a schema that is not there": (doc) => delete doc.components.schemas.AllocatedEvent,
  "a message that is not there": (doc) => delete doc.components.messages.Allocated,
  "a channel that is not there": (doc) => delete doc.channels.webhooks,
  "a parameter that is not there": (doc) => delete doc.channels.natsProductEvents.parameters.sku,
  "a schema that is none": (doc) => (doc.components.schemas.AllocatedEvent.properties.data.type = "number of units"),
};
for (const [what, spoil] of Object.entries(broken)) {
  const spoilt = JSON.parse(text);
  spoil(spoilt);
  const { found } = await faults(JSON.stringify(spoilt));
  if (found.length === 0) throw new Error(`the parser takes a document with ${what}`);
  console.log(`refused: ${what}`);
}
