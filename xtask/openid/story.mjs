// Tells a service the story of people who are signed in by a real provider: `node story.mjs EARMARK`.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { Browser } from "./browser.mjs";
import { start } from "./provider.mjs";

const [earmark] = process.argv.slice(2);

const freePort = () =>
  new Promise((found) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => found(port));
    });
  });

const service = `http://127.0.0.1:${await freePort()}`;
const callback = `${service}/sign-in/callback`;
const provider = await start(callback);
const folder = mkdtempSync(join(tmpdir(), "earmark-openid-"));
const settings = {
  EARMARK__STORE__URL: `sqlite:${join(folder, "earmark.db")}`,
  EARMARK__HTTP__LISTEN: new URL(service).host,
  EARMARK__LOG__LEVEL: "warn",
};
const process_ = spawn(earmark, ["serve"], {
  env: { ...process.env, ...settings, ...provider.settings },
  stdio: ["ignore", "pipe", "inherit"],
  cwd: folder,
});

// Signs somebody in on the provider's pages; answers where the provider sends the browser back to.
async function throughTheProvider(browser, name) {
  const login = await browser.visit(`${service}/sign-in/provider`, callback);
  assert.match(login.text, /Sign-in/i);
  const consent = await browser.send(login, { login: name, password: "any" }, callback);
  const back = consent.next ? consent : await browser.send(consent, {}, callback);
  assert.ok(back.next, back.text);
  return back.next;
}

async function until(what, poll) {
  for (const end = Date.now() + 30_000; Date.now() < end; await pause(200)) {
    if (await poll()) return;
  }
  throw new Error(`in vain: ${what}`);
}

const products = async (browser) => (await browser.ask(`${service}/v1/products`)).status;
const call = (token, path, body) =>
  fetch(`${service}${path}`, {
    method: body ? "POST" : "GET",
    headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
    body: body && JSON.stringify(body),
  });

async function story() {
  for await (const line of createInterface({ input: process_.stdout })) {
    if (line.includes(service)) break;
  }

  const anna = new Browser();
  const home = await anna.visit(`${service}/`);
  assert.match(home.text, /Sign in with your account/);
  const back = await throughTheProvider(anna, "anna");
  const before = anna.copy();
  const welcome = await anna.ask(back);
  assert.equal(welcome.status, 200, welcome.text);
  assert.match(welcome.text, /oidc:anna@shop\.example/);
  assert.match((await anna.ask(`${service}/`)).text, /Signed in as <strong>oidc:anna@shop\.example/);
  const post = (path, body) =>
    anna.ask(`${service}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "sec-fetch-site": "same-origin" },
      body: JSON.stringify(body),
    });
  assert.equal((await post("/v1/batches", { reference: "PO-1", sku: "LAMP", quantity: 10 })).status, 201);
  assert.equal((await post("/v1/allocations", { order_id: "o-1", sku: "LAMP", quantity: 1 })).status, 403);
  console.log("a person signs in on the provider's pages, and may what their role says");

  assert.equal((await anna.ask(back)).status, 400);
  const replayed = await before.ask(back);
  assert.equal(replayed.status, 401, "the provider takes a code once");
  assert.equal(await products(before), 401);
  const other = await throughTheProvider(new Browser(), "anna");
  assert.equal((await new Browser().ask(other)).status, 400);
  console.log("what comes back a second time, or to another browser, signs nobody in");

  const forged = new Browser();
  const own = new URL(await throughTheProvider(forged, "anna"));
  own.searchParams.set("state", "0".repeat(64));
  assert.equal((await forged.ask(own.href)).status, 400);
  console.log("nor does another state");

  const bert = new Browser();
  const refused = await bert.ask(await throughTheProvider(bert, "bert"));
  assert.equal(refused.status, 403);
  assert.match(refused.text, /knows you as oidc:bert, and gives you no role here/);
  assert.equal(await products(bert), 401);
  console.log("who has no role here is signed in nowhere");

  const cancelling = new Browser();
  const page = await cancelling.visit(`${service}/sign-in/provider`, callback);
  const abort = /href="([^"]*\/abort)"/.exec(page.text)?.[1];
  const cancelled = await cancelling.visit(new URL(abort, page.url).href, callback);
  assert.match(cancelled.next, /error=access_denied/);
  assert.equal((await cancelling.ask(cancelled.next)).status, 401);
  console.log("nor is who cancels");

  const token = await provider.token("urn:jwt");
  const allocated = await call(token, "/v1/allocations", { order_id: "o-1", sku: "LAMP", quantity: 1 });
  assert.equal(allocated.status, 201, await allocated.text());
  assert.equal((await call(token, "/v1/batches", { reference: "PO-2", sku: "LAMP", quantity: 1 })).status, 403);
  for (const resource of ["urn:other", "urn:opaque"]) {
    assert.equal((await call(await provider.token(resource), "/v1/products")).status, 401, resource);
  }
  console.log("a token for the service is shown as a key is, and none for others");

  await pause(5_000);
  provider.renew();
  const again = new Browser();
  assert.equal((await again.ask(await throughTheProvider(again, "anna"))).status, 200);
  assert.equal((await call(await provider.token("urn:jwt"), "/v1/products")).status, 200);
  console.log("keys that the provider has changed are fetched");

  const out = spawnSync(earmark, ["keys", "sign-out", "--person", "oidc:anna@shop.example"], {
    env: { ...process.env, ...settings },
    cwd: folder,
    encoding: "utf8",
  });
  assert.equal(out.status, 0, out.stderr);
  await until("the session is over", async () => (await products(anna)) === 401);
  console.log("a session that the operator ends is over");

  const late = new Browser();
  const lateBack = await throughTheProvider(late, "anna");
  await provider.stop();
  const away = await late.ask(lateBack);
  assert.equal(away.status, 503, away.text);
  assert.match(away.text, /does not answer/);
  assert.match(away.text, /Access key/);
  console.log("while the provider is away the page says so");
}

let failed = false;
try {
  await story();
} catch (why) {
  failed = true;
  console.error(why);
} finally {
  process_.kill("SIGTERM");
  await new Promise((ended) => process_.once("exit", ended));
  rmSync(folder, { recursive: true });
}
process.exit(failed ? 1 : 0);
