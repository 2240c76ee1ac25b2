// @ts-check
/** Dialogs: the keys, signing in again, putting a study off. */

import { editKeys } from "./key_rows.js";
import { element, say } from "./panel.js";
import { ask, getJson } from "./requests.js";

/** @param {string} id */
const dialog = (id) => /** @type {HTMLDialogElement} */ (element(id));

export function showKeys() {
  const isOn = /** @type {HTMLInputElement} */ (element("single-keys"));
  editKeys(element("key-rows"), isOn, element("reset-keys"), (words) => say("keys-words", words));
  say("keys-words", "");
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
    // Who signs in through the hospital's provider has no password here, and does so in another tab.
    const password = /** @type {HTMLInputElement | null} */ (document.getElementById("again-password"));
    say("again-fault", "");
    dialog("sign-in-again").showModal();
    element("again-form").onsubmit = async (event) => {
      event.preventDefault();
      try {
        await (password ? openSession(password.value) : findSession());
        if (password) password.value = "";
        dialog("sign-in-again").close();
        signingIn = null;
        resolve();
      } catch (error) {
        say("again-fault", error instanceof Error ? error.message : String(error));
      }
    };
  });
  return signingIn;
}

/** @param {string} password */
async function openSession(password) {
  const login = document.body.dataset.login || "";
  await ask("POST", "/api/v1/session", { body: { login, password }, mayAskToSignIn: false });
}

/** What is decided next must be this person's: nobody else may have signed in in between. */
async function findSession() {
  const { body } = await getJson("/api/v1/session", { mayAskToSignIn: false });
  if (body.login !== document.body.dataset.login) throw new Error(`${body.login} has signed in; load the page anew`);
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
