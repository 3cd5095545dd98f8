// What Blazor cannot do from the server: the browser's memory, its clipboard, pictures that are dropped or pasted, and the canvas.
import { Editor } from "./editor.js";

const pictureTypes = /^image\/(png|jpeg|webp|gif|bmp)$/;

let held = null;   // the input picture as a Blob; outlives a visit to another page of this tab
let input = null;  // whoever takes pictures now: { page, editor, stop }
let viewer = null; // the dialog that is open: { dialog, stop }

// --- memory ---
export function recall(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

export function remember(key, value) {
  try { localStorage.setItem(key, value); } catch { /* a browser that remembers nothing */ }
}

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

// --- pictures in ---
export function startInput(page, box, fieldId, mostBytes) {
  stopInput();
  const editor = box ? new Editor(box, page) : null;
  const stops = [];
  const on = (target, type, listener) => {
    target.addEventListener(type, listener);
    stops.push(() => target.removeEventListener(type, listener));
  };

  const take = async (blob, name) => {
    if (!pictureTypes.test(blob.type)) return page.invokeMethodAsync("OnRefused", `${name || "That"} is no picture that can be read (PNG, JPEG, WebP, GIF, BMP).`);
    if (blob.size > mostBytes) return page.invokeMethodAsync("OnRefused", `${name || "That picture"} is larger than this server allows (${mostBytes >> 20} MB).`);
    if (editor) hold(blob);
    await page.invokeMethodAsync("OnPicture", name || "pasted picture", DotNet.createJSStreamReference(blob));
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
    const address = e.dataTransfer.getData("text/uri-list").split("\n")[0];
    if (!address || new URL(address, location.href).origin !== location.origin) return;
    const answer = await fetch(address.replace(/\/thumbnail$/, "/file"));
    if (answer.ok) await take(await answer.blob(), "picture of the gallery");
  });
  input = { page, editor, stop: () => { stops.forEach(stop => stop()); editor?.stop(); document.body.classList.remove("dropping"); } };
}

export function stopInput() {
  input?.stop();
  input = null;
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

export function isPainted() {
  return !!input?.editor?.isPainted;
}

/** What is painted, as a PNG. */
export function mask() {
  return input.editor.mask();
}

// --- full screen ---
export function openViewer(dialog, page) {
  if (!dialog || dialog.open) return;
  dialog.showModal();
  const onKey = e => {
    if (e.target.matches?.("input, textarea, select") || !["ArrowLeft", "ArrowRight", "Delete"].includes(e.key)) return;
    e.preventDefault();
    page?.invokeMethodAsync("OnKey", e.key);
  };
  // Not to the dialog: its focus is gone when the button that had it is switched off at the last picture.
  document.addEventListener("keydown", onKey);
  viewer = { dialog, stop: () => document.removeEventListener("keydown", onKey) };
}

export function closeViewer() {
  viewer?.stop();
  if (viewer?.dialog.isConnected && viewer.dialog.open) viewer.dialog.close();
  viewer = null;
}
