// <lz-upload src words field>: files or folders, chosen or dropped, sent one after another with a bar of progress.
// field: the form's input that is told what was sent, a file's name or the folder that they have in common.

import { make, say, size } from "./shared.js";
import { refresh } from "./live.js";

class Upload extends HTMLElement {
  connectedCallback() {
    if (this.bar) return;
    const input = (extra) => make("input", { type: "file", multiple: true, hidden: true, onchange: (event) => this.take([...event.target.files]), ...extra });
    const files = input({});
    const folder = input({ webkitdirectory: true });
    const button = (words, target) => make("button", { type: "button", onclick: () => target.click() }, words);
    this.bar = make("progress", { max: 1, value: 0, hidden: true });
    this.told = make("span", {}, `Drop ${this.getAttribute("words") || "files"} here`);
    this.drop = make("div", { className: "drop" }, this.told, make("div", { className: "actions" }, button("Files", files), button("Folder", folder)), this.bar, files, folder);
    this.replaceChildren(this.drop);
    if (this.hasAttribute("field")) this.append((this.field = make("input", { type: "hidden", name: this.getAttribute("field") })));
    this.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.drop.classList.add("over");
    });
    this.addEventListener("dragleave", () => this.drop.classList.remove("over"));
    this.addEventListener("drop", async (event) => {
      event.preventDefault();
      this.drop.classList.remove("over");
      const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
      this.take((await Promise.all(entries.map(walk))).flat());
    });
  }

  async take(files) {
    if (!files.length) return;
    const total = files.reduce((sum, file) => sum + file.size, 0) || 1;
    let done = 0;
    this.bar.hidden = false;
    try {
      for (const [number, file] of files.entries()) {
        this.told.textContent = `${number + 1} of ${files.length}: ${file.name}`;
        await send(this.address(pathOf(file)), file, (sent) => (this.bar.value = (done + sent) / total));
        done += file.size;
      }
      this.bar.value = 1;
      this.told.textContent = `${files.length === 1 ? files[0].name : `${files.length} files`}, ${size(total)}: sent`;
      if (this.field) this.field.value = common(files.map(pathOf));
      else await refresh();
      const name = this.closest("form")?.elements.name;
      if (name && !name.value) name.value = (common(files.map(pathOf)) || "data").replace(/\.[^.]*$/, "").replace(/[^A-Za-z0-9_.-]+/g, "-");
    } catch (error) {
      say(error.message, "bad");
      this.told.textContent = `Not all was sent: ${error.message}`;
    }
  }

  address(path) {
    const url = new URL(this.getAttribute("src"), location.href);
    return `${url.pathname.replace(/\/$/, "")}/${path.split("/").map(encodeURIComponent).join("/")}${url.search}`;
  }
}

const pathOf = (file) => file.relative || file.webkitRelativePath || file.name;

/** Returns what files have in common: the one file's name, their folder, or nothing. */
function common(paths) {
  if (paths.length === 1) return paths[0];
  const [first] = paths[0].split("/");
  return paths.every((path) => path.startsWith(`${first}/`)) ? first : "";
}

function send(address, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", address);
    request.upload.onprogress = (event) => progress(event.loaded);
    request.onerror = () => reject(new Error("the platform does not answer"));
    request.onload = () => {
      if (request.status < 300) return resolve();
      let message = `${request.status} ${request.statusText}`;
      try {
        message = JSON.parse(request.responseText).error.message;
      } catch {
        /* not one of our errors */
      }
      reject(new Error(message));
    };
    request.send(file);
  });
}

async function walk(entry, above = "") {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    file.relative = above + file.name;
    return [file];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.map((one) => walk(one, `${above}${entry.name}/`)))).flat();
}

customElements.define("lz-upload", Upload);
