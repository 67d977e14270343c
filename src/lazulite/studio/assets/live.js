// Keeps the page true. The server draws every page whole; this asks once a second or less whether anything was
// written, fetches the page anew when it was, and changes only what differs. Forms, theme and keyboard are here too.

import { ask, pace, say, span } from "./shared.js";

const HIDDEN_MS = 15000;
const MOST_PATIENCE_MS = 4000;
const PAGE = (sessionStorage.page ??= Math.random().toString(36).slice(2)); // a tab's, by which the platform counts them
let last = document.getElementById("main")?.dataset.live ?? "";
let isDown = false;
let ahead = 0;
let refreshing = null;
let patience = 0; // of a page that was fetched and had not changed, though something else had
let notBefore = 0;
const seen = new MutationObserver(() => {});

/** Makes one element's children like another's, keeping what the reader is in: focus, scroll, opened parts. */
export function morph(now, wanted) {
  const keyed = new Map();
  for (const child of now.children) {
    const key = keyOf(child);
    if (key) keyed.set(key, child);
  }
  let at = now.firstChild;
  for (const node of [...wanted.childNodes]) {
    const key = node.nodeType === 1 ? keyOf(node) : "";
    let match = key ? keyed.get(key) : at && !keyOfNode(at) && fits(at, node) ? at : null;
    if (match && !fits(match, node)) match = null;
    if (!match) {
      now.insertBefore(node, at);
      continue;
    }
    if (match !== at) now.insertBefore(match, at);
    else at = at.nextSibling;
    update(match, node);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

const keyOf = (element) => element.id || element.dataset.key || "";
const keyOfNode = (node) => (node.nodeType === 1 ? keyOf(node) : "");
const fits = (one, other) => one.nodeType === other.nodeType && one.nodeName === other.nodeName;

function update(now, wanted) {
  if (now.nodeType !== 1) {
    if (now.data !== wanted.data) now.data = wanted.data;
    return;
  }
  if (now.nodeName === "TIME" && now.dateTime === wanted.dateTime) return; // its words are told by the clock
  if (now.dataset.keep !== undefined && now.isEqualNode(wanted)) return;
  if (now.dataset.keep !== undefined && (now.open || now.contains(document.activeElement))) return;
  for (const { name, value } of [...wanted.attributes]) if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  for (const { name } of [...now.attributes]) {
    if (!wanted.hasAttribute(name) && !(name === "open" && /^(DETAILS|DIALOG)$/.test(now.nodeName))) now.removeAttribute(name);
  }
  if (now.nodeName.startsWith("LZ-")) return; // draws itself from its attributes
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(now.nodeName)) return; // what the reader typed stays
  morph(now, wanted);
}

/** Fetches the page again and takes over what has changed. */
export async function refresh() {
  if (refreshing) return refreshing;
  refreshing = (async () => {
    let page = null;
    for (let address = ""; address !== location.href; ) {
      address = location.href; // which may change meanwhile
      const reply = await fetch(address, { headers: { "x-lazulite-live": "1" }, credentials: "same-origin" });
      page = new DOMParser().parseFromString(await reply.text(), "text/html");
    }
    const main = page.getElementById("main");
    if (main && document.getElementById("main").dataset.live !== undefined) {
      seen.takeRecords();
      morph(document.getElementById("main"), main);
      patience = seen.takeRecords().length ? 0 : Math.min(MOST_PATIENCE_MS, 2 * patience + pace.ms);
      notBefore = performance.now() + patience;
      last = main.dataset.live;
      document.title = page.title;
      tick();
      showPicked();
    }
  })().finally(() => (refreshing = null));
  return refreshing;
}

async function pulse() {
  let pause = document.hidden ? HIDDEN_MS : pace.ms;
  try {
    const reply = await fetch(`/_studio/pulse?page=${PAGE}`, { credentials: "same-origin" });
    if (!reply.ok) throw new Error(String(reply.status));
    ahead = skew(reply.headers.get("date"));
    const { state, pause_ms } = await reply.json();
    pace.ms = pause_ms;
    pause = Math.max(pause, pause_ms);
    if (isDown) say("The platform is back.");
    isDown = false;
    const moves = document.querySelector("[data-poll]"); // shows a file, which no transaction tells of
    const isDue = performance.now() >= notBefore;
    if (((state !== last && isDue) || moves) && !document.hidden) await refresh();
  } catch {
    if (!isDown) say("The platform does not answer; this page goes on when it is back.", "bad");
    isDown = true;
  }
  setTimeout(pulse, pause);
}

/** Returns by how many milliseconds the platform's clock is ahead of this machine's; 0 for what a header cannot tell. */
function skew(date) {
  const difference = Date.parse(date ?? "") - Date.now();
  return Math.abs(difference) > 3000 ? difference : 0;
}

function tick() {
  const now = Date.now() + ahead;
  for (const element of document.querySelectorAll("time[data-ago], time[data-since]")) {
    const moment = new Date(element.dateTime);
    const seconds = (now - moment) / 1000;
    const words = element.dataset.since !== undefined ? span(seconds) : ago(seconds, moment);
    if (element.textContent !== words) element.textContent = words;
    if (!element.title) element.title = moment.toLocaleString();
  }
}

function ago(seconds, moment) {
  if (seconds < -1) return `in ${span(-seconds)}`;
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  if (seconds < 7 * 86400) return `${Math.floor(seconds / 86400)} d ago`;
  return moment.toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
}

/** Sends a form as JSON; what comes back says where to go, or what to tell. */
async function act(form, submitter) {
  if (form.dataset.sure && !confirm(form.dataset.sure)) return;
  const values = Object.fromEntries(new FormData(form, submitter));
  const buttons = form.querySelectorAll("button");
  buttons.forEach((button) => (button.disabled = true));
  try {
    const headers = { "content-type": "application/json" };
    const told = await (await ask(form.action, { method: "POST", headers, body: JSON.stringify(values) })).json();
    if (told.said) say(told.said);
    form.closest("dialog")?.close();
    if (told.to) location.href = told.to;
    else await refresh();
  } catch (error) {
    say(error.message, "bad");
  } finally {
    buttons.forEach((button) => (button.disabled = false));
  }
}

function remember(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax`;
}

document.addEventListener("submit", (event) => {
  if (event.target.dataset.act === undefined) return;
  event.preventDefault();
  act(event.target, event.submitter);
});

document.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest(selector);
  const row = at("tr[data-href]");
  const soft = at("[data-soft] a");
  if (soft && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    history.pushState(null, "", soft.href.baseVal ?? soft.href);
    refresh().catch((error) => say(error.message, "bad"));
    return;
  }
  if (at("[data-copy]")) navigator.clipboard.writeText(at("[data-copy]").dataset.copy).then(() => say("Copied."));
  else if (at("[data-open]")) document.getElementById(at("[data-open]").dataset.open).showModal();
  else if (at("[data-sheet]")) openSheet(at("[data-sheet]"));
  else if (at("[data-close]")) at("dialog").close();
  else if (at("[data-menu]")) document.body.classList.toggle("menu");
  else if (at("[data-theme-switch]")) switchTheme();
  else if (document.body.classList.contains("menu") && !at("#nav")) document.body.classList.remove("menu");
  else if (row && !at("a, button, input, select, label, form") && !getSelection().toString()) go(row.dataset.href, event);
});

document.addEventListener("change", (event) => {
  const { target } = event;
  if (target.matches("select[data-workspace]")) location.href = `/?wsid=${encodeURIComponent(target.value)}`;
  if (target.matches("[data-submit]")) target.form.requestSubmit();
  if (target.matches("[data-pick]")) showPicked();
  if (target.matches("[data-again]")) again(target);
});

let typing = 0;
document.addEventListener("input", (event) => {
  const { target } = event;
  if (target.matches("[data-filter]")) {
    clearTimeout(typing);
    typing = setTimeout(() => narrow(target.form), 250);
  }
});

/** Shows what a filter's form asks for, without leaving the page. */
async function narrow(form) {
  const values = [...new FormData(form)].filter(([, value]) => value);
  const query = new URLSearchParams(values).toString();
  history.replaceState(null, "", `${form.action.split("?")[0]}${query ? `?${query}` : ""}`);
  await refresh();
}

document.addEventListener("submit", (event) => {
  if (!event.target.querySelector("[data-filter]")) return;
  event.preventDefault();
  narrow(event.target);
});

function showPicked() {
  const picked = [...document.querySelectorAll("[data-pick]:checked")].map((box) => box.value);
  const link = document.getElementById("compare");
  if (!link) return;
  link.hidden = picked.length < 2;
  link.href = `${link.dataset.base}runs=${picked.join(",")}`;
  link.textContent = `Compare ${picked.length}`;
}

/** Fetches a sheet, opens it, and forgets it when it is closed. */
async function openSheet(button) {
  button.disabled = true;
  try {
    const page = new DOMParser().parseFromString(await (await ask(button.dataset.sheet)).text(), "text/html");
    const sheet = document.body.appendChild(page.querySelector("dialog"));
    sheet.addEventListener("close", () => sheet.remove());
    sheet.showModal();
  } catch (error) {
    say(error.message, "bad");
  } finally {
    button.disabled = false;
  }
}

/** Fetches an open sheet anew for what was chosen in it. */
async function again(choice) {
  const url = new URL(choice.dataset.again, location.href);
  url.searchParams.set(choice.name, choice.value);
  try {
    const page = new DOMParser().parseFromString(await (await ask(url.href)).text(), "text/html");
    choice.closest("dialog").replaceChildren(...page.querySelector("dialog").childNodes);
  } catch (error) {
    say(error.message, "bad");
  }
}

function go(address, event) {
  if (event.ctrlKey || event.metaKey) window.open(address, "_blank", "noopener");
  else location.href = address;
}

function switchTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  remember("lazulite-theme", next);
}

// The arrows and j, k walk through a list, Enter opens what is marked.
document.addEventListener("keydown", (event) => {
  if (event.target.matches("a, button, input, textarea, select, summary") || event.ctrlKey || event.metaKey || event.altKey) return;
  const rows = [...document.querySelectorAll("#main tr[data-href]")];
  const at = rows.findIndex((row) => row.classList.contains("at"));
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (step && rows.length && !document.querySelector("dialog[open]")) {
    event.preventDefault();
    rows[at]?.classList.remove("at");
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
    next.classList.add("at");
    next.scrollIntoView({ block: "nearest" });
  } else if (event.key === "Enter" && at >= 0) location.href = rows[at].dataset.href;
  else if (event.key === "Escape") document.body.classList.remove("menu");
});

addEventListener("popstate", () => refresh().catch(() => {}));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && last) refresh().catch(() => {});
});

for (const tab of document.querySelectorAll(".tabs [aria-current]")) tab.scrollIntoView({ block: "nearest", inline: "center" });
const chosen = new URLSearchParams(location.search).get("wsid");
if (chosen) {
  const [, sub, group, name] = chosen.match(/^\/subscriptions\/([^/]+)\/resourcegroups\/([^/]+)\/.*workspaces\/([^/]+)$/i) ?? [];
  if (name) remember("lazulite-workspace", `${sub}/${group}/${name}`.toLowerCase());
}
// MLflow prints addresses of its own front end with every run; they lead here.
const [, experiment, run] = location.hash.match(/^#\/experiments\/([^/?]+)(?:\/runs\/([^/?]+))?/) ?? [];
const [, scope] = location.pathname.match(/^\/mlflow\/v2\.0(\/subscriptions\/.*?\/workspaces\/[^/]+)/) ?? [];
if (experiment) location.replace(`${run ? `/runs/${run}` : `/experiments/id/${experiment}`}${scope ? `?wsid=${scope}` : location.search}`);
const opened = document.getElementById(location.hash.slice(1));
if (opened instanceof HTMLDialogElement) opened.showModal();
tick();
setInterval(tick, 1000);
const main = document.getElementById("main");
if (main?.dataset.live !== undefined) {
  seen.observe(main, { subtree: true, childList: true, attributes: true, characterData: true });
  pulse();
}
