"use strict";
// Shows what /demo/page.json tells. Everything received is put in as text, never as HTML. Elements are kept from one
// update to the next and only what changed is touched, so that whatever plays goes on playing.

const UPDATE_EVERY_MS = 2000;
const byId = (id) => document.getElementById(id);
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const shortClock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const longDate = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "long" });
const fileUrl = (path) => "/demo/files/" + path.split("/").map(encodeURIComponent).join("/");
const plural = (n, one, many) => n + " " + (n === 1 ? one : many);

let minutes = [];
let span = 5;
let lastText = "";

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Brings the children of `parent` in line with `items`: removes the gone, makes the missing, updates the kept. Kept ones
// are not moved as long as their order stays: a moved audio or video element would stop playing.
function keep(parent, items, keyOf, create, update) {
  const wanted = new Set(items.map((item) => String(keyOf(item))));
  const kept = new Map();
  for (const child of [...parent.children]) {
    if (wanted.has(child.dataset.key)) kept.set(child.dataset.key, child);
    else child.remove();
  }
  let next = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    const child = kept.get(key) ?? create(item);
    child.dataset.key = key;
    update(child, item);
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
}

// Files are asked for when they come near the screen.
const nearby = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) {
    if (isIntersecting) {
      nearby.unobserve(target);
      target.src = target.dataset.src;
    }
  }
}, { rootMargin: "800px" });

function setMedia(media, path) {
  media.hidden = !path;
  if (!path || media.dataset.src === fileUrl(path)) return;
  media.dataset.src = fileUrl(path);
  nearby.observe(media);
}

const startOf = (item) => item.start_ms ?? item.end_ms;
const lengthOf = (item) => (item.start_ms === null || item.end_ms === null || item.end_ms < item.start_ms ? null : (item.end_ms - item.start_ms) / 1000);
const lengthText = (item) => (lengthOf(item) === null ? "length not known yet" : lengthOf(item).toFixed(1) + " s");
const whenText = (item) => clock.format(startOf(item));

function setTags(parent, item) {
  const done = item.task ? "delivered, task " + item.task : "delivered";
  const tags = item.lacks.length ? item.lacks : [done];
  keep(parent, tags, (text) => text, (text) => make("span", item.lacks.length ? "tag lacks" : "tag", text), () => {});
}

function newUtterance() {
  const box = make("div", "utterance");
  const facts = make("div", "facts");
  facts.append(make("span", "when"), make("span", "name"), make("span", "length"), make("span", "tags"));
  const audio = make("audio");
  audio.controls = true;
  audio.preload = "metadata";
  box.append(facts, audio);
  return box;
}

function showUtterance(box, item) {
  setText(box.querySelector(".when"), whenText(item));
  setText(box.querySelector(".name"), item.name);
  setText(box.querySelector(".length"), lengthText(item));
  setTags(box.querySelector(".tags"), item);
  const audio = box.querySelector("audio");
  audio.setAttribute("aria-label", item.name + " at " + whenText(item));
  setMedia(audio, item.path);
}

function newClip() {
  const figure = make("figure", "clip");
  const video = make("video");
  video.controls = true;
  video.preload = "metadata";
  video.playsInline = true;
  const caption = make("figcaption");
  caption.append(make("span", "what"), " ", make("span", "tags"));
  figure.append(video, caption);
  return figure;
}

function showClip(figure, item) {
  setText(figure.querySelector(".what"), whenText(item) + (lengthOf(item) === null ? "" : " · " + lengthText(item)));
  setTags(figure.querySelector(".tags"), item);
  figure.classList.toggle("missing", !item.path);
  const video = figure.querySelector("video");
  video.setAttribute("aria-label", "Clip at " + whenText(item));
  setMedia(video, item.path);
}

function newPicture(picture) {
  const button = make("button", "picture");
  button.type = "button";
  button.tabIndex = -1;
  const image = make("img");
  image.loading = "lazy";
  image.alt = "";
  image.src = fileUrl(picture.path);
  button.append(image, make("span", "", ":" + String(picture.second).padStart(2, "0")));
  button.addEventListener("click", () => view({ kind: "picture", at: picture.at, path: picture.path }));
  return button;
}

// A minute's pictures are one stop of the Tab key; the arrow keys move among them.
function moveAmongPictures(event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const buttons = [...event.currentTarget.children];
  const to = buttons[buttons.indexOf(document.activeElement) + step];
  if (!step || !to) return;
  event.preventDefault();
  document.activeElement.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

function newMinute(minute) {
  const section = make("section", "minute");
  const bar = make("div", "bar");
  const title = make("h2", "", shortClock.format(minute.start_ms));
  title.id = "minute-" + minute.start_ms;
  section.setAttribute("aria-labelledby", title.id);
  bar.append(title, make("span", "hint", longDate.format(minute.start_ms)));
  const parts = make("div", "parts");
  for (const [kind, label] of [["utterances", "Utterances"], ["clips", "Clips"], ["pictures", "Pictures"]]) {
    const part = make("div", kind);
    const list = make("div", "list");
    list.setAttribute("role", "group");
    list.setAttribute("aria-label", label + " of " + shortClock.format(minute.start_ms));
    part.append(make("h3"), list);
    parts.append(part);
  }
  parts.querySelector(".pictures .list").addEventListener("keydown", moveAmongPictures);
  section.append(bar, parts);
  return section;
}

function showMinute(section, minute) {
  const text = JSON.stringify(minute);
  if (section.shownText === text) return;
  section.shownText = text;
  const part = (kind) => section.querySelector("." + kind + " > .list");
  const head = (kind, one, many, count) => {
    section.querySelector("." + kind).hidden = count === 0;
    setText(section.querySelector("." + kind + " > h3"), plural(count, one, many));
  };
  head("utterances", "utterance", "utterances", minute.utterances.length);
  head("clips", "clip", "clips", minute.clips.length);
  head("pictures", "picture", "pictures", minute.pictures.length);
  keep(part("utterances"), minute.utterances, (item) => item.key, newUtterance, showUtterance);
  keep(part("clips"), minute.clips, (item) => item.key, newClip, showClip);
  keep(part("pictures"), minute.pictures, (picture) => picture.path, newPicture, () => {});
  const pictures = part("pictures");
  if (pictures.firstElementChild && !pictures.querySelector("[tabindex='0']")) pictures.firstElementChild.tabIndex = 0;
}
