// @ts-check
/** The case on the desk: opened, looked at for so long, its image shown; nothing is decided here. */

import { forgetCase, getCase, refreshed, tryPicture } from "./cases.js";
import { isTyping } from "./keys.js";
import { element, isPending, pendingWords, resultOf, say, showHistory, showIdentity, showPriors, showResult } from "./panel.js";
import { ask, getJson, wordsOf } from "./requests.js";
import { site } from "./site.js";
import { tell } from "./timings.js";
import { personName } from "./worklist.js";

/** @typedef {import("./cases.js").Case} Case */

const PREFETCHED = 3;
const LOADING_WORDS_AFTER_MILLISECONDS = 200;
const LEASE_AGAIN_SECONDS = 45;
const COUNT_EVERY_MILLISECONDS = 100;
const LOST_WORDS = "The image is lost: this machine stopped painting it. Nothing can be decided until it is shown again.";
const GONE_WORDS = "The image cannot be shown: this browser paints no more. Load the page anew.";

export class Desk extends EventTarget {
  /**
   * @param {import("./viewer.js").Viewer} viewer
   * @param {import("./worklist.js").Worklist} worklist
   */
  constructor(viewer, worklist) {
    super();
    this.viewer = viewer;
    this.worklist = worklist;
    /** @type {Case | null} */
    this.shown = null;
    this.shownUid = "";
    this.imageNumber = 0;
    /** Grows with every case: what comes late for an earlier one is dropped. */
    this.turn = 0;
    /** When the reader asked for the case that is being opened. */
    this.askedAt = 0;
    this.isFirst = true;
    this.visibleMilliseconds = 0;
    this.countedAt = 0;
    /** @type {"" | "PRESENT" | "ABSENT"} what the reader said before the AI result was uncovered */
    this.opinion = "";
    viewer.addEventListener("painted", () => this.measure());
    viewer.addEventListener("lost", () => this.sayUnseen(LOST_WORDS));
    viewer.addEventListener("gone", () => this.sayUnseen(GONE_WORDS));
    viewer.addEventListener("regained", () => say("stage-words", ""));
    setInterval(() => this.count(), COUNT_EVERY_MILLISECONDS);
    setInterval(() => this.keepLease(), LEASE_AGAIN_SECONDS * 1000);
    window.addEventListener("pagehide", () => this.endReading());
  }

  /** @param {string} studyUid empty: no case @param {number} [since] */
  async open(studyUid, since = performance.now()) {
    const turn = this.clear(since);
    this.shownUid = studyUid;
    this.worklist.setCurrent(studyUid);
    this.dispatchEvent(new Event("cleared"));
    if (!studyUid) return this.showNothing();
    const slow = setTimeout(() => say("stage-words", "Loading image..."), LOADING_WORDS_AFTER_MILLISECONDS);
    try {
      const found = await getCase(studyUid);
      if (turn !== this.turn) return;
      this.showCase(found);
    } catch (error) {
      if (turn === this.turn) say("stage-words", `Cannot be loaded: ${wordsOf(error)}`);
    } finally {
      clearTimeout(slow);
    }
    if (turn !== this.turn) return;
    this.keepLease();
    // The next images wait until this one is on the screen.
    if (!this.shown?.picture || this.viewer.paintedAt) this.prefetch();
  }

  /** @param {number} since @returns {number} the new turn */
  clear(since) {
    this.turn += 1;
    this.askedAt = since;
    this.endReading();
    // Keys act on the new case, not in a field of the last one.
    if (isTyping(document.activeElement)) /** @type {HTMLElement} */ (document.activeElement).blur();
    this.opinion = "";
    this.visibleMilliseconds = 0;
    this.shown = null;
    element("changed-under").hidden = true;
    this.viewer.show(null);
    return this.turn;
  }

  /** @param {Case} found */
  showCase(found) {
    this.shown = found;
    this.imageNumber = 0;
    this.showPicture();
    this.showStudy();
    const patient = personName(found.study.patient.name) || "unnamed";
    say("announcement", `Patient ${patient}, ${element("ai-words").textContent}`);
    element("link-out").hidden = !site.viewerLink;
  }

  showPicture() {
    if (!this.shown) return;
    const { picture, fault } = this.shown;
    say("stage-words", picture ? "" : `Image cannot be shown: ${fault}`);
    this.viewer.show(picture);
    if (this.viewer.isLost) this.sayUnseen(LOST_WORDS);
  }

  /** Say why nothing is to be seen, and let nothing be decided meanwhile. @param {string} words */
  sayUnseen(words) {
    if (this.viewer.picture) say("stage-words", words);
    this.count();
  }

  showStudy() {
    if (!this.shown) return;
    const { study, images, picture } = this.shown;
    this.viewer.isHeatCovered = this.isCovered();
    this.viewer.requestPaint();
    showIdentity(study);
    showResult(study, this.isCovered(), images[this.imageNumber]);
    showPriors(study, (uid) => this.dispatchEvent(new CustomEvent("compare", { detail: uid })));
    showHistory(study);
    element("tool-image").hidden = images.length < 2;
    const count = images.length > 1 ? [`image ${this.imageNumber + 1} of ${images.length}`] : [];
    say("notes", [...count, ...(picture ? picture.display.notes : [])].join(" \u00b7 "));
    this.dispatchEvent(new Event("shown"));
  }

  showNothing() {
    for (const id of ["identity", "panel-identity", "ai-words", "ai-numbers", "ai-model", "notes", "readers"]) say(id, "");
    for (const id of ["ai-statements", "priors", "history"]) element(id).replaceChildren();
    element("result").classList.remove("positive");
    element("score").hidden = true;
    void this.tellLastArrival();
  }

  /** Say when the last radiograph came: is nothing unread, or does nothing arrive? */
  async tellLastArrival() {
    const nothing = "No unread studies. New ones appear here by themselves.";
    if (!element("stage-words").textContent?.startsWith(nothing)) say("stage-words", nothing);
    const found = await getJson("/api/v1/studies?limit=1").catch(() => null);
    const [newest] = found ? found.body.studies : [];
    if (this.shownUid || !newest) return;
    const at = new Date(newest.last_received_at).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
    say("stage-words", `${nothing} The last one came ${at}.`);
  }

  async nextImage() {
    if (!this.shown || this.shown.images.length < 2) return;
    this.imageNumber = (this.imageNumber + 1) % this.shown.images.length;
    const { turn, imageNumber } = this;
    const { picture, fault } = await tryPicture(this.shown.images[imageNumber]);
    if (turn !== this.turn || imageNumber !== this.imageNumber || !this.shown) return;
    this.shown = { ...this.shown, picture, fault };
    this.showPicture();
    this.showStudy();
  }

  /** @param {number} step */
  go(step) {
    const next = this.worklist.neighbour(this.shownUid, step);
    if (next && next !== this.shownUid) void this.open(next);
  }

  prefetch() {
    const next = this.worklist.following(this.worklist.place(this.shownUid) + 1, PREFETCHED);
    for (const uid of next) getCase(uid).catch(() => {});
  }

  /** Whether the AI result must not be seen yet: blind-first, and nothing said. */
  isCovered() {
    return site.isBlindFirst && !this.opinion && Boolean(this.shown && resultOf(this.shown.study).finding);
  }

  isLookedAt() {
    return Boolean(this.viewer.paintedAt) && this.visibleMilliseconds >= site.minimumViewMilliseconds;
  }

  /** @param {"PRESENT" | "ABSENT"} said */
  giveOpinion(said) {
    if (!this.isCovered() || !this.isLookedAt() || !this.shown) return;
    this.opinion = said;
    this.showStudy();
  }

  /** The case never changes by itself: what changed is told, and shown when asked for. */
  async lookAgain() {
    const before = this.shown;
    if (!before) return;
    const now = await refreshed(before).catch(() => null);
    if (!now || this.shown !== before) return;
    if (now.study.revision === before.study.revision) return showHistory(now.study);
    forgetCase(before.study.study_uid);
    const review = now.study.reviews.find((/** @type {any} */ one) => one.is_current);
    const isOthers = review && !review.is_mine;
    say("changed-words", isOthers ? `${personName(review.reviewer)} has decided: ${review.verdict.toLowerCase()}` : "A further image or result arrived.");
    element("changed-under").hidden = false;
  }

  /** Show what was told, when the reader wants it. */
  showChanges() {
    if (element("changed-under").hidden) return;
    forgetCase(this.shownUid);
    void this.open(this.shownUid);
  }

  measure() {
    const now = performance.now();
    say("stage-words", "");
    this.countedAt = now;
    tell(this.isFirst ? "first_image" : "next_image", this.isFirst ? now : now - this.askedAt);
    this.isFirst = false;
    this.prefetch();
  }

  /** Count for how long the image was really to be seen. */
  count() {
    const now = performance.now();
    const { paintedAt } = this.viewer;
    if (paintedAt && !document.hidden) this.visibleMilliseconds += now - Math.max(this.countedAt, paintedAt);
    this.countedAt = now;
    if (this.shown && isPending(this.shown.study)) say("ai-words", pendingWords(this.shown.study));
    this.dispatchEvent(new Event("counted"));
  }

  keepLease() {
    if (this.shownUid && !document.hidden) void ask("PUT", `/api/v1/studies/${this.shownUid}/lease`).catch(() => {});
  }

  endReading() {
    if (!this.shownUid) return;
    // `keepalive` also when the page is just being left.
    void ask("DELETE", `/api/v1/studies/${this.shownUid}/lease`, { mayAskToSignIn: false, keepAlive: true }).catch(() => {});
  }
}
