// @ts-check
/** The reading page: worklist, picture, result and decision, put together. */

import { forgetCase, getCase, refreshed, tryPicture } from "./cases.js";
import { askReason, showKeys, signInAgain } from "./dialogs.js";
import { actionOf, isTyping } from "./keys.js";
import { follow } from "./live.js";
import { element, resultOf, say, showHistory, showIdentity, showPriors, showResult } from "./panel.js";
import { ask, onSessionEnded, Refused } from "./requests.js";
import { tell } from "./timings.js";
import { Viewer } from "./viewer.js";
import { personName, Worklist } from "./worklist.js";

/** @typedef {import("./cases.js").Case} Case */

const site = {
  minimumView: Number(document.body.dataset.minimumView),
  isBlindFirst: document.body.dataset.blindFirst === "true",
  mayReview: document.body.dataset.mayReview === "true",
  viewerLink: document.body.dataset.viewerLink || "",
};
const PREFETCHED = 3;
const LOADING_WORDS_AFTER = 200;
const LEASE_AGAIN_SECONDS = 45;
const painterName = new URLSearchParams(location.search).get("painter") || "";

const viewer = new Viewer(element("stage"), painterName);
const worklist = new Worklist(element("worklist"), /** @type {HTMLButtonElement} */ (element("news")), element("counts"));
const comment = /** @type {HTMLTextAreaElement} */ (element("comment"));
/** @type {Viewer | null} */
let priorViewer = null;
/** @type {Case | null} */
let shown = null;
let shownUid = "";
let imageNumber = 0;
let opening = 0;
/** When the reader asked for the case that is being opened. */
let askedAt = 0;
let isFirst = true;
let visibleMilliseconds = 0;
let countedAt = 0;
/** @type {"" | "PRESENT" | "ABSENT"} what the reader said before the AI result was uncovered */
let opinion = "";
/** @type {"" | "reject" | "correct" | "comment"} */
let mode = "";
/** @type {{reviewId: number, entry: any, place: number, until: number} | null} */
let lastReview = null;

onSessionEnded(signInAgain);

// ---- opening a case ----

/** @param {string} studyUid @param {number} [since] */
async function open(studyUid, since = performance.now()) {
  const turn = (opening += 1);
  askedAt = since;
  void endReading();
  setMode("");
  // Keys act on the new case, not in a field of the last one.
  if (isTyping(document.activeElement)) /** @type {HTMLElement} */ (document.activeElement).blur();
  comment.value = "";
  opinion = "";
  visibleMilliseconds = 0;
  closePrior();
  shown = null;
  shownUid = studyUid;
  worklist.setCurrent(studyUid);
  viewer.show(null);
  updateButtons();
  if (!studyUid) return showNothing();
  const slow = setTimeout(() => say("stage-words", "Loading image..."), LOADING_WORDS_AFTER);
  try {
    const found = await getCase(studyUid);
    if (turn !== opening) return;
    showCase(found);
  } catch (error) {
    if (turn === opening) say("stage-words", `Cannot be loaded: ${words(error)}`);
  } finally {
    clearTimeout(slow);
  }
  if (turn !== opening) return;
  void ask("PUT", `/api/v1/studies/${studyUid}/lease`).catch(() => {});
  prefetch();
}

/** @param {Case} found */
function showCase(found) {
  shown = found;
  imageNumber = 0;
  say("stage-words", found.picture ? "" : `Image cannot be shown: ${found.fault}`);
  viewer.show(found.picture);
  showStudy(found.study);
  say("announcement", `Patient ${personName(found.study.patient.name) || "unnamed"}, ${element("ai-words").textContent}`);
  element("link-out").hidden = !site.viewerLink;
}

/** @param {any} study */
function showStudy(study) {
  showIdentity(study);
  showResult(study, isCovered());
  showPriors(study, comparePrior);
  showHistory(study);
  const notes = shown?.picture ? shown.picture.display.notes : [];
  const count = shown && shown.images.length > 1 ? [`image ${imageNumber + 1} of ${shown.images.length}`] : [];
  say("notes", [...count, ...notes].join(" \u00b7 "));
  updateButtons();
}

function showNothing() {
  say("identity", "");
  say("panel-identity", "");
  say("ai-words", "");
  say("notes", "");
  element("score").hidden = true;
  for (const id of ["ai-statements", "priors", "history"]) element(id).replaceChildren();
  say("ai-model", "");
  say("stage-words", "No unread studies. New ones appear here by themselves.");
}

function prefetch() {
  const next = worklist.following(worklist.place(shownUid) + 1, PREFETCHED);
  for (const uid of next) getCase(uid).catch(() => {});
}

function isCovered() {
  return site.isBlindFirst && !opinion && Boolean(shown && resultOf(shown.study).finding);
}

async function endReading() {
  if (shownUid) await ask("DELETE", `/api/v1/studies/${shownUid}/lease`, { mayAskToSignIn: false }).catch(() => {});
}

setInterval(() => {
  if (shownUid && !document.hidden) void ask("PUT", `/api/v1/studies/${shownUid}/lease`).catch(() => {});
}, LEASE_AGAIN_SECONDS * 1000);

viewer.addEventListener("painted", () => {
  countedAt = performance.now();
  tell(isFirst ? "first_image" : "next_image", isFirst ? performance.now() : performance.now() - askedAt);
  isFirst = false;
});

viewer.addEventListener("changed", () => {
  const { window: shownWindow, view } = viewer;
  say("view-words", viewer.picture ? `W ${shownWindow.width.toFixed(0)} C ${shownWindow.centre.toFixed(0)}  ${Math.round(view.zoom * 100)} %  heat map ${heatWords()}` : "");
  for (const [id, isOn] of /** @type {[string, boolean][]} */ ([["tool-heat", viewer.heat.isShown], ["tool-outline", viewer.heat.isOutline], ["tool-invert", viewer.isInverted]])) {
    element(id).setAttribute("aria-pressed", String(isOn));
  }
  element("legend").hidden = !viewer.heat.isShown;
  syncPrior();
});

function heatWords() {
  if (!viewer.picture?.display.heat_map) return "none";
  if (!viewer.heat.isShown) return "off";
  return viewer.heat.isOutline ? "outline" : `${Math.round(viewer.heat.opacity * 100)} %`;
}

// ---- deciding ----

setInterval(() => {
  const now = performance.now();
  if (viewer.paintedAt && !document.hidden) visibleMilliseconds += now - Math.max(countedAt, viewer.paintedAt);
  countedAt = now;
  updateButtons();
  showUndo();
}, 100);

function isLookedAt() {
  return Boolean(viewer.paintedAt) && visibleMilliseconds >= site.minimumView;
}

function updateButtons() {
  const hasResult = Boolean(shown && resultOf(shown.study).finding);
  const isReady = site.mayReview && Boolean(shown) && isLookedAt() && !isCovered();
  /** @type {[string, boolean][]} */
  const states = [
    ["accept", isReady && hasResult],
    ["reject", isReady && hasResult],
    ["correct", isReady],
    ["unreadable", site.mayReview && Boolean(shown) && (isReady || !shown?.picture)],
  ];
  for (const [id, isOn] of states) {
    const button = /** @type {HTMLButtonElement} */ (element(id));
    if (button.disabled === isOn) button.disabled = !isOn;
  }
}

/** @param {string} id */
const isOff = (id) => /** @type {HTMLButtonElement} */ (element(id)).disabled;

/** @param {"" | "reject" | "correct" | "comment"} next */
function setMode(next) {
  mode = next;
  element("reject-form").hidden = next !== "reject";
  element("correct-form").hidden = next !== "correct";
  element("save").hidden = !(next === "reject" || next === "correct");
}

/** @param {Record<string, unknown>} decision */
async function decide(decision) {
  if (!shown) return;
  const since = performance.now();
  const decided = shown;
  const uid = decided.study.study_uid;
  const place = worklist.place(uid);
  const entry = worklist.entries[place];
  const body = {
    ...decision,
    comment: comment.value.trim(),
    image_visible_milliseconds: Math.round(visibleMilliseconds),
    ...(opinion ? { blind_presence: opinion } : {}),
  };
  const next = worklist.neighbour(uid, 1) || worklist.neighbour(uid, -1);
  worklist.remove(uid);
  void open(next === uid ? "" : next, since);
  try {
    const response = await ask("POST", `/api/v1/studies/${uid}/reviews`, { body, ifMatch: decided.etag });
    const review = await response.json();
    forgetCase(uid);
    const held = Date.parse(review.held_until) - Date.parse(review.made_at);
    lastReview = { reviewId: review.review_id, entry, place, until: Date.now() + held };
    showUndo();
  } catch (error) {
    forgetCase(uid);
    const name = personName(decided.study.patient.name) || "this study";
    banner(`Not saved for ${name}: ${words(error)}`);
    const kept = comment.value || body.comment;
    worklist.restore(entry, place);
    await open(uid);
    comment.value = kept;
  }
}

function accept() {
  if (!isOff("accept")) void decide({ verdict: "ACCEPT" });
}

function unreadable() {
  if (!isOff("unreadable")) void decide({ verdict: "UNREADABLE", reason: "IMAGE_QUALITY" });
}

function beginReject() {
  if (isOff("reject")) return;
  setMode("reject");
  comment.focus();
}

function beginCorrect() {
  if (isOff("correct")) return;
  setMode("correct");
  element("correct-form").focus();
}

function save() {
  if (mode === "reject" && !isOff("reject")) {
    const reason = /** @type {HTMLSelectElement} */ (element("reason")).value;
    if (reason === "OTHER" && !comment.value.trim()) return banner("The reason OTHER needs a comment.");
    void decide({ verdict: "REJECT", reason });
  } else if (mode === "correct" && !isOff("correct")) {
    const chosen = /** @type {HTMLInputElement | null} */ (document.querySelector("input[name=presence]:checked"));
    if (!chosen) return banner("Say what holds: 1 pneumonia, 2 none, 3 indeterminate.");
    void decide({ verdict: "CORRECT", presence: chosen.value, reason: "READING_DIFFERS" });
  }
}

async function undo() {
  if (!lastReview || Date.now() >= lastReview.until) return;
  const { reviewId, entry, place } = lastReview;
  lastReview = null;
  try {
    await ask("DELETE", `/api/v1/reviews/${reviewId}`);
    worklist.restore(entry, place);
    forgetCase(entry.study.study_uid);
    await open(entry.study.study_uid);
    say("saved", "undone");
  } catch (error) {
    banner(`Not undone: ${words(error)}`);
  }
}

function showUndo() {
  const left = lastReview ? Math.ceil((lastReview.until - Date.now()) / 1000) : 0;
  element("undo").hidden = left <= 0;
  if (left > 0) say("saved", `saved \u00b7 undo ${left} s`);
  else if (element("saved").textContent?.startsWith("saved \u00b7")) say("saved", "saved");
}

async function skip() {
  if (!shown) return;
  const uid = shown.study.study_uid;
  const reason = await askReason();
  if (!reason || shownUid !== uid) return;
  try {
    await ask("PUT", `/api/v1/studies/${uid}/deferral`, { body: { reason } });
    const place = worklist.place(uid);
    const [entry] = worklist.entries.splice(place, 1);
    worklist.entries.push({ ...entry, band: "DEFERRED", deferred_reason: reason });
    void open(worklist.entries[Math.min(place, worklist.entries.length - 1)].study.study_uid);
  } catch (error) {
    banner(`Not put off: ${words(error)}`);
  }
}

/** @param {"PRESENT" | "ABSENT"} said */
function giveOpinion(said) {
  if (!isCovered() || !isLookedAt() || !shown) return;
  opinion = said;
  showStudy(shown.study);
}

// ---- the picture ----

async function nextImage() {
  if (!shown || shown.images.length < 2) return;
  imageNumber = (imageNumber + 1) % shown.images.length;
  const turn = opening;
  const { picture, fault } = await tryPicture(shown.images[imageNumber]);
  if (turn !== opening || !shown) return;
  shown = { ...shown, picture, fault };
  viewer.show(picture);
  say("stage-words", picture ? "" : `Image cannot be shown: ${fault}`);
  showStudy(shown.study);
}

/** @param {string} studyUid */
async function comparePrior(studyUid) {
  closePrior();
  const holder = element("prior-stage");
  holder.hidden = false;
  priorViewer = new Viewer(holder, painterName);
  const turn = opening;
  try {
    const prior = await getCase(studyUid);
    if (turn !== opening || !priorViewer) return;
    priorViewer.show(prior.picture);
    say("prior-words", prior.picture ? `Prior ${prior.study.study_date}` : `Prior cannot be shown: ${prior.fault}`);
    syncPrior();
  } catch (error) {
    say("prior-words", `Prior cannot be loaded: ${words(error)}`);
  }
}

function closePrior() {
  const holder = element("prior-stage");
  holder.querySelectorAll("canvas").forEach((canvas) => canvas.remove());
  holder.hidden = true;
  priorViewer = null;
}

/** The prior follows in place and zoom, relative to its own size. */
function syncPrior() {
  if (!priorViewer?.picture || !viewer.picture) return;
  const scale = viewer.image.width / priorViewer.image.width;
  priorViewer.setView({ zoom: viewer.view.zoom * scale, x: viewer.view.x / scale, y: (viewer.view.y / viewer.image.height) * priorViewer.image.height });
}

function togglePrior() {
  if (priorViewer) closePrior();
  else if (shown?.study.priors.length) void comparePrior(shown.study.priors[0].study.study_uid);
}

function openElsewhere() {
  if (shown && site.viewerLink) window.open(site.viewerLink.replace("{study_uid}", shown.study.study_uid), "_blank", "noopener");
}

// ---- keys and buttons ----

/** @param {number} step */
function go(step) {
  const next = worklist.neighbour(shownUid, step);
  if (next && next !== shownUid) void open(next);
}

/** @type {Record<string, () => void>} */
const deeds = {
  accept,
  unreadable,
  reject: beginReject,
  correct: beginCorrect,
  comment: () => comment.focus(),
  undo: () => void undo(),
  next: () => go(1),
  previous: () => go(-1),
  skip: () => void skip(),
  heat: () => void viewer.setHeat({ isShown: !viewer.heat.isShown }),
  outline: () => void viewer.setHeat({ isShown: true, isOutline: !viewer.heat.isOutline }),
  fainter: () => void viewer.setHeat({ opacity: Math.max(viewer.heat.opacity - 0.1, 0.1) }),
  stronger: () => void viewer.setHeat({ opacity: Math.min(viewer.heat.opacity + 0.1, 1) }),
  invert: () => viewer.invert(),
  fit: () => viewer.fit(),
  actual: () => viewer.actualSize(),
  closer: () => viewer.zoom(1.25),
  further: () => viewer.zoom(0.8),
  preset: () => viewer.nextPreset(),
  length: () => (viewer.tool = "length"),
  box: () => (viewer.tool = "box"),
  prior: togglePrior,
  image: () => void nextImage(),
  opinionPresent: () => giveOpinion("PRESENT"),
  opinionAbsent: () => giveOpinion("ABSENT"),
  open: openElsewhere,
  help: showKeys,
};

document.querySelectorAll("[data-action]").forEach((button) => {
  button.addEventListener("click", () => deeds[/** @type {HTMLElement} */ (button).dataset.action || ""]?.());
});
element("save").addEventListener("click", save);
element("undo").addEventListener("click", () => void undo());
element("banner-close").addEventListener("click", () => (element("banner").hidden = true));
element("renew").addEventListener("click", () => {
  element("changed-under").hidden = true;
  forgetCase(shownUid);
  void open(shownUid);
});

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    return save();
  }
  if (event.key === "Escape") {
    if (isTyping(event.target)) /** @type {HTMLElement} */ (event.target).blur();
    else setMode("");
    return;
  }
  if (isTyping(event.target)) return;
  if (event.shiftKey && event.key.startsWith("Arrow")) {
    event.preventDefault();
    const step = /** @type {Record<string, [number, number]>} */ ({ ArrowUp: [0.02, 0], ArrowDown: [-0.02, 0], ArrowLeft: [0, -0.05], ArrowRight: [0, 0.05] })[event.key];
    if (step) viewer.changeWindow(...step);
    return;
  }
  if (event.key === " " && !event.repeat && !(event.target instanceof HTMLButtonElement)) {
    event.preventDefault();
    peeked = viewer.heat.isShown;
    void viewer.setHeat({ isShown: true });
    return;
  }
  if (mode === "correct" && ["1", "2", "3"].includes(event.key)) {
    /** @type {HTMLInputElement[]} */ (Array.from(document.querySelectorAll("input[name=presence]")))[Number(event.key) - 1].checked = true;
    return;
  }
  const action = actionOf(event);
  if (!action) return;
  event.preventDefault();
  deeds[action]?.();
});

/** Whether the heat map was on before the reader peeked; null while nobody peeks. */
/** @type {boolean | null} */
let peeked = null;
document.addEventListener("keyup", (event) => {
  if (event.key !== " " || peeked === null) return;
  void viewer.setHeat({ isShown: peeked });
  peeked = null;
});

const dim = /** @type {HTMLInputElement} */ (element("dim"));
dim.value = localStorage.getItem("hilum.dim") || "100";
const applyDim = () => {
  document.body.style.setProperty("--brightness", `${dim.value}%`);
  localStorage.setItem("hilum.dim", dim.value);
};
dim.addEventListener("input", applyDim);
applyDim();

const opacity = /** @type {HTMLInputElement} */ (element("opacity"));
opacity.addEventListener("input", () => void viewer.setHeat({ opacity: Number(opacity.value) / 100 }));

// ---- the list, alive ----

worklist.addEventListener("chosen", (event) => void open(/** @type {CustomEvent} */ (event).detail));
worklist.addEventListener("renewed", () => {
  if (!shownUid && worklist.entries.length) void open(worklist.entries[0].study.study_uid);
});

let looking = 0;
/** @param {string | null} studyUid */
function onChange(studyUid) {
  if (studyUid && studyUid !== shownUid) forgetCase(studyUid);
  if (!studyUid || studyUid === shownUid) void lookAtShown();
  // Many changes at once are one look.
  clearTimeout(looking);
  looking = setTimeout(() => void look(), 150);
}

async function look() {
  try {
    const wasEmpty = !worklist.entries.length;
    await worklist.look();
    if (wasEmpty && !shownUid && worklist.entries.length) await open(worklist.entries[0].study.study_uid);
    if (!worklist.entries.length && !shownUid) showNothing();
    say("list-age", "");
  } catch (error) {
    say("list-age", `list not renewed: ${words(error)}`);
  }
}

/** The case on the screen never changes by itself: what changed is told, and shown when asked for. */
async function lookAtShown() {
  const before = shown;
  if (!before) return;
  const now = await refreshed(before).catch(() => null);
  if (!now || shown !== before) return;
  if (now.study.revision === before.study.revision) {
    showHistory(now.study);
    return;
  }
  forgetCase(before.study.study_uid);
  const review = now.study.reviews.find((/** @type {any} */ one) => one.is_current);
  say("changed-words", review && !review.is_mine ? `${personName(review.reviewer)} has decided: ${review.verdict.toLowerCase()}` : "A further image or result arrived.");
  element("changed-under").hidden = false;
}

/** @param {string} text */
function banner(text) {
  say("banner-words", text);
  element("banner").hidden = false;
}

/** @param {unknown} error */
function words(error) {
  if (error instanceof Refused && error.status === 0) return "the server does not answer";
  return error instanceof Error ? error.message : String(error);
}

window.addEventListener("pagehide", () => {
  if (shownUid) void fetch(`/api/v1/studies/${shownUid}/lease`, { method: "DELETE", keepalive: true, credentials: "same-origin" });
});

await look();
follow(onChange, (isLive) => (element("not-live").hidden = isLive));
document.documentElement.dataset.ready = "true";

export { viewer };
