// <lz-shares shares='{"blue": 90, "green": 10}'>: a slider for each deployment. Together they are always 100 percent:
// what one is given, the others lose in proportion.

import { make } from "./shared.js";

class Shares extends HTMLElement {
  static observedAttributes = ["shares"];

  attributeChangedCallback() {
    const shares = Object.entries(JSON.parse(this.getAttribute("shares")));
    this.sliders = shares.map(([name, value]) =>
      make("input", { type: "range", name: `share.${name}`, max: 100, step: shares.length > 1 ? 1 : 100, value, ariaLabel: `Traffic to ${name}` }),
    );
    this.told = shares.map(() => make("output", { className: "num" }));
    const rows = shares.map(([name], at) => make("div", { className: "slide" }, make("strong", {}, name), this.sliders[at], this.told[at]));
    this.replaceChildren(...rows);
    this.sliders.forEach((one) => one.addEventListener("input", () => this.share(one)));
    this.tell();
  }

  share(moved) {
    const others = this.sliders.filter((one) => one !== moved);
    let rest = 100 - moved.value;
    let before = others.reduce((sum, one) => sum + Number(one.value), 0);
    others.forEach((one, at) => {
      const part = before ? one.value / before : 1 / (others.length - at);
      before -= one.value;
      one.value = Math.round(rest * part);
      rest -= one.value;
    });
    this.tell();
  }

  tell() {
    this.sliders.forEach((one, at) => (this.told[at].textContent = `${one.value} %`));
  }
}

customElements.define("lz-shares", Shares);
