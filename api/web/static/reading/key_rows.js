// @ts-check
/** The one table of keys as rows: to change on one's own page and in the dialog, to read in the help. */

import { ACTIONS, FIXED, keepKeySettings, keySettings, keysOf, takenBy } from "./keys.js";

const ARROWS = /** @type {Record<string, string>} */ ({ ArrowUp: "\u2191", ArrowDown: "\u2193", ArrowLeft: "\u2190", ArrowRight: "\u2192" });

/**
 * Show the keys as they are now, each in a field in which another can be pressed.
 *
 * @param {HTMLElement} rows
 * @param {HTMLInputElement} isOn the switch of single keys
 * @param {HTMLElement} reset
 * @param {(words: string) => void} [say]
 */
export function editKeys(rows, isOn, reset, say = () => {}) {
  const settings = keySettings();
  const movable = ACTIONS.map(({ name, words }) => {
    const input = document.createElement("input");
    input.value = keysOf(name).map(signOf).join(" ");
    input.size = 8;
    input.readOnly = true;
    input.setAttribute("aria-label", `Key for: ${words}`);
    input.addEventListener("keydown", (event) => {
      if (["Tab", "Escape", "Shift", "Control", "Alt", "Meta", "Enter"].includes(event.key)) return;
      event.preventDefault();
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const taken = takenBy(key, name);
      if (taken) return say(`${signOf(key)} stays the key for: ${taken}`);
      settings.moved[name] = key;
      keepKeySettings(settings);
      input.value = signOf(settings.moved[name]);
      say(`${words}: ${input.value}`);
    });
    return row(words, input);
  });
  rows.replaceChildren(...movable, ...FIXED.map(({ keys, words }) => row(words, keys)));
  isOn.checked = settings.isOn;
  isOn.onchange = () => {
    settings.isOn = isOn.checked;
    keepKeySettings(settings);
    say(isOn.checked ? "single keys act" : "single keys do nothing");
  };
  reset.onclick = () => {
    keepKeySettings({ isOn: true, moved: {} });
    editKeys(rows, isOn, reset, say);
    say("as delivered");
  };
}

/** Show the keys as they are now, to read. @param {HTMLElement} rows */
export function listKeys(rows) {
  const movable = ACTIONS.map(({ name, words }) => row(words, keysOf(name).map(caps)));
  rows.replaceChildren(...movable, ...FIXED.map(({ keys, words }) => row(words, keys)));
}

/** @param {string} words @param {string | HTMLElement | HTMLElement[]} content */
function row(words, content) {
  const tr = document.createElement("tr");
  const what = document.createElement("td");
  what.textContent = words;
  const key = document.createElement("td");
  key.append(...(Array.isArray(content) ? content : [content]));
  tr.append(what, key);
  return tr;
}

/** @param {string} key */
function caps(key) {
  const kbd = document.createElement("kbd");
  kbd.textContent = key.length === 1 ? key.toUpperCase() : signOf(key);
  return kbd;
}

/** A key as it is written on keyboards. @param {string} key */
function signOf(key) {
  return ARROWS[key] || key;
}
