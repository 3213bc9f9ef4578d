// The page with a script: sound and transcript in step, a timeline that zooms, events that can be looked through.
// Outside text only ever becomes textContent. Nothing is loaded and nothing is sent.
"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const all = (what, within = document) => [...within.querySelectorAll(what)];
  const make = (tag, look, text) => {
    const made = document.createElement(tag);
    made.className = look;
    made.textContent = text;
    return made;
  };
  const stage = document.querySelector(".stage"), grid = stage.querySelector(".grid");
  const sound = by("sound"), picture = by("timeline"), lanes = by("lanes"), playhead = by("playhead");
  const length = Number(stage.dataset.length) || 1;
  const turns = all(".turn[data-a]").map((at) => ({ at, a: Number(at.dataset.a), b: Number(at.dataset.b) }));
  const precise = (t) => `${Math.floor(t / 60)}:${(t % 60).toFixed(1).padStart(4, "0")}`;

  // Looks.
  const theme = by("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  document.body.classList.add("live");
  grid.classList.add("live");
  by("player").hidden = false;

  // Timeline: everything lies at a time, so zooming only moves things.
  let scale = Number(picture.getAttribute("width")) / length;
  const told = scale;
  const placed = all("[data-a]", picture).map((at) => ({
    at, tag: at.tagName, a: Number(at.dataset.a), b: Number(at.dataset.b), size: Number(at.dataset.size), room: Number(at.dataset.room),
  }));
  const waves = all("[data-step]", picture), times = all(".time", picture);
  const height = Number(picture.getAttribute("height"));
  const fitting = () => (lanes.clientWidth - 2) / length;
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800];
  let whole = false;
  function zoom(to, keep = now(), where = null) {
    whole = to <= fitting() * 1.001;
    const left = where ?? Math.min(Math.max(keep * scale - lanes.scrollLeft, 0), lanes.clientWidth);
    scale = Math.min(600, Math.max(Math.min(fitting(), told), to));
    const width = Math.max(1, length * scale);
    picture.setAttribute("width", width);
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    for (const one of placed) {
      const x = one.a * scale;
      if (one.tag === "rect") {
        one.at.setAttribute("x", x);
        one.at.setAttribute("width", Math.max(0.5, (one.b - one.a) * scale));
      } else if (one.tag === "line") {
        one.at.setAttribute("x1", x);
        one.at.setAttribute("x2", x);
      } else if (Number.isNaN(one.b)) {
        one.at.setAttribute("x", x);
        if (one.room) one.at.setAttribute("visibility", one.size < one.room * scale ? "visible" : "hidden");
      } else {
        one.at.setAttribute("x", ((one.a + one.b) / 2) * scale);
        one.at.setAttribute("visibility", one.size < (one.b - one.a) * scale ? "visible" : "hidden");
      }
    }
    for (const one of waves) one.setAttribute("transform", `scale(${Number(one.dataset.step) * scale} 1)`);
    const every = steps.find((one) => one * scale >= 60) ?? 3600;
    for (const one of times) one.setAttribute("visibility", Number(one.dataset.a) % every ? "hidden" : "visible");
    lanes.scrollLeft = keep * scale - left;
    show();
  }
  by("in").addEventListener("click", () => zoom(scale * 1.6));
  by("out").addEventListener("click", () => zoom(scale / 1.6));
  by("fit").addEventListener("click", () => zoom(fitting()));
  lanes.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const x = event.clientX - lanes.getBoundingClientRect().left;
    zoom(scale * Math.exp(-event.deltaY / 200), (lanes.scrollLeft + x) / scale, x);
  }, { passive: false });

  // Where we are: the sound's place, or a mark where there is no sound.
  let mark = 0;
  let current = null;
  function now() { return sound ? sound.currentTime : mark; }
  function show() {
    const t = now();
    by("now").textContent = precise(t);
    playhead.setAttribute("x1", t * scale);
    playhead.setAttribute("x2", t * scale);
    const speaking = turns.filter((one) => one.a <= t + 0.01 && !one.at.classList.contains("note")).pop() ?? null;
    const next = speaking && (t <= speaking.b + 0.4 || !moving()) ? speaking.at : null;
    if (next === current) return;
    current?.classList.remove("now");
    next?.classList.add("now");
    current = next;
    if (next && moving()) next.scrollIntoView({ block: "nearest" });
  }
  function moving() { return Boolean(sound) && !sound.paused; }
  function follow() {
    const x = now() * scale;
    if (x < lanes.scrollLeft || x > lanes.scrollLeft + lanes.clientWidth - 40) lanes.scrollLeft = x - 80;
  }
  function go(t, playing) {
    mark = Math.min(Math.max(t, 0), length);
    if (sound) {
      sound.currentTime = mark;
      if (playing) sound.play().catch(() => {});
    }
    show();
    follow();
  }
  function tick() {
    show();
    if (!moving()) return;
    follow();
    requestAnimationFrame(tick);
  }
  const play = by("play");
  const toggle = () => { if (sound) { if (sound.paused) sound.play().catch(() => {}); else sound.pause(); } };
  if (sound) {
    play.addEventListener("click", toggle);
    for (const name of ["play", "pause", "ended"]) {
      sound.addEventListener(name, () => { play.textContent = sound.paused ? "▶" : "❚❚"; tick(); });
    }
    sound.addEventListener("seeked", show);
    by("speed").addEventListener("change", (event) => { sound.playbackRate = Number(event.target.value); });
  }
  for (const one of turns) {
    one.at.addEventListener("click", (event) => {
      const link = event.target.closest("a");
      if (event.target.closest("summary, pre, button") || (link && !link.classList.contains("at"))) return;
      if (!link && String(getSelection())) return;
      if (link) event.preventDefault();
      go(one.a, true);
    });
  }
  picture.addEventListener("click", (event) => {
    go((event.clientX - picture.getBoundingClientRect().left) / scale, false);
    nearest(now());
  });
  addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, textarea, button, summary, a") || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = { ArrowLeft: () => go(now() - 5), ArrowRight: () => go(now() + 5), " ": toggle, "+": () => zoom(scale * 1.6),
      "-": () => zoom(scale / 1.6) };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  // Events.
  const rows = by("rows"), filter = by("filter");
  const events = JSON.parse(by("events").textContent).map(([seq, last, t, dir, type, summary, count, tags, payload]) => ({
    seq, last, t, dir, type, summary, count, payload,
    words: `${type} ${summary} ${payload}`.toLowerCase(),
    bad: type === "error" || tags.includes("malformed") || /"status":"failed"/.test(payload), at: null, is: tags.split(" "),
  }));
  const owner = (type) => type.startsWith("input_audio") || type.includes("input_audio_transcription") ? "own"
    : type.includes("function_call") || type.includes("mcp") || type.startsWith("tool") ? "tool"
      : type.startsWith("response") || type.startsWith("output_audio") ? "reply" : "";
  const signs = { in: "↓", out: "↑", local: "·" };
  const list = document.createDocumentFragment();
  for (const one of events) {
    const row = make("li", `row ${one.dir} ${owner(one.type)} ${one.bad ? "bad" : ""}`, "");
    row.id = `e${one.seq}`;
    row.tabIndex = 0;
    row.append(make("span", "t", `${Math.floor(one.t / 60)}:${(one.t % 60).toFixed(3).padStart(6, "0")}`),
      make("span", "d", signs[one.dir]), make("span", "k", one.type), make("span", "n", one.count > 1 ? `×${one.count}` : ""),
      make("span", "s", one.summary));
    row.addEventListener("click", () => choose(one, true));
    row.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(one, true); });
    one.at = row;
    list.append(row);
  }
  rows.append(list);
  rows.hidden = by("filters").hidden = false;
  let chosen = null;
  function choose(one, unfold) {
    chosen?.at.classList.remove("chosen");
    chosen = one;
    one.at.classList.add("chosen");
    const open = one.at.querySelector("pre");
    if (unfold && open) open.remove();
    else if (unfold && one.payload) one.at.append(detail(one.payload));
    mark = one.t;
    if (!moving()) go(one.t, false);
  }
  function detail(payload) {
    let shown = payload;
    try { shown = JSON.stringify(JSON.parse(payload), null, 2); } catch { /* it is shown as it came */ }
    // What would reverse the reading direction or hide is written out, as in the list.
    const unsafe = /[\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
    shown = shown.replace(unsafe, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`);
    const made = make("pre", "", shown);
    made.addEventListener("click", (event) => event.stopPropagation());
    return made;
  }
  function reveal(one) {
    const top = one.at.offsetTop - rows.offsetTop;
    rows.scrollTop = top - rows.clientHeight / 3;
  }
  function nearest(t) {
    const one = events.reduce((best, each) => (Math.abs(each.t - t) < Math.abs((best?.t ?? Infinity) - t) ? each : best), null);
    if (!one || one.at.hidden) return;
    chosen?.at.classList.remove("chosen");
    chosen = one;
    one.at.classList.add("chosen");
    reveal(one);
  }
  function holds(one, term) {
    if (term.startsWith("-") && term.length > 1) return !holds(one, term.slice(1));
    if (term.startsWith("dir:")) return one.dir === term.slice(4);
    if (term === "is:error") return one.bad;
    if (term.startsWith("is:")) return one.is.includes(term.slice(3));
    return one.words.includes(term);
  }
  function sift() {
    const terms = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const one of events) {
      one.at.hidden = !terms.every((term) => holds(one, term));
      shown += one.at.hidden ? 0 : 1;
    }
    by("count").textContent = terms.length ? `${shown} of ${events.length} rows` : `${events.length} rows`;
    for (const chip of all(".chip")) chip.setAttribute("aria-pressed", String(terms.includes(chip.dataset.filter)));
  }
  filter.addEventListener("input", sift);
  for (const chip of all(".chip")) {
    chip.addEventListener("click", () => {
      const terms = filter.value.split(/\s+/).filter(Boolean), asked = chip.dataset.filter;
      const kept = terms.filter((term) => term !== asked && !(asked.startsWith("dir:") && term.startsWith("dir:")));
      filter.value = (terms.includes(asked) ? kept : [...kept, asked]).join(" ");
      sift();
    });
  }
  for (const link of all("a[data-seq]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const seq = Number(link.dataset.seq);
      const one = events.find((each) => each.seq <= seq && seq <= each.last);
      if (!one) return;
      filter.value = "";
      sift();
      choose(one, false);
      by("rows").scrollIntoView({ block: "center" });
      reveal(one);
    });
  }
  sift();
  zoom(Math.max(fitting(), Math.min(told, 24)), 0);
  addEventListener("resize", () => { if (whole || scale < fitting()) zoom(fitting(), 0); });
})();
