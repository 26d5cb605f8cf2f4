// As much of a browser as the pages need: cookies by host and path, redirects, forms.

export class Browser {
  #cookies = [];

  copy() {
    const other = new Browser();
    other.#cookies = structuredClone(this.#cookies);
    return other;
  }

  // One request. What it sets is kept.
  async ask(address, options = {}) {
    const url = new URL(address);
    const fits = (cookie) => cookie.host === url.host && url.pathname.startsWith(cookie.path);
    const cookie = this.#cookies.filter(fits).map(({ name, value }) => `${name}=${value}`).join("; ");
    const headers = { ...options.headers, ...(cookie && { cookie }) };
    const answer = await fetch(url, { ...options, headers, redirect: "manual" });
    for (const line of answer.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(";").map((part) => part.trim());
      const at = pair.indexOf("=");
      const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
      const given = (wanted) => attributes.find((one) => one.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
      const path = given("path") ?? "/";
      const same = (other) => other.host === url.host && other.name === name && other.path === path;
      this.#cookies = this.#cookies.filter((other) => !same(other));
      const isOver = given("max-age") === "0" || new Date(given("expires") ?? "2999-01-01") < new Date();
      if (!isOver) this.#cookies.push({ host: url.host, name, value, path });
    }
    return { status: answer.status, url, location: answer.headers.get("location"), text: await answer.text() };
  }

  // Follows redirects until there is a page, or one of them leads to an address that begins so.
  async visit(address, until, options) {
    let seen = await this.ask(address, options);
    for (let hops = 0; seen.location !== null; hops += 1) {
      const next = new URL(seen.location, seen.url).href;
      if (until && next.startsWith(until)) return { ...seen, next };
      if (hops > 10) throw new Error(`it leads on and on: ${next}`);
      seen = await this.ask(next);
    }
    return seen;
  }

  // Fills in the only form of a page and sends it.
  send(page, fields, until) {
    const action = /<form[^>]*action="([^"]*)"/.exec(page.text)?.[1];
    if (action === undefined) throw new Error(`there is no form: ${page.status} ${page.text}`);
    const hidden = page.text.matchAll(/<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"/g);
    const body = new URLSearchParams({ ...Object.fromEntries([...hidden].map(([, name, value]) => [name, value])), ...fields });
    const to = new URL(action.replaceAll("&amp;", "&"), page.url).href;
    return this.visit(to, until, { method: "POST", body });
  }
}
