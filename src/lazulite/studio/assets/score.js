// <lz-score src sample deployments chosen>: sends a request to an endpoint and shows what came back, pictures as
// pictures. Nothing of an answer is ever treated as markup.

import { ask, make, say, size } from "./shared.js";

const FIRST = '{\n  "data": [[1, 2, 3]]\n}';
const SHOWN = 256 << 10;

class Score extends HTMLElement {
  connectedCallback() {
    if (this.answer) return;
    const option = (value) => make("option", { value, selected: value === this.getAttribute("chosen") }, value);
    this.deployment = make("select", { ariaLabel: "Deployment" });
    this.deployment.append(make("option", { value: "" }, "by traffic"), ...this.getAttribute("deployments").split(",").map(option));
    this.path = make("input", { value: "/score", ariaLabel: "Path", size: 18 });
    this.method = make("select", { ariaLabel: "Method" }, make("option", {}, "POST"), make("option", {}, "GET"));
    this.type = make("input", { value: "application/json", ariaLabel: "Content type", size: 18 });
    this.body = make("textarea", { rows: 10, value: FIRST, spellcheck: false, ariaLabel: "Body" });
    this.file = make("input", { type: "file", ariaLabel: "A file as the body" });
    this.file.addEventListener("change", () => this.picked());
    this.send = make("button", { className: "primary", type: "button", onclick: () => this.score() }, "Send");
    this.answer = make("div", { className: "answer", role: "status" });
    const row = (...parts) => make("div", { className: "filters" }, ...parts);
    this.replaceChildren(
      row(this.method, this.path, this.deployment, this.type),
      this.body,
      row(this.send, make("span", { className: "muted" }, "or send a file:"), this.file),
      this.answer,
    );
    this.body.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.score();
    });
    this.fill();
  }

  async fill() {
    try {
      const { sample } = await (await ask(this.getAttribute("sample"))).json();
      if (sample && this.body.value === FIRST) this.body.value = sample;
    } catch {
      /* no swagger, no sample */
    }
  }

  picked() {
    const [file] = this.file.files;
    this.body.disabled = Boolean(file);
    this.type.value = file ? file.type || "application/octet-stream" : "application/json";
  }

  async score() {
    const [file] = this.file.files;
    const url = new URL(this.getAttribute("src"), location.href);
    const query = { deployment: this.deployment.value, path: this.path.value, method: this.method.value, type: this.type.value };
    for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
    this.send.disabled = true;
    this.send.textContent = "Waiting …";
    try {
      const reply = await ask(url.pathname + url.search, { method: "POST", body: file || this.body.value });
      await this.show(reply);
    } catch (error) {
      this.answer.replaceChildren(make("div", { className: "notice bad" }, error.message));
    } finally {
      this.send.disabled = false;
      this.send.textContent = "Send";
    }
  }

  async show(reply) {
    const told = (name) => reply.headers.get(`x-answer-${name}`) || "";
    const [status, type] = [Number(told("status")), told("type")];
    const content = await reply.blob();
    const tone = status < 400 ? "good" : "bad";
    const head = make(
      "div",
      { className: "chips" },
      make("span", { className: `badge ${tone}` }, String(status)),
      make("span", { className: "chip" }, `${told("ms")} ms`),
      make("span", { className: "chip" }, size(content.size)),
      make("span", { className: "chip" }, type || "no type"),
    );
    const save = make("a", { className: "button quiet", download: "answer", href: URL.createObjectURL(content) }, "Save");
    head.append(save);
    this.answer.replaceChildren(head, await this.picture(content, type));
  }

  async picture(content, type) {
    if (type.startsWith("image/")) {
      return make("img", { src: URL.createObjectURL(new Blob([content], { type: type.split(";")[0] })), alt: "The answer" });
    }
    const bytes = new Uint8Array(await content.slice(0, SHOWN).arrayBuffer());
    if (bytes.subarray(0, 4096).includes(0)) return make("p", { className: "muted" }, "No text. Save it to look at it.");
    let words = new TextDecoder().decode(bytes);
    try {
      words = JSON.stringify(JSON.parse(words), null, 2);
    } catch {
      /* no JSON: shown as it is */
    }
    return make("div", { className: "source" }, make("pre", {}, make("code", {}, words || "An empty answer.")));
  }
}

customElements.define("lz-score", Score);
