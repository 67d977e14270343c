// What Studio's scripts share: asking the platform, telling the reader, printing sizes and spans of time.

/** How long to wait between two looks at what may have changed; the platform says so, by how many pages are open. */
export const pace = { ms: 1000 };

/** Asks the platform; throws an Error with its own words, hint and all, when it refuses. */
export async function ask(address, options = {}) {
  let reply;
  try {
    reply = await fetch(address, { credentials: "same-origin", ...options });
  } catch {
    throw new Error("The platform does not answer. Is it up? `lazulite up` starts it.");
  }
  if (reply.ok) return reply;
  let message = `${reply.status} ${reply.statusText}`;
  try {
    message = (await reply.clone().json()).error.message || message;
  } catch {
    /* not one of our errors */
  }
  throw Object.assign(new Error(message), { status: reply.status });
}

/** Shows a short message at the edge of the page for a while. */
export function say(words, tone = "") {
  const toast = Object.assign(document.createElement("div"), { className: `toast ${tone}`, textContent: words });
  document.getElementById("toasts").append(toast);
  setTimeout(() => toast.remove(), tone === "bad" ? 12000 : 4000);
}

/** Prints a span of time as the server does: `0.4 s`, `3 m 20 s`, `2 h 5 m`. */
export function span(seconds) {
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  const whole = Math.floor(seconds);
  for (const [large, one, small, other] of [[86400, "d", 3600, "h"], [3600, "h", 60, "m"], [60, "m", 1, "s"]]) {
    if (whole >= large) {
      const rest = Math.floor((whole % large) / small);
      return rest ? `${Math.floor(whole / large)} ${one} ${rest} ${other}` : `${Math.floor(whole / large)} ${one}`;
    }
  }
  return `${whole} s`;
}

/** Prints a number of bytes as the server does. */
export function size(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let power = 0;
  while (bytes >= 1000 && power < units.length - 1) {
    bytes /= 1000;
    power += 1;
  }
  return `${bytes >= 100 || !power ? Math.round(bytes) : bytes.toFixed(1)} ${units[power]}`;
}

/** Makes an element: name, properties, children. Text is text. */
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}
