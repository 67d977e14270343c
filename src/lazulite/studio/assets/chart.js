// <lz-plots src>: curves drawn as SVG. The source answers {plots: [{title, unit, x, curves: [{label, points: [[x, y, ms]]}]}],
// pause_ms}; x is a step or seconds, y a number or the word for what is none. Log scale, smoothing and the axis are chosen
// above; the pointer reads all curves at once, drags out a part to look at, and a double click shows all again.

import { ask, make, pace, span, size } from "./shared.js";

const WIDTH = 460;
const HEIGHT = 220;
const PAD = { left: 52, right: 12, top: 10, bottom: 24 };
const COLOURS = 8;
const MANY = 6; // plots, from here on one looks for them by name
const SVG = "http://www.w3.org/2000/svg";

function draw(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

class Plots extends HTMLElement {
  static observedAttributes = ["src", "live"];

  connectedCallback() {
    if (this.body) return;
    this.options = { log: false, smooth: 0, axis: "step" };
    this.body = make("div", { className: "plots" });
    this.flat = make("div", { className: "plots flat" });
    this.replaceChildren(...(this.hasAttribute("plain") ? [] : [this.tools()]), this.flat, this.body);
    this.charts = new Map();
    this.load();
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
  }

  attributeChangedCallback(name, before, after) {
    if (this.body && before !== after) this.load();
  }

  tools() {
    const change = (name, value) => {
      this.options[name] = value;
      this.charts.forEach((chart) => chart.show(chart.plot, this.options));
    };
    const box = make("input", { type: "checkbox", onchange: () => change("log", box.checked) });
    const slide = make("input", { type: "range", min: 0, max: 0.98, step: 0.02, value: 0, ariaLabel: "Smoothing" });
    const told = make("output", {}, "0");
    slide.addEventListener("input", () => {
      told.textContent = slide.value;
      change("smooth", Number(slide.value));
    });
    const axis = make("select", { ariaLabel: "Axis", onchange: () => change("axis", axis.value) });
    axis.append(make("option", { value: "step" }, "by step"), make("option", { value: "time" }, "by time"));
    this.named = make("input", { type: "search", placeholder: "Filter metrics", ariaLabel: "Filter metrics", hidden: true });
    this.named.addEventListener("input", () => this.narrow());
    this.head = make(
      "div",
      { className: "filters", hidden: true },
      this.named,
      axis,
      make("label", {}, box, "log scale"),
      make("label", {}, "smoothing", slide, told),
    );
    return this.head;
  }

  narrow() {
    const words = this.named?.value.toLowerCase() ?? "";
    this.charts.forEach(({ card }, title) => (card.hidden = !title.toLowerCase().includes(words)));
  }

  async load() {
    clearTimeout(this.timer);
    const asked = this.getAttribute("src");
    try {
      const { plots, pause_ms } = await (await ask(asked)).json();
      this.pause = pause_ms ?? 0;
      if (asked === this.getAttribute("src")) this.show(plots);
    } catch (error) {
      if (!this.charts.size) this.body.replaceChildren(make("p", { className: "muted" }, error.message));
    }
    if (this.hasAttribute("live") && this.isConnected) this.again();
  }

  again() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (document.hidden ? this.again() : this.load()), Math.max(2 * pace.ms, this.pause));
  }

  show(plots) {
    if (this.head) this.head.hidden = !plots.some(isCurve);
    if (this.named) this.named.hidden = plots.length < MANY;
    if (!plots.length) {
      this.body.replaceChildren(make("p", { className: "muted" }, this.getAttribute("empty") || "Nothing was logged yet."));
      return;
    }
    if (!this.charts.size) this.body.replaceChildren();
    for (const plot of plots) {
      let chart = this.charts.get(plot.title);
      if (!chart) {
        chart = new Chart(plot.title);
        this.charts.set(plot.title, chart);
      }
      const place = isCurve(plot) ? this.body : this.flat;
      if (chart.card.parentNode !== place) place.append(chart.card);
      const told = JSON.stringify(plot);
      if (told !== chart.drawn) chart.show(plot, this.options);
      chart.drawn = told;
    }
    this.flat.classList.toggle("many", plots.some(({ curves }) => curves.length > 1));
    this.narrow();
  }
}

/** Tells whether a plot has any curve: several points, of one run at least. */
const isCurve = ({ curves }) => curves.some(({ points }) => points.length > 1);

/** One plot with its curves, or with the single values that were logged. */
class Chart {
  constructor(title) {
    this.hidden = new Set();
    this.area = make("div", { className: "plot" });
    this.keys = make("div", { className: "keys" });
    this.latest = make("span", { className: "muted" });
    const wide = make("button", { type: "button", className: "quiet wide", title: "Larger or smaller", ariaLabel: `${title}: larger or smaller` }, "⤢");
    wide.addEventListener("click", () => this.card.classList.toggle("large"));
    const head = make("div", { className: "head" }, make("h2", { title }, title), this.latest, wide);
    this.card = make("section", { className: "card chart" }, head, this.area, this.keys);
    this.tip = make("div", { className: "tip", hidden: true });
    this.area.addEventListener("pointermove", (event) => this.point(event));
    this.area.addEventListener("pointerleave", () => this.unpoint());
    this.area.addEventListener("pointerdown", (event) => this.begin(event));
    this.area.addEventListener("pointerup", (event) => this.end(event));
    this.area.addEventListener("dblclick", () => this.look(null));
  }

  show(plot, options) {
    this.plot = plot;
    this.options = options;
    const byTime = options.axis === "time" && plot.curves.some(({ points }) => points[0]?.[2]);
    if (byTime !== this.isByTime) this.part = null;
    this.isByTime = byTime;
    this.curves = plot.curves.map((curve, index) => curveOf(curve, index, byTime, options.smooth));
    this.isTime = byTime || plot.x === "seconds";
    const isPlain = !isCurve(plot);
    this.card.classList.toggle("values", isPlain);
    this.latest.textContent = isPlain ? "" : this.told();
    if (isPlain) return this.bars();
    this.legend();
    this.paint();
  }

  /** Returns what stands beside the title: the last value, and what could not be drawn. */
  told() {
    const odd = new Set(this.curves.flatMap(({ raw }) => raw.map(([, y]) => y).filter((y) => !Number.isFinite(y)).map(short)));
    const last = this.curves.length === 1 ? [this.words(this.curves[0].raw.at(-1)[1])] : [];
    return [...(odd.size ? [`not drawn: ${[...odd].join(", ")}`] : []), ...last].join("  ·  ");
  }

  /** Shows single values: a figure, or a bar for each run. */
  bars() {
    const values = this.curves.map(({ label, raw, index }) => ({ label, index, value: raw[0]?.[1] ?? NaN }));
    this.keys.replaceChildren();
    if (values.length === 1) return this.area.replaceChildren(make("div", { className: "figure" }, this.words(values[0].value)));
    const known = values.map(({ value }) => value).filter(Number.isFinite);
    const [low, high] = [Math.min(0, ...known), Math.max(0, ...known)];
    const rows = values.map(({ label, index, value }) => {
      const bar = draw("svg", { viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" });
      const [from, to] = [0, value].map((one) => (100 * (one - low)) / (high - low || 1));
      if (Number.isFinite(value)) bar.append(draw("rect", { class: `bar c${index % COLOURS}`, x: Math.min(from, to), width: Math.abs(to - from), height: 6 }));
      return make("div", { className: "bar-row" }, make("span", { title: label }, label), bar, make("span", {}, this.words(value)));
    });
    this.area.replaceChildren(...rows);
  }

  legend() {
    if (this.curves.length < 2) return this.keys.replaceChildren();
    this.keys.replaceChildren(
      ...this.curves.map(({ label, index }) => {
        const isOut = this.hidden.has(label);
        const key = make("button", { type: "button", title: label, className: `quiet ${isOut ? "out" : ""}`, ariaPressed: String(!isOut) });
        key.append(draw("svg", { viewBox: "0 0 14 4" }, draw("path", { d: "M0 2h14", class: styleOf(index) })), make("span", {}, label));
        key.addEventListener("click", () => {
          if (!this.hidden.delete(label)) this.hidden.add(label);
          key.classList.toggle("out");
          key.ariaPressed = String(!this.hidden.has(label));
          this.paint();
        });
        return key;
      }),
    );
  }

  /** Shows a part of the axis, [from, to], or all of it. */
  look(part) {
    this.part = part;
    this.paint();
  }

  at(event) {
    const box = this.area.getBoundingClientRect();
    return this.x.back(Math.min(WIDTH - PAD.right, Math.max(PAD.left, ((event.clientX - box.left) / box.width) * WIDTH)));
  }

  begin(event) {
    if (this.x && event.button === 0) this.from = this.at(event);
  }

  end(event) {
    if (this.from === undefined) return;
    const [from, to] = [this.from, this.at(event)].sort((one, other) => one - other);
    this.from = undefined;
    if (Math.abs(this.x(to) - this.x(from)) > 8) this.look([from, to]);
    else this.band.setAttribute("width", 0);
  }

  paint() {
    const shown = this.curves.filter(({ label }) => !this.hidden.has(label));
    const usable = (y) => Number.isFinite(y) && (!this.options.log || y > 0);
    const isSeen = ([x]) => !this.part || (x >= this.part[0] && x <= this.part[1]);
    const points = shown.flatMap(({ smooth }) => smooth.filter((point) => usable(point[1]) && isSeen(point)));
    const steps = this.part ?? points.map(([x]) => x);
    this.x = scale(steps, PAD.left, WIDTH - PAD.right, false, false, this.isTime);
    this.y = scale(points.map(([, y]) => y), HEIGHT - PAD.bottom, PAD.top, this.options.log, true);
    const svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    for (const value of this.y.ticks) {
      const at = this.y(value);
      svg.append(draw("path", { class: "grid", d: `M${PAD.left} ${at}H${WIDTH - PAD.right}`, "vector-effect": "non-scaling-stroke" }));
    }
    const inside = draw("svg", { x: PAD.left, width: WIDTH - PAD.left - PAD.right, height: HEIGHT, viewBox: `${PAD.left} 0 ${WIDTH - PAD.left - PAD.right} ${HEIGHT}`, preserveAspectRatio: "none", class: "inside" });
    svg.append(inside);
    for (const { raw, smooth, index } of shown) {
      const stroke = { "vector-effect": "non-scaling-stroke" };
      if (raw !== smooth) inside.append(draw("path", { class: `raw ${styleOf(index)}`, d: this.path(raw, usable), ...stroke }));
      inside.append(draw("path", { class: styleOf(index), d: this.path(smooth, usable), ...stroke }));
      if (smooth.length < 2 && smooth.length) {
        const [x, y] = smooth[0];
        if (usable(y)) svg.append(draw("circle", { class: `dot c${index % COLOURS}`, cx: this.x(x), cy: this.y(y), r: 3.5 }));
      }
    }
    this.cross = draw("path", { class: "cross", d: "", "vector-effect": "non-scaling-stroke" });
    this.band = draw("rect", { class: "band", y: PAD.top, height: HEIGHT - PAD.top - PAD.bottom, width: 0 });
    svg.append(this.band, this.cross);
    const labels = [
      ...this.y.ticks.map((value) => this.label(this.words(value), 0, this.y(value), "y")),
      ...this.x.ticks.map((value) => this.label(this.isTime ? span(value) : short(value), this.x(value), HEIGHT, "x")),
    ];
    this.area.replaceChildren(svg, ...labels, this.tip);
  }

  label(words, x, y, axis) {
    const label = make("span", { className: `tick ${axis}` }, words);
    if (axis === "x") label.style.left = `${(100 * x) / WIDTH}%`;
    else label.style.top = `${(100 * y) / HEIGHT}%`;
    return label;
  }

  path(points, usable) {
    let d = "";
    let isDown = false;
    for (const [x, y] of points) {
      if (!usable(y)) isDown = false;
      else {
        d += `${isDown ? "L" : "M"}${this.x(x).toFixed(2)} ${this.y(y).toFixed(2)}`;
        isDown = true;
      }
    }
    return d;
  }

  words(value) {
    return { bytes: size, ms: (ms) => `${short(ms)} ms`, "%": (part) => `${part.toFixed(part < 10 ? 1 : 0)} %` }[this.plot.unit]?.(value) ?? short(value);
  }

  point(event) {
    if (!isCurve(this.plot)) return;
    const box = this.area.getBoundingClientRect();
    const wanted = this.at(event);
    if (this.from !== undefined) {
      const [from, to] = [this.x(this.from), this.x(wanted)];
      this.band.setAttribute("x", Math.min(from, to));
      this.band.setAttribute("width", Math.abs(to - from));
    }
    const found = [];
    for (const { label, raw, index } of this.curves) {
      if (this.hidden.has(label) || !raw.length) continue;
      const near = raw.reduce((best, one) => (Math.abs(one[0] - wanted) < Math.abs(best[0] - wanted) ? one : best));
      found.push({ label, index, near });
    }
    if (!found.length) return;
    const x = found[0].near[0];
    this.cross.setAttribute("d", `M${this.x(x)} ${PAD.top}V${HEIGHT - PAD.bottom}`);
    const head = make("div", {}, this.isTime ? span(x) : `step ${short(x)}`);
    const rows = found.slice(0, 12).map(({ label, near }) => make("div", {}, `${found.length > 1 ? `${label}  ` : ""}${this.words(near[1])}`));
    this.tip.replaceChildren(head, ...rows);
    this.tip.hidden = false;
    const left = (this.x(x) / WIDTH) * box.width;
    this.tip.style.left = `${left + (left > box.width / 2 ? -12 - this.tip.offsetWidth : 12)}px`;
    this.tip.style.top = "8px";
  }

  unpoint() {
    this.from = undefined;
    this.band?.setAttribute("width", 0);
    this.tip.hidden = true;
    this.cross?.setAttribute("d", "");
  }
}

function curveOf({ label, points }, index, byTime, smoothing) {
  const first = points[0]?.[2] ?? 0;
  const raw = points.map(([x, y, ms]) => [byTime ? (ms - first) / 1000 : x, Number(y)]);
  if (!smoothing) return { label, index, raw, smooth: raw };
  let mean = null;
  const smooth = raw.map(([x, y]) => {
    if (Number.isFinite(y)) mean = mean === null ? y : smoothing * mean + (1 - smoothing) * y;
    return [x, Number.isFinite(y) ? mean : y];
  });
  return { label, index, raw, smooth };
}

/** Returns the classes of a curve: a colour by its number, and from the ninth on dashes. */
const styleOf = (index) => `curve c${index % COLOURS} dash${Math.min(2, Math.floor(index / COLOURS))}`;

/** Makes the function from values to places, with its inverse and its round marks. */
function scale(values, from, to, isLog, hasRoom, isTime) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) [low, high] = isLog ? [1, 10] : [0, 1];
  if (isLog) [low, high] = [Math.log10(low), Math.log10(high)];
  if (low === high) [low, high] = hasRoom ? [low - (Math.abs(low) || 1) * 0.1, high + (Math.abs(high) || 1) * 0.1] : [low, low + 1];
  const room = hasRoom ? (high - low) * 0.05 : 0;
  [low, high] = [low - room, high + room];
  const place = (value) => from + (((isLog ? Math.log10(value) : value) - low) / (high - low)) * (to - from);
  place.back = (at) => low + ((at - from) / (to - from)) * (high - low);
  const rough = (high - low) / 6;
  const step = (isTime && SPANS.find((one) => one >= rough)) || roundStep(rough);
  place.ticks = [];
  for (let mark = Math.ceil(low / step) * step; mark <= high + step * 1e-9; mark += step) {
    const value = Math.abs(mark) < step * 1e-9 ? 0 : mark;
    if (!isLog || step >= 1 || high - low < 2) place.ticks.push(isLog ? 10 ** value : value);
  }
  return place;
}

const SPANS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400]; // seconds

function roundStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
}

function short(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e6 || size < 1e-3)) return value.toExponential(2).replace(/\.?0+e/, "e");
  return String(Number(value.toPrecision(5)));
}

customElements.define("lz-plots", Plots);
