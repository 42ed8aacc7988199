"use strict";
// The timeline, the viewer that opens from it, and the clockwork that updates the page.

// A tick's time needs this much room.
const TICK_APART_PX = 76;
const TICKS_S = [10, 20, 30, 60, 120, 300, 600, 900, 1800];
const allOf = (kind) => minutes.flatMap((minute) => minute[kind]);

function showTimeline() {
  const ends = [...allOf("utterances"), ...allOf("clips")].map((item) => item.end_ms ?? item.start_ms);
  ends.push(...allOf("pictures").map((picture) => picture.at + 1000));
  if (ends.length === 0) return;
  const lengthMs = span * 60000;
  const to = Math.ceil(Math.max(...ends) / 10000) * 10000;
  const from = to - lengthMs;
  const percent = (ms) => ((ms - from) / lengthMs) * 100;
  const within = (item) => (item.end_ms ?? item.start_ms) > from;
  const place = (element, start, end) => {
    const left = Math.max(0, percent(start));
    element.style.left = left + "%";
    element.style.width = "calc(" + Math.max(0, percent(end) - left) + "% - 1px)";
  };
  for (const kind of ["utterances", "clips"]) {
    keep(byId("lane-" + kind), allOf(kind).filter(within), (item) => item.key, (item) => {
      const button = make("button");
      button.type = "button";
      button.addEventListener("click", () => view(button.item));
      return button;
    }, (button, item) => {
      const one = kind === "clips" ? "Clip" : item.name;
      button.item = { kind: kind === "clips" ? "video" : "audio", title: one + ", " + whenText(item), path: item.path };
      button.className = item.lacks.length ? "lacking" : "";
      button.title = one + ", " + whenText(item) + ", " + lengthText(item) + (item.lacks.length ? ": " + item.lacks.join(", ") : "");
      button.setAttribute("aria-label", "Play " + button.title);
      button.disabled = !item.path;
      place(button, startOf(item), item.end_ms ?? startOf(item) + 1000);
    });
  }
  keep(byId("lane-pictures"), runs(allOf("pictures").filter((picture) => picture.at >= from)),
    (run) => run.from, () => make("div"), (bar, run) => place(bar, run.from, run.to));
  byId("lane-pictures").scale = { from, lengthMs };

  const leastMs = (lengthMs * TICK_APART_PX) / byId("axis").clientWidth;
  const stepMs = TICKS_S.map((seconds) => seconds * 1000).find((step) => step >= leastMs) ?? lengthMs;
  const ticks = [];
  for (let at = Math.ceil(from / stepMs) * stepMs; at <= to; at += stepMs) {
    if (percent(at) > 2 && percent(at) < 98) ticks.push(at);
  }
  keep(byId("axis"), ticks, (at) => at, (at) => make("span", "", (stepMs < 60000 ? clock : shortClock).format(at)),
    (tick, at) => { tick.style.left = percent(at) + "%"; });
}

// Pictures of successive seconds, drawn as one bar.
function runs(pictures) {
  const found = [];
  for (const { at } of [...pictures].sort((a, b) => a.at - b.at)) {
    const last = found[found.length - 1];
    if (last && at <= last.to + 500) last.to = at + 1000;
    else found.push({ from: at, to: at + 1000 });
  }
  return found;
}

byId("lane-pictures").addEventListener("click", (event) => {
  const box = event.currentTarget.getBoundingClientRect();
  const { from, lengthMs } = event.currentTarget.scale;
  const wanted = from + ((event.clientX - box.left) / box.width) * lengthMs - 500;
  const nearest = allOf("pictures").reduce((best, one) =>
    (!best || Math.abs(one.at - wanted) < Math.abs(best.at - wanted) ? one : best), null);
  if (nearest) view({ kind: "picture", at: nearest.at, path: nearest.path });
});

document.querySelector(".zoom").addEventListener("click", (event) => {
  if (!event.target.dataset.minutes) return;
  span = Number(event.target.dataset.minutes);
  for (const button of event.currentTarget.children) button.setAttribute("aria-pressed", String(button === event.target));
  showTimeline();
});

const viewer = byId("viewer");
let viewed = null;

function view(item) {
  viewed = item;
  const picture = item.kind === "picture";
  setText(byId("viewer-title"), picture ? "Picture, " + longDate.format(item.at) + ", " + clock.format(item.at) : item.title);
  byId("earlier").hidden = byId("later").hidden = !picture;
  const element = make(picture ? "img" : item.kind);
  element.src = fileUrl(item.path);
  if (picture) element.alt = byId("viewer-title").textContent;
  else {
    element.controls = true;
    element.setAttribute("aria-label", item.title);
  }
  byId("stage").replaceChildren(element);
  if (!viewer.open) viewer.showModal();
  if (!picture) element.play().catch(() => {});
}

function stepPicture(step) {
  if (!viewed || viewed.kind !== "picture") return;
  const pictures = allOf("pictures").sort((a, b) => a.at - b.at);
  const next = pictures[pictures.findIndex((picture) => picture.path === viewed.path) + step];
  if (next) view({ kind: "picture", at: next.at, path: next.path });
}

byId("earlier").addEventListener("click", () => stepPicture(-1));
byId("later").addEventListener("click", () => stepPicture(1));
byId("close").addEventListener("click", () => viewer.close());
viewer.addEventListener("close", () => byId("stage").replaceChildren());
viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });
viewer.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") stepPicture(-1);
  if (event.key === "ArrowRight") stepPicture(1);
});

function showCounts({ utterances, clips, frames, devices, faults }) {
  const count = (name, delivered, files, extra) => {
    setText(byId("n-" + name), String(delivered));
    const pending = files - delivered;
    const state = pending > 0 ? pending + " more not complete yet" : delivered > 0 ? "all delivered" : "none yet";
    setText(byId("s-" + name), [state, ...extra].join(" · "));
  };
  const twice = (n, what) => (n > 0 ? [plural(n, what, what + "s") + " too many"] : []);
  count("utterances", utterances.delivered, Math.max(utterances.files, utterances.rows - utterances.duplicate_rows),
    [...twice(utterances.duplicate_rows, "row"), ...twice(utterances.duplicate_tasks, "task")]);
  count("clips", clips.delivered, Math.max(clips.files, clips.rows - clips.duplicate_rows), twice(clips.duplicate_rows, "row"));
  count("frames", frames.delivered, frames.delivered, []);
  if (frames.files > frames.delivered) setText(byId("s-frames"), frames.files - frames.delivered + " with a wrong name");
  setText(byId("n-devices"), String(devices));
  setText(byId("n-devices").nextElementSibling, devices === 1 ? "device" : "devices");
  setText(byId("s-devices"), "registered");
  if (faults.length) health("bad", plural(faults.length, "fault", "faults"));
  else if (minutes.length) health("good", "All well: no faults");
  else health("waiting", "Waiting for a listener");
  byId("faults").hidden = faults.length === 0;
  setText(byId("faults").querySelector("summary"), "What the consumers of the data could not work with");
  keep(byId("fault-list"), faults.map((text, at) => ({ text, at })), (fault) => fault.at + fault.text, (fault) => make("li", "", fault.text), () => {});
}

function health(kind, text) {
  byId("health").className = "health " + kind;
  setText(byId("health"), text);
}

function show(data) {
  for (const minute of data.minutes) {
    for (const picture of minute.pictures) picture.at = minute.start_ms + picture.second * 1000;
  }
  minutes = data.minutes;
  showCounts(data.summary);
  byId("empty").hidden = minutes.length > 0;
  byId("timeline").hidden = minutes.length === 0;
  keep(byId("minutes"), minutes, (minute) => minute.start_ms, newMinute, showMinute);
  byId("older").hidden = data.older === 0;
  setText(byId("older"), plural(data.older, "older minute is", "older minutes are") + " stored and not shown.");
  showTimeline();
}

async function update() {
  try {
    const answer = await fetch("/demo/page.json", { cache: "no-store" });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    if (text !== lastText) show(JSON.parse(text));
    lastText = text;
  } catch {
    lastText = "";
    health("waiting", "The server does not answer");
  }
  setTimeout(update, UPDATE_EVERY_MS);
}

addEventListener("resize", showTimeline);
setText(byId("command"), "listener run --api_domain " + location.origin + " --token …");
setText(byId("zone"), Intl.DateTimeFormat().resolvedOptions().timeZone);
update();
