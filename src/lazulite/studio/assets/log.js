// <lz-log src>: a log of any size. It opens at its tail, follows it while it grows, and reads the rest by ranges as the
// reader scrolls. Only a window of it is in the page: chunks, {start, end, bytes, part}, part being what is drawn of one.

import { draw, plain } from "./ansi.js";
import { ask, make, pace, say, size } from "./shared.js";

const CHUNK = 128 << 10;
const MOST_CHUNKS = 8;
const NEAR_PX = 600;
const LONG_LINE = 64 << 10; // what is longer is not drawn again as it grows
const NEWLINE = 10;

class Log extends HTMLElement {
  static observedAttributes = ["src", "live"];

  connectedCallback() {
    if (this.text) return;
    this.field = make("input", { type: "search", placeholder: "Search this log", ariaLabel: "Search this log" });
    this.where = make("span", { className: "where" });
    const button = (words, title, does) => make("button", { type: "button", className: "quiet", title, onclick: does }, words);
    this.wrap = button("Wrap", "Break long lines or not", () => this.text.classList.toggle("flat"));
    const head = make(
      "div",
      { className: "head" },
      this.field,
      button("↑", "Find upward", () => this.find(-1)),
      button("↓", "Find downward", () => this.find(1)),
      this.where,
      this.wrap,
      button("Top", "Go to the beginning", () => this.jump(0)),
      button("Tail", "Go to the end and follow", () => this.tail()),
      make("a", { className: "button quiet", title: "The whole log as a file", download: "" }, "Save"),
    );
    this.save = head.querySelector("a");
    this.text = make("div", { className: "text", tabIndex: 0, role: "log" });
    this.replaceChildren(head, this.text);
    this.text.addEventListener("scroll", () => this.scrolled());
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.find(event.shiftKey ? 1 : -1);
    });
    this.begin();
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
  }

  attributeChangedCallback(name, before, after) {
    if (this.text && name === "src" && before !== after) this.begin();
    if (this.text && name === "live") this.watch();
  }

  begin() {
    this.chunks = [];
    this.total = 0;
    this.follows = true;
    this.save.href = this.address({ save: 1 });
    this.tail();
    this.watch();
  }

  address(query) {
    const url = new URL(this.getAttribute("src"), location.href);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url.pathname + url.search;
  }

  async read(at, length = CHUNK, whole = 0) {
    const reply = await ask(this.address({ at, length, whole }));
    const [start, end, total] = reply.headers.get("x-range").split(" ").map(Number);
    this.total = total;
    return { start, end, bytes: new Uint8Array(await reply.arrayBuffer()) };
  }

  async tail() {
    this.follows = true;
    await this.show(-CHUNK);
    this.text.scrollTop = this.text.scrollHeight;
  }

  async jump(at) {
    this.follows = false;
    await this.show(at);
    this.text.scrollTop = 0;
  }

  /** Shows the part of the log around a position, and nothing else. */
  async show(at) {
    try {
      const chunk = await this.read(at, CHUNK, 1);
      this.text.replaceChildren();
      this.chunks = [];
      this.add(chunk, "append");
      this.tell();
    } catch (error) {
      if (!this.chunks.length) this.text.textContent = error.message;
    }
  }

  add(chunk, how) {
    chunk.part = draw(decode(chunk.bytes));
    this.text[how](chunk.part);
    if (how === "append") this.chunks.push(chunk);
    else this.chunks.unshift(chunk);
  }

  async scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.text;
    const below = scrollHeight - scrollTop - clientHeight;
    this.follows = below < 40 && this.last?.end === this.total;
    this.tell();
    if (this.isReading || !this.chunks.length) return;
    this.isReading = true;
    try {
      if (scrollTop < NEAR_PX && this.chunks[0].start > 0) await this.before();
      else if (below < NEAR_PX && this.last.end < this.total) await this.after();
    } catch (error) {
      say(error.message, "bad");
    } finally {
      this.isReading = false;
    }
  }

  get last() {
    return this.chunks[this.chunks.length - 1];
  }

  async before() {
    const first = this.chunks[0];
    const length = Math.min(CHUNK, first.start);
    const chunk = await this.read(first.start - length, length, 1);
    const height = this.text.scrollHeight;
    this.add(chunk, "prepend");
    this.text.scrollTop += this.text.scrollHeight - height;
    while (this.chunks.length > MOST_CHUNKS) this.chunks.pop().part.remove();
  }

  async after() {
    const { end } = this.last;
    const chunk = await this.read(end);
    if (this.total < end) return this.tail(); // it was written anew
    if (chunk.end <= chunk.start || this.last?.end !== end) return;
    this.join(chunk);
    while (this.chunks.length > MOST_CHUNKS) {
      const height = this.text.scrollHeight;
      this.chunks.shift().part.remove();
      if (!this.follows) this.text.scrollTop -= height - this.text.scrollHeight;
    }
  }

  /** Takes in what follows the last chunk. A line that was not over is drawn again: a progress bar writes over itself. */
  join(chunk) {
    const { last } = this;
    const begun = last.bytes.lastIndexOf(NEWLINE) + 1;
    const isLong = last.bytes.length - begun > LONG_LINE;
    const cut = isLong ? last.bytes.length : begun;
    const fresh = concat(last.bytes.subarray(cut), chunk.bytes);
    if (!isLong) last.part.open?.remove();
    if (cut + fresh.length <= CHUNK) {
      const part = draw(decode(fresh));
      last.part.append(part);
      last.part.open = part.open;
      last.bytes = concat(last.bytes.subarray(0, cut), fresh);
      last.end = chunk.end;
      return;
    }
    last.bytes = last.bytes.slice(0, cut);
    last.end = last.start + cut;
    this.add({ start: last.end, end: chunk.end, bytes: fresh }, "append");
  }

  watch() {
    clearTimeout(this.timer);
    if (!this.hasAttribute("live")) {
      if (this.follows && this.chunks.length) this.grow(); // what came with the end
      return;
    }
    this.timer = setTimeout(async () => {
      if (!document.hidden) await this.grow();
      this.watch();
    }, pace.ms);
  }

  async grow() {
    if (this.isReading) return;
    if (!this.chunks.length) return this.tail();
    try {
      if (!this.follows) {
        await this.read(this.last.end, 1);
        this.tell();
        return;
      }
      const before = this.last.end;
      this.isReading = true;
      for (let end = -1; this.last.end !== end && this.follows; ) {
        end = this.last.end;
        await this.after();
        if (this.last.end >= this.total) break;
      }
      if (this.last.end !== before) this.text.scrollTop = this.text.scrollHeight;
      this.tell();
    } catch {
      /* the page says when the platform is away; this goes on where it was */
    } finally {
      this.isReading = false;
    }
  }

  tell() {
    if (!this.chunks.length) return;
    const part = this.total > CHUNK ? `${size(this.chunks[0].start)} – ${size(this.last.end)} of ` : "";
    this.where.textContent = `${part}${size(this.total)}${this.follows && this.hasAttribute("live") ? " · following" : ""}`;
  }

  /** Finds the next place of what is searched for, up (-1) or down (1), in the file itself. */
  async find(direction) {
    const words = this.field.value;
    if (!words || !this.chunks.length) return;
    const same = this.found?.words === words;
    let from = same ? this.found.at + (direction > 0 ? 1 : 0) : direction > 0 ? this.chunks[0].start : this.total;
    for (;;) {
      const reply = await ask(this.address({ q: words, from, direction }));
      const { at, next } = await reply.json();
      if (at !== null) {
        this.found = { words, at };
        return this.mark(at, words);
      }
      if (next === null) return say(`Nothing more ${direction > 0 ? "below" : "above"}.`);
      from = next;
    }
  }

  async mark(at, words) {
    this.follows = false;
    if (at < this.chunks[0].start || at >= this.last.end) await this.show(Math.max(0, at - CHUNK / 2));
    this.text.querySelectorAll("mark").forEach((mark) => mark.replaceWith(...mark.childNodes));
    this.text.normalize();
    const chunk = this.chunks.find(({ start, end }) => at >= start && at < end);
    const above = plain(decode(chunk.bytes.subarray(0, at - chunk.start)));
    let left = nearest(chunk.part.textContent, words, above.length);
    const walker = document.createTreeWalker(chunk.part, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (left < node.length) {
        const range = document.createRange();
        range.setStart(node, left);
        range.setEnd(node, Math.min(node.length, left + words.length));
        const mark = make("mark", { className: "now" });
        range.surroundContents(mark);
        mark.scrollIntoView({ block: "center" });
        return;
      }
      left -= node.length;
    }
  }
}

/** Returns the place of some words that is nearest to another place. */
function nearest(text, words, place) {
  const [lower, wanted] = [text.toLowerCase(), words.toLowerCase()];
  const before = lower.lastIndexOf(wanted, place);
  const after = lower.indexOf(wanted, place);
  if (before < 0 || after < 0) return Math.max(before, after, 0);
  return place - before <= after - place ? before : after;
}

const decoder = new TextDecoder();
const decode = (bytes) => decoder.decode(bytes);

function concat(one, other) {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

customElements.define("lz-log", Log);
