// @ts-check
/** Dialogs: the keys, signing in again, putting a study off. */

import { ACTIONS, FIXED, keepKeySettings, keySettings, keysOf } from "./keys.js";
import { element, say } from "./panel.js";
import { ask, Refused } from "./requests.js";

/** @param {string} id */
const dialog = (id) => /** @type {HTMLDialogElement} */ (element(id));

export function showKeys() {
  const settings = keySettings();
  const rows = ACTIONS.map(({ name, words }) => {
    const row = document.createElement("tr");
    const input = document.createElement("input");
    input.value = keysOf(name).map(signOf).join(" ");
    input.size = 8;
    input.readOnly = true;
    input.setAttribute("aria-label", `Key for: ${words}`);
    input.addEventListener("keydown", (event) => {
      if (["Tab", "Escape", "Shift", "Control", "Alt", "Meta", "Enter"].includes(event.key)) return;
      event.preventDefault();
      settings.moved[name] = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      keepKeySettings(settings);
      input.value = signOf(settings.moved[name]);
    });
    row.append(cell(words), cell(input));
    return row;
  });
  const fixed = FIXED.map(({ keys, words }) => {
    const row = document.createElement("tr");
    row.append(cell(words), cell(keys));
    return row;
  });
  element("key-rows").replaceChildren(...rows, ...fixed);
  const isOn = /** @type {HTMLInputElement} */ (element("single-keys"));
  isOn.checked = settings.isOn;
  isOn.onchange = () => keepKeySettings({ ...settings, isOn: isOn.checked });
  element("reset-keys").onclick = () => {
    keepKeySettings({ isOn: true, moved: {} });
    showKeys();
  };
  if (!dialog("keys").open) dialog("keys").showModal();
}

/** Tell something that must not be overlooked. @param {string} text */
export function banner(text) {
  say("banner-words", text);
  element("banner").hidden = false;
}

/** @type {Promise<void> | null} */
let signingIn = null;

/** Ask for the password in place; the page and its comment stay as they are. */
export function signInAgain() {
  signingIn ||= new Promise((resolve) => {
    const password = /** @type {HTMLInputElement} */ (element("again-password"));
    say("again-fault", "");
    dialog("sign-in-again").showModal();
    element("again-form").onsubmit = async (event) => {
      event.preventDefault();
      try {
        const login = document.body.dataset.login || "";
        await ask("POST", "/api/v1/session", { body: { login, password: password.value }, mayAskToSignIn: false });
        password.value = "";
        dialog("sign-in-again").close();
        signingIn = null;
        resolve();
      } catch (error) {
        say("again-fault", error instanceof Refused ? error.message : String(error));
      }
    };
  });
  return signingIn;
}

/** Ask why a study is put off. @returns {Promise<string>} empty: it is not */
export function askReason() {
  return new Promise((resolve) => {
    const box = dialog("put-off");
    box.returnValue = "";
    box.onclose = () => resolve(box.returnValue);
    box.showModal();
  });
}

const SIGNS = /** @type {Record<string, string>} */ ({ ArrowDown: "\u2193", ArrowUp: "\u2191", ArrowLeft: "\u2190", ArrowRight: "\u2192" });

/** A key as it is written on keyboards. @param {string} key */
function signOf(key) {
  return SIGNS[key] || key;
}

/** @param {string | HTMLElement} content */
function cell(content) {
  const td = document.createElement("td");
  td.append(content);
  return td;
}
