"use strict";
const $ = (id) => document.getElementById(id);
const MARKS = {
  right: "M5 13l4.5 4.5L19 7",
  wrong: "M6 6l12 12M18 6L6 18",
  why: "M7.5 8.6a4.5 4.5 0 1 1 6.6 4c-1.5.8-2.1 1.6-2.1 3.2M12 20v.1",
};
const state = { facts: null, picture: null, pictureUrl: "", asked: 0, early: false, urls: [] };
let token = sessionStorage.getItem("xret-token") || "";

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

function drawn(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

// ---- the API

async function call(path, options = {}) {
  for (;;) {
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    let response;
    try {
      response = await fetch(path, { ...options, headers });
    } catch {
      throw new Error("The server does not answer.");
    }
    if (response.ok) return response;
    if (response.status === 401) { await askToken(); continue; }
    if (response.status === 503) throw new Error("The server is busy. Try again in a moment.");
    const told = await response.json().catch(() => ({}));
    throw new Error(typeof told.detail === "string" ? told.detail : `The server answered ${response.status}.`);
  }
}

const post = (path, body) => call(path, {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
}).then((response) => response.json());

let asking = null;
function askToken() {  // once, however many requests were refused
  asking ??= new Promise((done) => {
    $("token-value").value = "";
    $("token").showModal();
    $("token-form").onsubmit = (event) => {
      event.preventDefault();
      token = $("token-value").value.trim();
      sessionStorage.setItem("xret-token", token);
      $("token").close();
      asking = null;
      done();
    };
  });
  return asking;
}
$("token").addEventListener("cancel", (event) => event.preventDefault());

async function show(image, path) {  // fetched, because an address alone carries no token
  try {
    const url = URL.createObjectURL(await (await call(path)).blob());
    state.urls.push(url);
    image.src = url;
  } catch {
    image.parentElement.classList.add("none");
    image.replaceWith("cannot be shown");
  }
}

// ---- what can be asked

async function begin() {
  const facts = state.facts = await (await call("/api/facts")).json();
  const [first] = facts.indices;
  const many = facts.indices.length > 1;
  $("about").textContent = facts.indices.map((i) => `${i.items.toLocaleString("en")} ${i.target}s of ${i.data}`)
    .filter((text, i, all) => all.indexOf(text) === i).join(" · ");
  for (const k of [10, 20, 50, 100].filter((k) => k === 10 || k <= facts.limits.k)) $("k").append(make("option", { value: Math.min(k, facts.limits.k) }, `${Math.min(k, facts.limits.k)}`));
  $("query").maxLength = facts.limits.query;
  $("choose").hidden = !facts.indices.some((i) => i.queries.includes("image"));
  $("query").disabled = !facts.indices.some((i) => i.queries.includes("text"));
  $("beside-option").hidden = !many;
  $("keys").replaceChildren(make("kbd", {}, "Enter"), " tells why", ...(facts.feedback ? [", ", make("kbd", {}, "r"), " and ", make("kbd", {}, "w"), " say right and wrong"] : []), ".");
  for (const [name, values] of Object.entries(first.filters)) addFilter(name, values);
  recall();
}

function addFilter(name, values) {
  const select = make("select", { "data-filter": name, "aria-label": `Filter by ${name}` }, make("option", { value: "" }, "any"));
  for (const value of values) select.append(make("option", { value }, value));
  const label = make("label", { class: "option" }, name, select);
  select.addEventListener("change", () => { label.classList.toggle("chosen", Boolean(select.value)); if (hasQuery()) ask(); });
  $("filters").append(label);
}

function filters() {
  const chosen = [...document.querySelectorAll("[data-filter]")].filter((s) => s.value);
  return Object.fromEntries(chosen.map((s) => [s.dataset.filter, s.value]));
}

const hasQuery = () => Boolean(state.picture || $("query").value.trim());

function recall() {  // a link with ?q= asks at once
  const given = new URLSearchParams(location.search).get("q");
  if (given && !hasQuery()) $("query").value = given;
  if (given || state.early) ask();
  else $("query").focus();
}

// ---- asking

async function ask() {
  const text = $("query").value.trim();
  if (!state.facts) { state.early = true; return; }  // asked as soon as the server has told what there is
  if (!hasQuery()) { $("query").focus(); return; }
  const turn = ++state.asked;
  const sides = $("beside").checked ? state.facts.indices : state.facts.indices.slice(0, 1);
  const query = { text, picture: state.picture, k: Number($("k").value), filter: filters() };
  history.replaceState(null, "", query.picture ? "/" : `/?q=${encodeURIComponent(text)}`);
  tell("Searching …");
  $("results").classList.add("waiting");
  const began = performance.now();
  const found = await Promise.all(sides.map((side) => one(side, query).catch((error) => ({ error }))));
  if (turn !== state.asked) return;  // something else was asked meanwhile
  const took = performance.now() - began;
  $("results").classList.remove("waiting");
  for (const url of state.urls.splice(0)) URL.revokeObjectURL(url);
  $("results").className = sides.length > 1 ? "two" : "";
  $("results").replaceChildren(...sides.map((side, i) => shown(side, found[i], query, sides.length > 1)));
  const failed = found.find((f) => f.error);
  if (failed && sides.length === 1) tell(failed.error.message, true);
  else tell(`${found.map((f) => (f.results || []).length).join(" and ")} results in ${took.toFixed(0)} ms`);
}

function one(side, query) {
  if (!query.picture) return post("/api/search", { query: query.text, k: query.k, filter: query.filter, index: side.name });
  const body = new FormData();
  body.append("picture", query.picture, "picture");
  body.append("k", query.k);
  body.append("filter", JSON.stringify(query.filter));
  body.append("index", side.name);
  return call("/api/search/image", { method: "POST", body }).then((response) => response.json());
}

function tell(text, problem = false) {
  $("status").textContent = text;
  $("status").classList.toggle("problem", problem);
}

// ---- answers

function shown(side, found, query, many) {
  const head = make("div", { class: "side-head" });
  if (many) head.append(make("h2", {}, side.name));
  if (found.error) return make("section", { class: "side" }, head, make("p", { class: "empty" }, found.error.message));
  head.append(make("span", { class: "times" }, times(found.ms)));
  const list = make("ol", { class: "grid", "aria-label": many ? `Results of ${side.name}` : "Results" });
  const best = Math.max(...found.results.map((r) => r.score), 0.001);
  found.results.forEach((result, i) => list.append(card(side, result, i, best, query)));
  const none = make("p", { class: "empty" }, "Nothing passes these filters.");
  return make("section", { class: "side" }, head, found.results.length ? list : none);
}

function times(ms) {
  const parts = ["encode", "search", ...(ms.rerank >= 0.05 ? ["rerank"] : [])].map((name) => `${name} ${ms[name].toFixed(1)}`);
  return `${parts.join(" · ")} · total ${ms.total.toFixed(1)} ms`;
}

function card(side, result, i, best, query) {
  const node = make("article", { class: "card", tabindex: i ? "-1" : "0", "aria-label": `${i + 1}. ${result.text || result.id}, score ${result.score.toFixed(3)}` });
  const frame = make("div", { class: "frame" }, make("span", { class: "rank", "aria-hidden": "true" }, `${i + 1}`));
  if (result.picture) {
    const image = make("img", { alt: result.text || result.id });
    frame.append(image);
    show(image, result.picture);
  }
  if (result.picture || side.target !== "text") { if (!result.picture) { frame.classList.add("none"); frame.append("no picture"); } node.append(frame); }
  node.append(make("div", { class: "told" }, make("p", { class: "caption", title: result.text }, result.text || "\u2014"), make("p", { class: "id" }, result.id)));
  node.append(make("div", { class: "score" }, make("progress", { max: best, value: Math.max(result.score, 0), "aria-hidden": "true" }), result.score.toFixed(3)));
  const acts = make("div", { class: "acts" });
  if (state.facts.feedback && !query.picture && result.picture) acts.append(judge("right", side, result, query), judge("wrong", side, result, query));
  if (side.explains && !query.picture && result.picture) {
    acts.append(make("button", { type: "button", class: "why", on: { click: () => why(side, result, query) } }, drawn(MARKS.why), make("span", {}, "why")));
  }
  if (acts.childElementCount) node.append(acts);
  node.addEventListener("keydown", onCard);
  return make("li", {}, node);
}

function judge(verdict, side, result, query) {
  const button = make("button", { type: "button", class: verdict, "aria-pressed": "false", "aria-label": `${verdict}: ${result.text || result.id}`, title: `This answer is ${verdict}` }, drawn(MARKS[verdict]), make("span", {}, verdict));
  button.addEventListener("click", async () => {
    try {
      await post("/api/feedback", { query: query.text, item: result.item, index: side.name, verdict });
      for (const other of button.parentElement.querySelectorAll("[aria-pressed]")) other.setAttribute("aria-pressed", String(other === button));
      const whole = button.closest(".card");
      whole.classList.remove("right", "wrong");
      whole.classList.add(verdict);
      tell(`Kept: "${result.text || result.id}" is ${verdict} for "${query.text}".`);
    } catch (error) {
      tell(error.message, true);
    }
  });
  return button;
}

function onCard(event) {
  if (event.target !== event.currentTarget) { if (event.key === "Escape") event.currentTarget.focus(); else return; }
  const card = event.currentTarget;
  const cards = [...document.querySelectorAll(".card")];
  const at = cards.indexOf(card);
  const grid = card.closest(".grid");
  const across = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[event.key];
  if (step) {
    event.preventDefault();
    const next = cards[at + step];
    if (!next) { if (step < 0) $("query").focus(); return; }
    card.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  } else if (event.key === "Enter") { event.preventDefault(); card.querySelector("button.why")?.click(); }
  else if (event.key === "r" || event.key === "w") card.querySelector(event.key === "r" ? "button.right" : "button.wrong")?.click();
}

// ---- why

async function why(side, result, query) {
  $("why-title").textContent = `Why "${query.text}"`;
  $("why-body").replaceChildren(make("p", { class: "legend" }, "Looking …"));
  $("why").showModal();
  try {
    const reason = await post("/api/explain", { query: query.text, item: result.item, index: side.name });
    const most = Math.max(...reason.words.map((w) => Math.abs(w.weight)), 1e-9);
    const words = make("ul", { class: "words", "aria-label": "Words and their weights" });
    for (const { word, weight } of reason.words) {
      const item = make("li", {}, word, make("small", {}, `${weight < 0 ? "\u2212" : "+"}${Math.abs(weight).toFixed(3)}`));
      item.style.backgroundColor = `rgb(var(${weight < 0 ? "--cold" : "--warm"}) / ${(0.5 * Math.abs(weight) / most).toFixed(2)})`;
      words.append(item);
    }
    $("why-body").replaceChildren(
      make("img", { src: reason.picture, alt: `Where the model looks for "${query.text}"` }), words,
      make("p", { class: "legend" }, `Score ${reason.score.toFixed(3)}. Red: where it looks. A number: what the score loses without the word; below zero, the word is in the way.`),
      make("p", { class: "caption" }, result.text));
  } catch (error) {
    $("why-body").replaceChildren(make("p", { class: "empty" }, error.message));
  }
}
$("why-close").addEventListener("click", () => $("why").close());
$("why").addEventListener("click", (event) => { if (event.target === $("why")) $("why").close(); });

// ---- pictures as queries

async function take(file) {
  if (!file || !state.facts) return;
  if (!file.type.startsWith("image/")) { tell("That is no picture.", true); return; }
  const picture = file.type === "image/svg+xml" ? await rasterised(file) : file;
  if (picture.size > state.facts.limits.upload_bytes) {
    tell(`A picture may have ${(state.facts.limits.upload_bytes / 1e6).toFixed(0)} MB.`, true);
    return;
  }
  state.picture = picture;
  URL.revokeObjectURL(state.pictureUrl);
  state.pictureUrl = $("asked").src = URL.createObjectURL(picture);
  $("asked").alt = "The picture you search with";
  $("query").value = "";
  showPicture(true);
  ask();
}

function showPicture(there) {
  $("asked").hidden = $("clear").hidden = !there;
  $("query").placeholder = there ? "Searching with this picture" : "What are you looking for?";
}

function drop() {
  state.picture = null;
  showPicture(false);
}

async function rasterised(file) {  // the server reads no drawings
  const image = new Image();
  image.src = URL.createObjectURL(file);
  await image.decode();
  const canvas = make("canvas", { width: 512, height: 512 });
  const scale = 512 / Math.max(image.width || 512, image.height || 512);
  canvas.getContext("2d").drawImage(image, 0, 0, (image.width || 512) * scale, (image.height || 512) * scale);
  URL.revokeObjectURL(image.src);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

$("choose").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => { take($("file").files[0]); $("file").value = ""; });
$("clear").addEventListener("click", () => { drop(); $("query").focus(); });
$("query").addEventListener("input", () => { if ($("query").value) drop(); });
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((f) => f.type.startsWith("image/"));
  if (file) { event.preventDefault(); take(file); }
});
let depth = 0;
const carriesFile = (event) => [...event.dataTransfer.types].includes("Files");
document.addEventListener("dragenter", (event) => { if (carriesFile(event)) { depth += 1; document.body.classList.add("dropping"); } });
document.addEventListener("dragleave", () => { depth = Math.max(0, depth - 1); if (!depth) document.body.classList.remove("dropping"); });
document.addEventListener("dragover", (event) => { if (carriesFile(event)) event.preventDefault(); });
document.addEventListener("drop", (event) => {
  if (!carriesFile(event)) return;
  event.preventDefault();
  depth = 0;
  document.body.classList.remove("dropping");
  take(event.dataTransfer.files[0]);
});

// ---- the form and keys

$("ask").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
$("k").addEventListener("change", () => { if (hasQuery()) ask(); });
$("beside").addEventListener("change", () => { if (hasQuery()) ask(); });
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select, textarea") || document.querySelector("dialog[open]");
  if (event.key === "/" && !typing) { event.preventDefault(); $("query").focus(); $("query").select(); }
  if (event.key === "ArrowDown" && event.target === $("query")) { const first = document.querySelector(".card"); if (first) { event.preventDefault(); first.focus(); } }
  if (event.key === "Escape" && event.target === $("query")) drop();
});
begin().catch((error) => tell(error.message, true));
