// <lz-score src sample deployments chosen>: sends a request to an endpoint and shows what came back, pictures as
// pictures. Nothing of an answer is ever treated as markup.

import { ask, make, say, size } from "./shared.js";

const FIRST = '{\n  "data": [[1, 2, 3]]\n}';
const SHOWN = 256 << 10;

class Score extends HTMLElement {
  connectedCallback() {
    if (this.answer) return;
    const option = (value) => make("option", { value, selected: value === this.getAttribute("chosen") }, value);
    this.deployment = make("select", {}, make("option", { value: "" }, "by traffic"), ...this.getAttribute("deployments").split(",").map(option));
    this.path = make("input", { value: "/score", size: 18 });
    this.method = make("select", {}, ...["POST", "GET", "PUT", "DELETE"].map((name) => make("option", {}, name)));
    this.type = make("input", { value: "application/json", size: 18 });
    this.body = make("textarea", { rows: 10, value: FIRST, spellcheck: false, ariaLabel: "Body" });
    this.file = make("input", { type: "file" });
    this.within = make("input", { size: 18, placeholder: "none: the whole body", disabled: true });
    this.send = make("button", { className: "primary", type: "button", onclick: () => this.score() }, "Send");
    this.answer = make("div", { className: "answer", role: "status" });
    const field = (words, input) => make("label", { className: "field" }, make("span", {}, words), input);
    const row = (...parts) => make("div", { className: "filters" }, ...parts);
    this.replaceChildren(
      row(field("Method", this.method), field("Path", this.path), field("Deployment", this.deployment), field("Content type", this.type)),
      this.body,
      row(field("Or a file", this.file), field("As the form's field", this.within)),
      row(this.send, make("span", { className: "muted" }, "Ctrl-Enter")),
      this.answer,
    );
    this.file.addEventListener("change", () => this.picked());
    this.within.addEventListener("input", () => this.picked());
    this.deployment.addEventListener("change", () => this.fill());
    this.body.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.score();
    });
    this.fill();
  }

  /** Offers a body that the deployment understands, unless somebody has written one. */
  async fill() {
    const url = new URL(this.getAttribute("sample"), location.href);
    url.searchParams.set("deployment", this.deployment.value || this.getAttribute("chosen"));
    if (this.body.value !== (this.offered ?? FIRST)) return;
    try {
      const { sample } = await (await ask(url.href)).json();
      if (this.body.value === (this.offered ?? FIRST)) this.body.value = this.offered = sample || FIRST;
    } catch {
      /* nothing tells of a body */
    }
  }

  picked() {
    const [file] = this.file.files;
    this.body.disabled = Boolean(file);
    this.within.disabled = !file;
    this.type.disabled = Boolean(file && this.within.value);
    this.type.value = !file ? "application/json" : this.within.value ? "multipart/form-data" : file.type || "application/octet-stream";
  }

  /** Returns what is sent, and its type: the text, a file, or a form with the file in one of its fields. */
  async sent() {
    const [file] = this.file.files;
    if (!file || !this.within.value) return [file || this.body.value, this.type.value];
    const form = new FormData();
    form.append(this.within.value, file);
    const packed = new Response(form);
    return [await packed.arrayBuffer(), packed.headers.get("content-type")];
  }

  async score() {
    const url = new URL(this.getAttribute("src"), location.href);
    this.send.disabled = true;
    this.send.textContent = "Waiting …";
    try {
      const [body, type] = await this.sent();
      const query = { deployment: this.deployment.value, path: this.path.value, method: this.method.value, type };
      for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
      await this.show(await ask(url.pathname + url.search, { method: "POST", body }));
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
    const headers = Object.entries(JSON.parse(told("headers") || "{}")).map(([name, value]) => `${name}: ${value}`);
    const save = make("a", { className: "button quiet", download: "answer", href: URL.createObjectURL(content) }, "Save");
    head.append(save);
    const all = make("details", {}, make("summary", {}, "Headers"), make("div", { className: "source" }, make("pre", {}, headers.join("\n"))));
    this.answer.replaceChildren(head, await this.picture(content, type), all);
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
