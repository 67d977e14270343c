// Search over everything: `/` or Ctrl-K opens it, arrows choose, Enter goes there.

import { ask, make } from "./shared.js";

let box = null;
let timer = 0;

function open() {
  box ||= build();
  box.showModal();
  box.querySelector("input").select();
}

function build() {
  const field = make("input", { type: "search", placeholder: "Jobs, models, endpoints, data, pages …", ariaLabel: "Search everything" });
  const list = make("ul", { role: "listbox" });
  const dialog = make("dialog", { id: "palette" }, field, list);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => find(field.value, list), 120);
  });
  field.addEventListener("keydown", (event) => {
    const items = [...list.children];
    const at = items.findIndex((item) => item.classList.contains("at"));
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && items.length) {
      event.preventDefault();
      items[at]?.classList.remove("at");
      const next = items[(at + step + items.length) % items.length];
      next.classList.add("at");
      next.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && items.length) {
      event.preventDefault();
      location.href = items[Math.max(at, 0)].querySelector("a").href;
    }
  });
  document.body.append(dialog);
  find("", list);
  return dialog;
}

async function find(words, list) {
  const wsid = new URLSearchParams(location.search).get("wsid");
  const query = new URLSearchParams({ q: words, ...(wsid && { wsid }) });
  try {
    const { found } = await (await ask(`/_studio/search?${query}`)).json();
    const rows = found.map(({ words, kind, link }) =>
      make("li", {}, make("a", { href: link }, make("span", {}, words), make("span", { className: "muted" }, kind))),
    );
    rows[0]?.classList.add("at");
    list.replaceChildren(...(rows.length ? rows : [make("li", { className: "empty" }, "Nothing of that name.")]));
  } catch (error) {
    list.replaceChildren(make("li", { className: "empty" }, error.message));
  }
}

document.addEventListener("click", (event) => event.target.closest("[data-search]") && open());
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select");
  if ((event.key === "/" && !typing) || (event.key === "k" && (event.ctrlKey || event.metaKey))) {
    event.preventDefault();
    open();
  }
});
