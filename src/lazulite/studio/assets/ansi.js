// What a program has printed for a terminal, drawn as text: colours stay, what was written over is gone. All of it is
// text: nothing in a log can become markup.

import { make } from "./shared.js";

const TROUBLE = /\b(error|exception|traceback|fatal|critical)\b/i;
const WARNING = /\bwarn(ing)?\b/i;
const COLOURS = /\x1b\[([0-9;]*)m/;
// Commands to a terminal other than colours: to move, to erase, to name the window, to choose letters.
const COMMANDS = /\x1b(?:\[[0-9;?]*[ -/]*[@-ln-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()*+][0-9A-Za-z]|[=>78cDEHMNO])/g;
// A line up to its last return that does not end it. Begins where lines do, so that a line of a megabyte is read once.
const WRITTEN_OVER = /^[^\n]*\r(?!\n|(?![^]))/gm;

/** Takes out what is meant for terminals, and what a progress bar has written over itself. */
export const plain = (words) => visible(words).replace(new RegExp(COLOURS, "g"), "");

function visible(words) {
  let told = words.replace(COMMANDS, "").replace(WRITTEN_OVER, "").replace(/\r+\n/g, "\n");
  while (/[^\n\b]\x08/.test(told)) told = told.replace(/[^\n\b]\x08/g, "");
  return told.replace(/[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]/g, (letter) => (letter === "\x7f" ? "␡" : String.fromCharCode(0x2400 + letter.charCodeAt(0))));
}

/** Draws lines, those that tell of trouble coloured. The last one, where it is not over, is also the part's `open`. */
export function draw(words) {
  const part = document.createElement("span");
  const begun = words.lastIndexOf("\n") + 1;
  const style = {};
  lines(part, visible(words.slice(0, begun)), style);
  if (begun < words.length) {
    part.open = make("span");
    lines(part.open, visible(words.slice(begun)), style);
    part.append(part.open);
  }
  return part;
}

function lines(part, words, style) {
  let calm = "";
  for (const line of words.split(/(?<=\n)/)) {
    const isColoured = line.includes("\x1b[") || Object.keys(style).length;
    const tone = TROUBLE.test(line) ? "err" : WARNING.test(line) ? "warn" : "";
    if (!isColoured && !tone) calm += line;
    else {
      part.append(calm);
      calm = "";
      if (isColoured) coloured(part, line, style);
      else part.append(make("span", { className: tone }, line));
    }
  }
  part.append(calm);
}

/** Draws a line with colours in it. style: how the terminal writes now, `{fore, back, bold, …}`; it is changed. */
function coloured(part, line, style) {
  line.split(COLOURS).forEach((piece, index) => {
    if (index % 2) return set(style, piece);
    const text = piece.replace(/\x1b/g, "␛");
    if (!text) return;
    if (!Object.keys(style).length) return part.append(text);
    const span = make("span", { className: Object.values(style).filter((one) => !one.startsWith("rgb")).join(" ") }, text);
    if (style.fore?.startsWith("rgb")) span.style.color = `color-mix(in srgb, ${style.fore} 75%, var(--ink))`;
    if (style.back?.startsWith("rgb")) span.style.background = `color-mix(in srgb, ${style.back} 40%, transparent)`;
    part.append(span);
  });
}

const FONTS = { 1: "bold", 2: "dim", 3: "italic", 4: "under", 7: "inverse" };
const ENDED = { 22: ["bold", "dim"], 23: ["italic"], 24: ["under"], 27: ["inverse"], 39: ["fore"], 49: ["back"] };

/** Takes a command of colours, `1;31`, into a style. */
function set(style, command) {
  const codes = command.split(";").map(Number);
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at];
    const bright = code >= 90 ? 8 : 0;
    const ground = (code - (bright ? 60 : 0)) >= 40 ? "back" : "fore";
    if (!code) for (const name of Object.keys(style)) delete style[name];
    else if (FONTS[code]) style[FONTS[code]] = FONTS[code];
    else if (ENDED[code]) for (const name of ENDED[code]) delete style[name];
    else if (code === 38 || code === 48) {
      const colour = codes[at + 1] === 5 ? indexed(codes[at + 2]) : `rgb(${codes.slice(at + 2, at + 5).join(" ")})`;
      style[ground] = typeof colour === "number" ? `${ground}${colour}` : colour;
      at += codes[at + 1] === 5 ? 2 : 4;
    } else if ((code >= 30 && code < 48) || (code >= 90 && code < 108)) style[ground] = `${ground}${(code % 10) + bright}`;
  }
}

/** Returns one of a terminal's 256 colours: a number below 16, or rgb. */
function indexed(number) {
  if (number < 16) return number;
  if (number > 231) return `rgb(${Array(3).fill(8 + 10 * (number - 232)).join(" ")})`;
  const level = (one) => (one ? 55 + 40 * one : 0);
  const place = number - 16;
  return `rgb(${level(Math.floor(place / 36))} ${level(Math.floor(place / 6) % 6)} ${level(place % 6)})`;
}
