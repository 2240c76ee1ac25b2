// @ts-check
/** Accept, reject, correct, undo, put off: what the reader decides, and how it is kept. */

import { forgetCase } from "./cases.js";
import { askReason, banner } from "./dialogs.js";
import { Effort } from "./effort.js";
import { element, meaningOf, resultOf, say } from "./panel.js";
import { ask, wordsOf } from "./requests.js";
import { site } from "./site.js";
import { personName } from "./worklist.js";

/** @typedef {"" | "reject" | "correct"} Mode */

const BUTTONS = ["accept", "reject", "correct", "unreadable"];
const comment = /** @type {HTMLTextAreaElement} */ (element("comment"));

export class Decisions {
  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk;
    this.effort = new Effort(desk, comment);
    /** @type {Mode} */
    this.mode = "";
    /** @type {{reviewId: number, entry: any, place: number, until: number} | null} */
    this.last = null;
    desk.addEventListener("cleared", () => {
      comment.value = "";
      this.setMode("");
      this.updateButtons();
    });
    desk.addEventListener("shown", () => {
      this.showMeanings();
      this.updateButtons();
    });
    desk.addEventListener("counted", () => {
      this.updateButtons();
      this.showUndo();
    });
    element("save").addEventListener("click", () => this.save());
    element("undo").addEventListener("click", () => void this.undo());
  }

  /** Nothing can be decided before the image was seen for long enough. */
  updateButtons() {
    const { desk } = this;
    const hasResult = Boolean(desk.shown && resultOf(desk.shown.study).finding);
    const isReady = site.mayReview && Boolean(desk.shown) && desk.isLookedAt() && !desk.isCovered();
    const isUnseen = site.mayReview && Boolean(desk.shown) && !desk.shown?.picture;
    const states = [isReady && hasResult, isReady && hasResult, isReady, isReady || isUnseen];
    BUTTONS.forEach((id, index) => {
      const button = /** @type {HTMLButtonElement} */ (element(id));
      if (button.disabled === states[index]) button.disabled = !states[index];
    });
  }

  /** Say beside the buttons what accepting and rejecting state, unless the result is covered. */
  showMeanings() {
    const finding = this.desk.shown && !this.desk.isCovered() ? resultOf(this.desk.shown.study).finding : null;
    const { accepted, rejected } = meaningOf(finding);
    say("accept-means", accepted);
    say("reject-means", rejected);
  }

  /** @param {string} id */
  isOff(id) {
    return /** @type {HTMLButtonElement} */ (element(id)).disabled;
  }

  /** @param {Mode} next */
  setMode(next) {
    this.mode = next;
    element("reject-form").hidden = next !== "reject";
    element("correct-form").hidden = next !== "correct";
    element("save").hidden = !next;
  }

  accept() {
    if (!this.isOff("accept")) void this.decide({ verdict: "ACCEPT" });
  }

  unreadable() {
    if (!this.isOff("unreadable")) void this.decide({ verdict: "UNREADABLE", reason: "IMAGE_QUALITY" });
  }

  beginReject() {
    if (this.isOff("reject")) return;
    this.setMode("reject");
    comment.focus();
  }

  beginCorrect() {
    if (this.isOff("correct")) return;
    this.setMode("correct");
    element("correct-form").focus();
  }

  /** Choose what holds by its number. @param {number} number from 1 @returns {boolean} */
  choose(number) {
    const choices = /** @type {HTMLInputElement[]} */ (Array.from(document.querySelectorAll("input[name=presence]")));
    if (this.mode !== "correct" || !choices[number - 1]) return false;
    choices[number - 1].checked = true;
    return true;
  }

  save() {
    if (this.mode === "reject" && !this.isOff("reject")) {
      const reason = /** @type {HTMLSelectElement} */ (element("reason")).value;
      if (reason === "OTHER" && !comment.value.trim()) return banner("The reason OTHER needs a comment.");
      void this.decide({ verdict: "REJECT", reason });
    } else if (this.mode === "correct" && !this.isOff("correct")) {
      const chosen = /** @type {HTMLInputElement | null} */ (document.querySelector("input[name=presence]:checked"));
      if (!chosen) return banner("Say what holds: 1 pneumonia, 2 none, 3 indeterminate.");
      void this.decide({ verdict: "CORRECT", presence: chosen.value, reason: "READING_DIFFERS" });
    }
  }

  /** Show the next case at once, and this one again if it could not be kept. @param {Record<string, unknown>} decision */
  async decide(decision) {
    const { desk } = this;
    const { worklist } = desk;
    const decided = desk.shown;
    if (!decided) return;
    const since = performance.now();
    const uid = decided.study.study_uid;
    const place = worklist.place(uid);
    const entry = worklist.entries[place];
    const body = {
      ...decision,
      comment: comment.value.trim(),
      image_visible_milliseconds: Math.round(desk.visibleMilliseconds),
      ...this.effort.told(),
      ...(desk.opinion ? { blind_presence: desk.opinion } : {}),
    };
    const next = worklist.neighbour(uid, 1) || worklist.neighbour(uid, -1);
    worklist.remove(uid);
    const opened = desk.open(next === uid ? "" : next, since);
    try {
      const response = await ask("POST", `/api/v1/studies/${uid}/reviews`, { body, ifMatch: decided.etag });
      const review = await response.json();
      forgetCase(uid);
      const held = Date.parse(review.held_until) - Date.parse(review.made_at);
      this.last = { reviewId: review.review_id, entry, place, until: Date.now() + held };
      this.showUndo();
      await opened;
    } catch (error) {
      await this.giveBack(decided.study, entry, place, body.comment, error);
    }
  }

  /**
   * @param {any} study @param {any} entry @param {number} place @param {string} words
   * @param {unknown} error
   */
  async giveBack(study, entry, place, words, error) {
    forgetCase(study.study_uid);
    banner(`Not saved for ${personName(study.patient.name) || "this study"}: ${wordsOf(error)}`);
    this.desk.worklist.restore(entry, place);
    await this.desk.open(study.study_uid);
    comment.value = words;
  }

  async undo() {
    if (!this.last || Date.now() >= this.last.until) return;
    const { reviewId, entry, place } = this.last;
    this.last = null;
    try {
      await ask("DELETE", `/api/v1/reviews/${reviewId}`);
      this.desk.worklist.restore(entry, place);
      forgetCase(entry.study.study_uid);
      await this.desk.open(entry.study.study_uid);
      say("saved", "undone");
    } catch (error) {
      banner(`Not undone: ${wordsOf(error)}`);
    }
  }

  showUndo() {
    const left = this.last ? Math.ceil((this.last.until - Date.now()) / 1000) : 0;
    element("undo").hidden = left <= 0;
    if (left > 0) say("saved", `saved \u00b7 undo ${left} s`);
    else if (element("saved").textContent?.startsWith("saved \u00b7")) say("saved", "saved");
  }

  async skip() {
    const { desk } = this;
    if (!desk.shown) return;
    const uid = desk.shown.study.study_uid;
    const reason = await askReason();
    if (!reason || desk.shownUid !== uid) return;
    try {
      await ask("PUT", `/api/v1/studies/${uid}/deferral`, { body: { reason } });
      void desk.open(desk.worklist.putOff(uid, reason));
    } catch (error) {
      banner(`Not put off: ${wordsOf(error)}`);
    }
  }
}
