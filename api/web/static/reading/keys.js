// @ts-check
/** Keys and what they do; each can be moved, and single keys can be switched off (WCAG 2.1.4). */

/**
 * @typedef {{name: string, keys: string[], words: string}} Action
 */

/** @type {Action[]} */
export const ACTIONS = [
  { name: "accept", keys: ["a"], words: "Accept, next" },
  { name: "reject", keys: ["r"], words: "Reject" },
  { name: "correct", keys: ["c"], words: "Correct" },
  { name: "unreadable", keys: ["x"], words: "Unreadable, next" },
  { name: "comment", keys: ["m"], words: "Comment" },
  { name: "undo", keys: ["u"], words: "Undo" },
  { name: "next", keys: ["j", "ArrowDown"], words: "Next case" },
  { name: "previous", keys: ["k", "ArrowUp"], words: "Previous case" },
  { name: "skip", keys: ["s"], words: "Skip for later" },
  { name: "heat", keys: ["h"], words: "Heat map on or off" },
  { name: "outline", keys: ["o"], words: "Heat map as outline" },
  { name: "fainter", keys: ["["], words: "Heat map fainter" },
  { name: "stronger", keys: ["]"], words: "Heat map stronger" },
  { name: "invert", keys: ["i"], words: "Invert" },
  { name: "fit", keys: ["f"], words: "Fit to the screen" },
  { name: "actual", keys: ["z"], words: "One to one" },
  { name: "closer", keys: ["+", "="], words: "Zoom in" },
  { name: "further", keys: ["-"], words: "Zoom out" },
  { name: "preset", keys: ["w"], words: "Next window preset" },
  { name: "length", keys: ["l"], words: "Measure a length: two clicks, or drag" },
  { name: "box", keys: ["b"], words: "Measure a box: two clicks, or drag" },
  { name: "prior", keys: ["v"], words: "Prior side by side" },
  { name: "image", keys: ["."], words: "Next image of the study" },
  { name: "opinionPresent", keys: ["p"], words: "Own opinion: pneumonia (blind first)" },
  { name: "opinionAbsent", keys: ["n"], words: "Own opinion: none (blind first)" },
  { name: "renew", keys: ["e"], words: "Show what changed in the open case" },
  { name: "news", keys: ["t"], words: "Take what arrived into the list" },
  { name: "open", keys: ["g"], words: "Open in the other viewer" },
  { name: "help", keys: ["?"], words: "Keys" },
];

// Not movable: with Shift they cannot be typed by mistake, and the space bar peeks while held.
/** @type {{keys: string, words: string, holds?: string[]}[]} */
export const FIXED = [
  { keys: "Shift + arrows", words: "Window width and centre" },
  { keys: "Ctrl + arrows", words: "Move the image" },
  { keys: "Space, held", words: "Peek at the heat map", holds: [" "] },
  { keys: "Ctrl + Enter", words: "Save a rejection, a correction, a comment" },
  { keys: "1, 2, 3", words: "Correct to pneumonia, none, indeterminate", holds: ["1", "2", "3"] },
  { keys: "Escape", words: "Leave a field" },
];

// Of each person their own, also where several use one browser.
const STORE = `hilum.keys.${document.body.dataset.login || ""}`;

/** @returns {{isOn: boolean, moved: Record<string, string>}} */
export function keySettings() {
  try {
    const stored = JSON.parse(localStorage.getItem(STORE) || "{}");
    return { isOn: stored.isOn !== false, moved: stored.moved || {} };
  } catch {
    return { isOn: true, moved: {} };
  }
}

/** @param {{isOn: boolean, moved: Record<string, string>}} settings */
export function keepKeySettings(settings) {
  localStorage.setItem(STORE, JSON.stringify(settings));
}

/** @param {string} name @returns {string[]} */
export function keysOf(name) {
  const moved = keySettings().moved[name];
  return moved ? [moved] : ACTIONS.find((action) => action.name === name)?.keys || [];
}

/**
 * What a key does already, for anything but this action: one key must not mean two things, least
 * of all a decision. Empty where it is free.
 *
 * @param {string} key @param {string} name @returns {string}
 */
export function takenBy(key, name) {
  const others = ACTIONS.filter((action) => action.name !== name).map((action) => ({ words: action.words, holds: keysOf(action.name) }));
  return [...FIXED, ...others].find(({ holds }) => holds?.includes(key))?.words || "";
}

/**
 * The action of a key press, or an empty name: in fields, with other keys held, and when single
 * keys are off, a key is only a key.
 *
 * @param {KeyboardEvent} event
 */
export function actionOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return "";
  const settings = keySettings();
  if (!settings.isOn) return "";
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const moved = Object.entries(settings.moved).find(([, one]) => one === key);
  if (moved) return moved[0];
  const action = ACTIONS.find(({ name, keys }) => !settings.moved[name] && keys.includes(key));
  return action ? action.name : "";
}

/** @param {EventTarget | null} target */
export function isTyping(target) {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches("input:not([type=range], [type=checkbox], [type=radio]), textarea, select"))
  );
}
