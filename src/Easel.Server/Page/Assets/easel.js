// What Blazor cannot do from the server: the browser's memory, its clipboard, pictures that are dropped or pasted, the canvas, keys and the back button.
import { Editor } from "./editor.js";

const pictureTypes = /^image\/(png|jpeg|webp|gif|bmp)$/;
const headBytes = 256 << 10; // of a photograph that was made smaller: its text stands at the beginning

let held = null;   // the input picture as a Blob; outlives a visit to another page of this tab
let whole = null;  // { blob, name } where only a smaller copy of it was sent
let input = null;  // whoever takes pictures now: { page, editor, take, stop }
let viewer = null; // the dialog that is open: { dialog, stop }

// --- the connection ---
const detourKey = "easel.detour"; // in a tab whose way to the server lets no socket through

/** Connects with the server: at once by a socket, without asking first which ways there are, for that is what the page waits for. */
export function start() {
  let isDetour = false;
  try { isDetour = sessionStorage.getItem(detourKey) === "1"; } catch { /* a browser that remembers nothing */ }
  const initializers = { beforeStart: [], afterStarted: [] }; // there are none, so that none need be asked for
  if (isDetour) return Blazor.start({ circuit: { initializers } });
  let wasOpen = false;
  class Socket extends WebSocket {
    constructor(...address) {
      super(...address);
      this.addEventListener("open", () => wasOpen = true);
      this.addEventListener("error", () => {
        if (wasOpen) return; // it was lost, and will be sought again
        try { sessionStorage.setItem(detourKey, "1"); } catch { return; }
        location.reload();
      });
    }
  }
  const webSockets = 1; // HttpTransportType of SignalR
  return Blazor.start({ circuit: { initializers, configureSignalR: b => b.withUrl("_blazor", { skipNegotiation: true, transport: webSockets, WebSocket: Socket }) } });
}

// --- memory ---
const draftKey = "easel.draft", drawKey = "easel.draw", tellKey = "easel.tell";

export function recall(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
    if (key === drawKey) localStorage.removeItem(draftKey); // the server knows what was typed
  } catch { /* a browser that remembers nothing */ }
}

/** What was typed and never reached the server: [prompt, negative prompt], or null. */
export function draft() {
  try { return JSON.parse(localStorage.getItem(draftKey)); } catch { return null; }
}

/** All that the drawing page begins with, asked for at once. */
export function memory() {
  return { settings: recall(drawKey), draft: draft(), history: recall("easel.history") };
}

document.addEventListener("input", e => {
  if (e.target.id !== "prompt" && e.target.id !== "negative") return;
  const of = id => document.getElementById(id)?.value ?? "";
  try { localStorage.setItem(draftKey, JSON.stringify([of("prompt"), of("negative")])); } catch { /* as above */ }
}, true);

// --- small things ---
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Plain http elsewhere than on this machine has no clipboard of the new kind.
    const area = Object.assign(document.createElement("textarea"), { value: text, className: "unseen" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

export function reveal(id) {
  const element = document.getElementById(id);
  if (!element || element.getBoundingClientRect().top < innerHeight * 0.6) return;
  element.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: "start" });
}

/** Writes the query of the address anew, so that a reload, a link and the back button find the same. */
export function address(query) {
  history.replaceState(history.state, "", location.pathname + query);
}

export function language(tag) {
  document.cookie = `easel-language=${tag}; path=/; max-age=31536000; samesite=lax`;
  location.reload();
}

export function downloads(form) {
  if (form !== undefined) document.cookie = `easel-download=${form}; path=/; max-age=31536000; samesite=lax`;
  return /(?:^|; )easel-download=([^;]*)/.exec(document.cookie)?.[1] ?? null;
}

export function theme(name) {
  document.dispatchEvent(new CustomEvent("easel-theme", { detail: name }));
}

export function themeChosen() { return recall("easel.theme") ?? "system"; }

// --- the button answers at once, and a double click is one ---
addEventListener("click", e => { // the second click of a double click
  if (e.detail > 1 && e.target.closest?.("form[data-once] [type=submit]")) e.preventDefault();
}, true);

addEventListener("submit", e => {
  const form = e.target;
  if (!form.matches?.("form[data-once]")) return;
  if (form.classList.contains("sending")) {
    e.preventDefault();
    e.stopImmediatePropagation();
    return;
  }
  form.classList.add("sending");
  setTimeout(() => form.classList.remove("sending"), 15000); // a lost connection
}, true);

export function sent() {
  for (const form of document.querySelectorAll("form.sending")) form.classList.remove("sending");
}

// --- words: keys, weights, and names that are offered while one types ---
let words = [];
let list = null; // what is offered now: { area, from, element, at }

export function offerWords(all) { words = all; }

const change = (area, from, to, text, selectFrom, selectTo) => {
  area.setRangeText(text, from, to, "end");
  if (selectFrom !== undefined) area.setSelectionRange(selectFrom, selectTo);
  area.dispatchEvent(new Event("input", { bubbles: true }));
};

/** Makes what is selected, or the word at the caret, weigh more or less. */
function weigh(area, by) {
  let { selectionStart: from, selectionEnd: to, value } = area;
  if (from === to) {
    while (from > 0 && /[^\s,()<>:]/.test(value[from - 1])) from--;
    while (to < value.length && /[^\s,()<>:]/.test(value[to])) to++;
  }
  if (from === to) return;
  const inside = value.slice(from, to);
  const tag = /<(?:lora|lyco):[^<>:]*$/.test(value.slice(0, to)) && /^:(-?[\d.]+)/.exec(value.slice(to));
  if (tag) { // the weight of a LoRA
    const weight = (Math.round((parseFloat(tag[1]) + by) * 100) / 100).toString();
    return change(area, to + 1, to + 1 + tag[1].length, weight, from, to);
  }
  const after = value[from - 1] === "(" && /^:(\d*\.?\d+)\)/.exec(value.slice(to));
  const weight = Math.round(((after ? parseFloat(after[1]) : 1) + by) * 100) / 100;
  if (weight <= 0) return;
  const [start, end] = after ? [from - 1, to + after[0].length] : [from, to];
  const plain = Math.abs(weight - 1) < 0.001;
  const text = plain ? inside : `(${inside}:${weight})`;
  change(area, start, end, text, start + (plain ? 0 : 1), start + (plain ? 0 : 1) + inside.length);
}

function offer(area) {
  const before = area.value.slice(0, area.selectionStart);
  const begun = /(?:^|[\s,(])(<?[\w:.-]{2,}|<)$/.exec(before)?.[1];
  if (!begun) return withdraw();
  const bare = begun.replace(/^<(lora:|l(or?a?)?$)?/, "").toLowerCase(), tags = begun.startsWith("<");
  const found = words.filter(word => {
    const name = word.replace(/^<lora:/, "").toLowerCase();
    return (!tags || word.startsWith("<")) && name.includes(bare) && word.toLowerCase() !== begun.toLowerCase();
  }).sort((a, b) => bare.length === 0 ? 0 : (b.toLowerCase().replace("<lora:", "").startsWith(bare) - a.toLowerCase().replace("<lora:", "").startsWith(bare))).slice(0, 8);
  if (found.length === 0) return withdraw();
  withdraw();
  const element = Object.assign(document.createElement("ul"), { className: "word-list", id: "word-list" });
  element.setAttribute("role", "listbox");
  found.forEach((word, i) => {
    const item = Object.assign(document.createElement("li"), { textContent: word, id: `word-${i}` });
    item.setAttribute("role", "option");
    item.addEventListener("pointerdown", e => { e.preventDefault(); take(i); });
    element.append(item);
  });
  element.style.top = `${area.offsetTop + area.offsetHeight + 2}px`; // under what is typed, whatever else stands in the field
  area.parentElement.append(element);
  list = { area, from: area.selectionStart - begun.length, element, at: -1, found };
  element.setAttribute("aria-label", area.labels?.[0]?.textContent ?? "");
}

function withdraw() {
  list?.element.remove();
  list?.area.removeAttribute("aria-activedescendant");
  list = null;
}

function take(i) {
  const { area, from, found } = list;
  const word = found[i];
  const to = area.selectionStart;
  withdraw();
  change(area, from, to, word);
  withdraw();
}

function point(by) {
  list.at = (list.at + by + list.found.length) % list.found.length;
  [...list.element.children].forEach((item, i) => item.setAttribute("aria-selected", i === list.at));
  list.area.setAttribute("aria-activedescendant", `word-${list.at}`);
}

document.addEventListener("input", e => { if (e.target.matches?.("textarea[data-words]")) offer(e.target); });
document.addEventListener("focusout", e => { if (list?.area === e.target) withdraw(); });
document.addEventListener("keydown", e => {
  const area = e.target.matches?.("textarea[data-words]") ? e.target : null, control = e.ctrlKey || e.metaKey;
  if (control && e.key === "Enter" && e.target.closest?.("form[data-once]")) {
    e.preventDefault();
    if (!e.repeat) e.target.closest("form").requestSubmit();
  } else if (area && control && (e.key === "ArrowUp" || e.key === "ArrowDown")) {
    e.preventDefault();
    weigh(area, e.key === "ArrowUp" ? 0.1 : -0.1);
  } else if (area && list && !control) {
    if (e.key === "ArrowDown" || e.key === "ArrowUp") point(e.key === "ArrowDown" ? 1 : -1);
    else if ((e.key === "Enter" || e.key === "Tab") && list.at >= 0) take(list.at);
    else if (e.key === "Escape") withdraw();
    else return;
    e.preventDefault();
  }
});

// --- pictures in ---
/** A picture as the job needs it: upright and no larger than it will be drawn; as it is where it is small already. */
async function prepared(blob, longest) {
  if (!longest || blob.type === "image/gif") return null;
  const image = await createImageBitmap(blob, { imageOrientation: "from-image" }).catch(() => null);
  if (!image) return null;
  const { width, height } = image, scale = longest / Math.max(width, height);
  if (scale >= 1 || (blob.type === "image/png" && width * height <= 4e6)) {
    image.close();
    return null;
  }
  const sheet = document.createElement("canvas");
  [sheet.width, sheet.height] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  const paint = sheet.getContext("2d");
  paint.imageSmoothingQuality = "high";
  // By halves, so that no pixel is passed over.
  let step = image, [w, h] = [width, height];
  while (w > 2 * sheet.width) {
    const half = document.createElement("canvas");
    [half.width, half.height] = [Math.ceil(w / 2), Math.ceil(h / 2)];
    half.getContext("2d").drawImage(step, 0, 0, half.width, half.height);
    [step, w, h] = [half, half.width, half.height];
  }
  paint.drawImage(step, 0, 0, sheet.width, sheet.height);
  image.close();
  const opaque = blob.type === "image/jpeg";
  const small = await new Promise(resolve => sheet.toBlob(resolve, opaque ? "image/jpeg" : "image/png", 0.95));
  return small && { small, width, height };
}

export function startInput(page, box, fieldId, mostBytes, longest) {
  stopInput();
  const editor = box ? new Editor(box, page) : null;
  const stops = [];
  const on = (target, type, listener) => {
    target.addEventListener(type, listener);
    stops.push(() => target.removeEventListener(type, listener));
  };
  const stream = blob => DotNet.createJSStreamReference(blob);

  const take = async (blob, name, asItIs = false) => {
    if (!pictureTypes.test(blob.type)) return page.invokeMethodAsync("OnRefused", `'${name}' is no picture that can be read: PNG, JPEG, WebP, GIF and BMP are.`);
    const less = asItIs ? null : await prepared(blob, longest);
    const sending = less?.small ?? blob;
    if (sending.size > mostBytes) return page.invokeMethodAsync("OnRefused", `The file has ${(sending.size / 1048576).toFixed(0)} MB; this server takes ${mostBytes >> 20} MB.`);
    whole = less ? { blob, name } : null;
    if (editor) hold(sending);
    await page.invokeMethodAsync("OnPicture", name || "pasted picture", stream(sending), less ? stream(blob.slice(0, headBytes)) : null, less?.width ?? null, less?.height ?? null);
  };

  const field = document.getElementById(fieldId);
  if (field) on(field, "change", async () => {
    const [file] = field.files;
    if (file) await take(file, file.name);
    field.value = ""; // so that the same file can be opened again
  });
  on(document, "paste", e => {
    const file = [...(e.clipboardData?.files ?? [])].find(f => f.type.startsWith("image/"));
    if (!file) return;
    e.preventDefault();
    take(file, file.name);
  });
  let inside = 0;
  const carries = e => [...e.dataTransfer.types].some(type => type === "Files" || type === "text/uri-list");
  on(document, "dragenter", e => { if (carries(e)) { inside++; document.body.classList.add("dropping"); } });
  on(document, "dragleave", e => { if (carries(e) && --inside <= 0) { inside = 0; document.body.classList.remove("dropping"); } });
  on(document, "dragover", e => { if (carries(e)) e.preventDefault(); });
  on(document, "drop", async e => {
    inside = 0;
    document.body.classList.remove("dropping");
    if (!carries(e)) return;
    e.preventDefault();
    const [file] = e.dataTransfer.files;
    if (file) return take(file, file.name);
    const from = e.dataTransfer.getData("text/uri-list").split("\n")[0];
    if (!from || new URL(from, location.href).origin !== location.origin) return;
    const answer = await fetch(from.replace(/\/thumbnail$/, "/file"));
    if (answer.ok) await take(await answer.blob(), "picture of the gallery");
  });
  input = { page, editor, take, stop: () => { stops.forEach(stop => stop()); editor?.stop(); document.body.classList.remove("dropping"); } };
}

export function stopInput() {
  input?.stop();
  input = null;
}

/** Sends all of a photograph of which only a smaller copy was sent. */
export async function sendWhole() {
  if (whole && input) await input.take(whole.blob, whole.name, true);
}

/** Keeps a picture for the canvas: a Blob, an address of this server, or null for none. */
export function hold(picture) {
  held?.strokes?.splice(0);
  held = picture ? { picture, strokes: [] } : null;
}

export async function editor(what, ...values) {
  const canvas = input?.editor;
  if (!canvas) return;
  if (what !== "show") return canvas[what](...values);
  if (held && typeof held.picture === "string") {
    const answer = await fetch(held.picture);
    if (!answer.ok) return;
    held.picture = await answer.blob();
  }
  await canvas.show(held);
}

/** The editor as large as the window, or small in its panel again. */
export function enlargeEditor(dialog, isLarge) {
  if (!dialog || dialog.matches(":modal") === isLarge) return;
  dialog.close();
  if (isLarge) dialog.showModal(); else dialog.show();
  requestAnimationFrame(() => input?.editor?.fit());
  input?.editor?.canvas.focus({ preventScroll: true });
}

export function isPainted() {
  return !!input?.editor?.isPainted;
}

/** What is painted, as a PNG. */
export function mask() {
  return input.editor.mask();
}

// --- the wall of pictures ---
const least = 160, gap = 12; // pixels: of a tile, and between tiles
let wall = null;

/** Tells how many pictures go side by side, and how high a row of them is; null ends it. */
export function watchWall(page) {
  wall?.disconnect();
  wall = null;
  if (!page) return;
  const tell = () => {
    const box = document.querySelector(".gallery");
    if (!box) return;
    const columns = Math.max(innerWidth < 500 ? 3 : 2, Math.floor((box.clientWidth + gap) / (least + gap)));
    const side = (box.clientWidth - (columns - 1) * gap) / columns;
    page.invokeMethodAsync("OnWall", columns, Math.round((side + gap) * 100) / 100);
  };
  wall = new ResizeObserver(tell);
  const box = document.querySelector(".gallery");
  if (box) wall.observe(box);
}

// --- full screen ---
/** Makes a picture fill its place; a small one by whole steps, so that each of its pixels is a square. */
function fit(image) {
  const place = image?.parentElement;
  if (!place || !image.naturalWidth) return;
  const style = getComputedStyle(place);
  const wide = place.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const high = Math.max(innerHeight * 0.5, place.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom));
  const ratio = devicePixelRatio || 1;
  let scale = Math.min(wide / image.naturalWidth, high / image.naturalHeight);
  const isSmall = scale >= 2;
  if (isSmall) scale = Math.floor(scale * ratio) / ratio;
  image.style.width = `${image.naturalWidth * scale}px`;
  image.style.height = `${image.naturalHeight * scale}px`;
  image.classList.toggle("pixels", isSmall);
}

export function fitViewer() {
  requestAnimationFrame(() => fit(viewer?.dialog.querySelector("img[data-fit]")));
}

export function openViewer(dialog, page) {
  if (!dialog || dialog.open) return;
  dialog.showModal();
  const onKey = e => {
    if (e.target.matches?.("input, textarea, select") || !["ArrowLeft", "ArrowRight", "Delete", "f"].includes(e.key) || e.ctrlKey || e.metaKey) return;
    e.preventDefault();
    page?.invokeMethodAsync("OnKey", e.key);
  };
  const onLoad = e => { if (e.target.matches?.("img[data-fit]")) fit(e.target); };
  // Back closes the picture, as on a phone, and leaves the page as it is.
  const onBack = () => {
    if (!viewer || viewer.dialog !== dialog) return;
    viewer.stop();
    viewer = null;
    dialog.close();
    page?.invokeMethodAsync("OnKey", "Back");
  };
  const observer = new ResizeObserver(fitViewer);
  observer.observe(dialog);
  // Not to the dialog: its focus is gone when the button that had it is switched off at the last picture.
  document.addEventListener("keydown", onKey);
  dialog.addEventListener("load", onLoad, true);
  addEventListener("popstate", onBack);
  history.pushState({ ...history.state, easelViewer: true }, "", location.href);
  viewer = {
    dialog,
    stop: () => {
      observer.disconnect();
      document.removeEventListener("keydown", onKey);
      dialog.removeEventListener("load", onLoad, true);
      removeEventListener("popstate", onBack);
    },
  };
  fitViewer();
}

export async function closeViewer() {
  const was = viewer;
  viewer = null;
  if (!was) return;
  was.stop();
  if (was.dialog.isConnected && was.dialog.open) was.dialog.close();
  if (!history.state?.easelViewer) return;
  // Whoever goes elsewhere then must not be taken back by this.
  await new Promise(resolve => {
    addEventListener("popstate", resolve, { once: true });
    setTimeout(resolve, 500);
    history.back();
  });
}

// --- telling that it is done ---
export function tells() { return recall(tellKey); }

/** Whether it is worth asking a person whether to tell them. */
export function mayAsk() { return recall(tellKey) === null && "Notification" in window && Notification.permission !== "denied"; }

export async function setTells(on) {
  remember(tellKey, on ? "on" : "off");
  if (on && "Notification" in window && Notification.permission === "default") await Notification.requestPermission();
}

export function done(title, text) {
  if (recall(tellKey) !== "on") return;
  try {
    const sound = new AudioContext(), gain = sound.createGain();
    gain.connect(sound.destination);
    gain.gain.setValueAtTime(0.08, sound.currentTime);
    gain.gain.exponentialRampToValueAtTime(0.0001, sound.currentTime + 0.9);
    [660, 880].forEach((pitch, i) => {
      const tone = sound.createOscillator();
      tone.frequency.value = pitch;
      tone.connect(gain);
      tone.start(sound.currentTime + i * 0.16);
      tone.stop(sound.currentTime + 0.9);
    });
  } catch { /* a browser without sound */ }
  if (document.hidden && "Notification" in window && Notification.permission === "granted") new Notification(title, { body: text, icon: "page/icon.svg" });
}
