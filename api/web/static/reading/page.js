// @ts-check
/** The reading page: worklist, picture, result and decision, put together. */

import { forgetCase } from "./cases.js";
import { Comparison } from "./comparing.js";
import { Decisions } from "./deciding.js";
import { Desk } from "./desk.js";
import { showKeys, signInAgain } from "./dialogs.js";
import { actionOf, isTyping } from "./keys.js";
import { follow } from "./live.js";
import { element, say } from "./panel.js";
import { onSessionEnded, wordsOf } from "./requests.js";
import { site } from "./site.js";
import { Viewer } from "./viewer.js";
import { Worklist } from "./worklist.js";

const MANY_CHANGES_ARE_ONE_LOOK_MILLISECONDS = 150;
/** @type {Record<string, [number, number]>} centre, width: fractions of the window */
const WINDOW_STEP = { ArrowUp: [0.02, 0], ArrowDown: [-0.02, 0], ArrowLeft: [0, -0.05], ArrowRight: [0, 0.05] };
/** @type {Record<string, [number, number]>} right, down */
const PAN_STEP = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [1, 0], ArrowRight: [-1, 0] };
const PAN_FRACTION = 0.1;

const viewer = new Viewer(element("stage"), site.painter);
const worklist = new Worklist(element("worklist"), /** @type {HTMLButtonElement} */ (element("news")), element("counts"));
const desk = new Desk(viewer, worklist);
const decisions = new Decisions(desk);
const comparison = new Comparison(desk);

onSessionEnded(signInAgain);

// ---- the picture ----

const opacity = /** @type {HTMLInputElement} */ (element("opacity"));

viewer.addEventListener("changed", () => {
  const { window: shownWindow, view, heat } = viewer;
  const numbers = [`W ${shownWindow.width.toFixed(0)} C ${shownWindow.centre.toFixed(0)}`, `${Math.round(view.zoom * 100)} %`, `heat map ${heatWords()}`];
  say("view-words", viewer.picture ? numbers.join(" \u00b7 ") : "");
  /** @type {[string, boolean][]} */
  const pressed = [["tool-heat", heat.isShown], ["tool-outline", heat.isShown && heat.isOutline], ["tool-invert", viewer.isInverted], ["tool-length", viewer.tool === "length"], ["tool-box", viewer.tool === "box"]];
  for (const [id, isOn] of pressed) element(id).setAttribute("aria-pressed", String(isOn));
  element("legend").hidden = !heat.isShown;
  opacity.value = String(Math.round(heat.opacity * 100));
});

function heatWords() {
  if (desk.isCovered()) return "covered";
  if (!viewer.picture?.display.heat_map) return "none";
  if (!viewer.heat.isShown) return "off";
  return viewer.heat.isOutline ? "outline" : `${Math.round(viewer.heat.opacity * 100)} %`;
}

/** The heat map is part of the AI result: covered as long as that is. @param {Partial<import("./viewer.js").Heat>} changes */
function setHeat(changes) {
  if (!desk.isCovered()) void viewer.setHeat(changes);
}

/** @param {number} right @param {number} down fractions of the stage by which the image moves */
function pan(right, down) {
  viewer.pan(right * PAN_FRACTION * viewer.screen.width, down * PAN_FRACTION * viewer.screen.height);
}

function openElsewhere() {
  const { shown } = desk;
  if (shown && site.viewerLink) window.open(site.viewerLink.replace("{study_uid}", shown.study.study_uid), "_blank", "noopener");
}

// ---- keys and buttons ----

/** @type {Record<string, () => void>} */
const deeds = {
  accept: () => decisions.accept(),
  unreadable: () => decisions.unreadable(),
  reject: () => decisions.beginReject(),
  correct: () => decisions.beginCorrect(),
  comment: () => element("comment").focus(),
  undo: () => void decisions.undo(),
  next: () => desk.go(1),
  previous: () => desk.go(-1),
  skip: () => void decisions.skip(),
  heat: () => setHeat({ isShown: !viewer.heat.isShown }),
  outline: () => setHeat({ isShown: true, isOutline: !viewer.heat.isOutline }),
  fainter: () => setHeat({ opacity: Math.max(viewer.heat.opacity - 0.1, 0.1) }),
  stronger: () => setHeat({ opacity: Math.min(viewer.heat.opacity + 0.1, 1) }),
  invert: () => viewer.invert(),
  fit: () => viewer.fit(),
  actual: () => viewer.actualSize(),
  closer: () => viewer.zoom(1.25),
  further: () => viewer.zoom(0.8),
  left: () => pan(...PAN_STEP.ArrowLeft),
  right: () => pan(...PAN_STEP.ArrowRight),
  up: () => pan(...PAN_STEP.ArrowUp),
  down: () => pan(...PAN_STEP.ArrowDown),
  brighter: () => viewer.changeWindow(...WINDOW_STEP.ArrowDown),
  darker: () => viewer.changeWindow(...WINDOW_STEP.ArrowUp),
  wider: () => viewer.changeWindow(...WINDOW_STEP.ArrowRight),
  narrower: () => viewer.changeWindow(...WINDOW_STEP.ArrowLeft),
  preset: () => viewer.nextPreset(),
  length: () => viewer.setTool("length"),
  box: () => viewer.setTool("box"),
  prior: () => comparison.toggle(),
  image: () => void desk.nextImage(),
  opinionPresent: () => desk.giveOpinion("PRESENT"),
  opinionAbsent: () => desk.giveOpinion("ABSENT"),
  renew: () => desk.showChanges(),
  news: () => worklist.takeNews(),
  open: openElsewhere,
  help: showKeys,
};

document.querySelectorAll("[data-action]").forEach((button) => {
  button.addEventListener("click", () => deeds[/** @type {HTMLElement} */ (button).dataset.action || ""]?.());
});
element("banner-close").addEventListener("click", () => (element("banner").hidden = true));

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (onFixedKey(event)) return;
  const action = isTyping(event.target) || actsItself(event) ? "" : actionOf(event);
  if (!action) return;
  event.preventDefault();
  deeds[action]?.();
});

/** Keys that cannot be moved. @param {KeyboardEvent} event @returns {boolean} whether it was one */
function onFixedKey(event) {
  const isControlled = event.ctrlKey || event.metaKey;
  if (event.key === "Escape") leave(event.target);
  else if (event.key === "Enter" && isControlled) decisions.save();
  else if (isTyping(event.target)) return false;
  else if (event.key in PAN_STEP && isControlled) pan(...PAN_STEP[event.key]);
  else if (event.key in WINDOW_STEP && event.shiftKey) viewer.changeWindow(...WINDOW_STEP[event.key]);
  else if (actsItself(event)) return false;
  else if (event.key === " ") peek(event.repeat);
  else if (!["1", "2", "3"].includes(event.key) || !decisions.choose(Number(event.key))) return false;
  event.preventDefault();
  return true;
}

const PRESSED = "button, summary, a[href], input[type=checkbox], input[type=radio]";
const SLID = new Set(["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown"]);

/** Whether the browser itself does something with this key where the focus is: press it, or slide it. @param {KeyboardEvent} event */
function actsItself({ key, target, shiftKey, ctrlKey }) {
  if (!(target instanceof Element)) return false;
  if (target.matches("input[type=range], input[type=radio]") && SLID.has(key)) return !shiftKey && !ctrlKey;
  return (key === " " || key === "Enter") && target.matches(PRESSED);
}

/** @param {EventTarget | null} target */
function leave(target) {
  if (isTyping(target)) /** @type {HTMLElement} */ (target).blur();
  else {
    decisions.setMode("");
    viewer.setTool("window");
    viewer.measure = null;
  }
}

/** Whether the heat map was on before the reader peeked; null while nobody peeks. */
/** @type {boolean | null} */
let peeked = null;

/** @param {boolean} isRepeat */
function peek(isRepeat) {
  if (isRepeat || peeked !== null) return;
  peeked = viewer.heat.isShown;
  setHeat({ isShown: true });
}

document.addEventListener("keyup", (event) => {
  if (event.key !== " " || peeked === null) return;
  setHeat({ isShown: peeked });
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

opacity.addEventListener("input", () => setHeat({ opacity: Number(opacity.value) / 100 }));

// ---- the list, alive ----

worklist.addEventListener("chosen", (event) => void desk.open(/** @type {CustomEvent} */ (event).detail));
worklist.addEventListener("renewed", openFirst);

function openFirst() {
  if (!desk.shownUid && worklist.entries.length) void desk.open(worklist.entries[0].study.study_uid);
}

let looking = 0;
/** @param {string | null} studyUid null: anything may have changed */
function onChange(studyUid) {
  if (studyUid && studyUid !== desk.shownUid) forgetCase(studyUid);
  if (!studyUid || studyUid === desk.shownUid) void desk.lookAgain();
  clearTimeout(looking);
  looking = setTimeout(() => void look(), MANY_CHANGES_ARE_ONE_LOOK_MILLISECONDS);
}

async function look() {
  try {
    await worklist.look();
    say("list-age", "");
    if (worklist.entries.length) openFirst();
    else if (!desk.shownUid) desk.showNothing();
  } catch (error) {
    say("list-age", `list not renewed since ${worklist.lookedAt}: ${wordsOf(error)}`);
  }
}

await look();
follow(onChange, (isLive) => (element("not-live").hidden = isLive));
document.documentElement.dataset.ready = "true";

export { viewer };
