// <lz-plots src>: curves drawn as SVG. The source answers {plots: [{title, unit, curves: [{label, points: [[x, y, ms]]}]}],
// axis}; x is a step or seconds. Log scale, smoothing and the axis are chosen above; the pointer reads all curves at once.

import { ask, make, pace, span, size } from "./shared.js";

const WIDTH = 460;
const HEIGHT = 220;
const PAD = { left: 52, right: 12, top: 10, bottom: 24 };
const COLOURS = 8;
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
    this.replaceChildren(...(this.hasAttribute("plain") ? [] : [this.tools()]), this.body);
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
    slide.addEventListener("input", () => change("smooth", Number(slide.value)));
    const axis = make("select", { ariaLabel: "Axis", onchange: () => change("axis", axis.value) });
    axis.append(make("option", { value: "step" }, "by step"), make("option", { value: "time" }, "by time"));
    return make(
      "div",
      { className: "filters" },
      axis,
      make("label", {}, box, " log scale"),
      make("label", {}, "smoothing ", slide),
    );
  }

  async load() {
    clearTimeout(this.timer);
    const asked = this.getAttribute("src");
    try {
      const { plots } = await (await ask(asked)).json();
      if (asked === this.getAttribute("src")) this.show(plots);
    } catch (error) {
      if (!this.charts.size) this.body.replaceChildren(make("p", { className: "muted" }, error.message));
    }
    if (this.hasAttribute("live") && this.isConnected) this.again();
  }

  again() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (document.hidden ? this.again() : this.load()), 2 * pace.ms);
  }

  show(plots) {
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
        this.body.append(chart.card);
      }
      const told = JSON.stringify(plot);
      if (told !== chart.told) chart.show(plot, this.options);
      chart.told = told;
    }
  }
}

/** One plot with its curves. */
class Chart {
  constructor(title) {
    this.hidden = new Set();
    this.area = make("div", { className: "plot" });
    this.keys = make("div", { className: "keys" });
    this.latest = make("span", { className: "muted" });
    const head = make("div", { className: "head" }, make("h2", {}, title), this.latest);
    this.card = make("section", { className: "card chart" }, head, this.area, this.keys);
    this.tip = make("div", { className: "tip", hidden: true });
    this.area.addEventListener("pointermove", (event) => this.point(event));
    this.area.addEventListener("pointerleave", () => this.unpoint());
  }

  show(plot, options) {
    this.plot = plot;
    this.options = options;
    const byTime = options.axis === "time" && plot.curves.some(({ points }) => points[0]?.[2]);
    this.curves = plot.curves.map((curve, index) => curveOf(curve, index, byTime, options.smooth));
    this.isTime = byTime || plot.x === "seconds";
    const last = plot.curves.length === 1 && plot.curves[0].points.at(-1);
    this.latest.textContent = last ? this.words(last[1]) : "";
    this.legend();
    this.paint();
  }

  legend() {
    if (this.curves.length < 2) return this.keys.replaceChildren();
    this.keys.replaceChildren(
      ...this.curves.map(({ label, index }) => {
        const key = make("span", { title: label, className: this.hidden.has(label) ? "out" : "" });
        const line = draw("svg", { viewBox: "0 0 14 4" }, draw("path", { d: "M0 2h14", class: `curve c${index % COLOURS}` }));
        key.append(line, label);
        key.addEventListener("click", () => {
          if (!this.hidden.delete(label)) this.hidden.add(label);
          this.legend();
          this.paint();
        });
        return key;
      }),
    );
  }

  paint() {
    const shown = this.curves.filter(({ label }) => !this.hidden.has(label));
    const usable = (y) => Number.isFinite(y) && (!this.options.log || y > 0);
    const points = shown.flatMap(({ smooth }) => smooth.filter(([, y]) => usable(y)));
    this.x = scale(points.map(([x]) => x), PAD.left, WIDTH - PAD.right, false, false);
    this.y = scale(points.map(([, y]) => y), HEIGHT - PAD.bottom, PAD.top, this.options.log, true);
    const svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    for (const value of this.y.ticks) {
      const at = this.y(value);
      svg.append(draw("path", { class: "grid", d: `M${PAD.left} ${at}H${WIDTH - PAD.right}`, "vector-effect": "non-scaling-stroke" }));
    }
    for (const { raw, smooth, index } of shown) {
      const stroke = { "vector-effect": "non-scaling-stroke" };
      if (raw !== smooth) svg.append(draw("path", { class: `curve raw c${index % COLOURS}`, d: this.path(raw, usable), ...stroke }));
      svg.append(draw("path", { class: `curve c${index % COLOURS}`, d: this.path(smooth, usable), ...stroke }));
      if (smooth.length < 2 && smooth.length) {
        const [x, y] = smooth[0];
        if (usable(y)) svg.append(draw("circle", { class: `dot c${index % COLOURS}`, cx: this.x(x), cy: this.y(y), r: 3.5 }));
      }
    }
    this.cross = draw("path", { class: "cross", d: "", "vector-effect": "non-scaling-stroke" });
    svg.append(this.cross);
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
    return { bytes: size, ms: (ms) => `${short(ms)} ms`, "%": (part) => `${short(part)} %` }[this.plot.unit]?.(value) ?? short(value);
  }

  point(event) {
    const box = this.area.getBoundingClientRect();
    const wanted = this.x.back(((event.clientX - box.left) / box.width) * WIDTH);
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
    this.tip.hidden = true;
    this.cross?.setAttribute("d", "");
  }
}

function curveOf({ label, points }, index, byTime, smoothing) {
  const first = points[0]?.[2] ?? 0;
  const raw = points.map(([x, y, ms]) => [byTime ? (ms - first) / 1000 : x, y]);
  if (!smoothing) return { label, index, raw, smooth: raw };
  let mean = null;
  const smooth = raw.map(([x, y]) => {
    if (Number.isFinite(y)) mean = mean === null ? y : smoothing * mean + (1 - smoothing) * y;
    return [x, Number.isFinite(y) ? mean : y];
  });
  return { label, index, raw, smooth };
}

/** Makes the function from values to places, with its inverse and its round marks. */
function scale(values, from, to, isLog, hasRoom) {
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
  const step = roundStep((high - low) / 6);
  place.ticks = [];
  for (let mark = Math.ceil(low / step) * step; mark <= high + step * 1e-9; mark += step) {
    const value = Math.abs(mark) < step * 1e-9 ? 0 : mark;
    if (!isLog || step >= 1 || high - low < 2) place.ticks.push(isLog ? 10 ** value : value);
  }
  return place;
}

function roundStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
}

function short(value) {
  if (value === null || !Number.isFinite(value)) return "NaN";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e6 || size < 1e-3)) return value.toExponential(2).replace(/\.?0+e/, "e");
  return String(Number(value.toPrecision(5)));
}

customElements.define("lz-plots", Plots);
