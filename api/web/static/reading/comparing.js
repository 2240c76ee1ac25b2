// @ts-check
/** A prior beside the case: same place and zoom, each under its own date and name. */

import { getCase } from "./cases.js";
import { captionOf, element, say } from "./panel.js";
import { wordsOf } from "./requests.js";
import { site } from "./site.js";
import { Viewer } from "./viewer.js";

export class Comparison {
  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk;
    /** @type {Viewer | null} */
    this.viewer = null;
    desk.addEventListener("cleared", () => this.close());
    desk.addEventListener("compare", (event) => void this.open(/** @type {CustomEvent} */ (event).detail));
    desk.viewer.addEventListener("changed", () => this.follow());
  }

  toggle() {
    const priors = this.desk.shown?.study.priors || [];
    if (this.viewer) this.close();
    else if (priors.length) void this.open(priors[0].study.study_uid);
  }

  /** @param {string} studyUid */
  async open(studyUid) {
    this.close();
    const { turn, shown } = this.desk;
    if (!shown) return;
    element("prior-side").hidden = false;
    say("caption", `Now \u00b7 ${captionOf(shown.study)}`);
    say("prior-caption", "Prior");
    element("caption").hidden = false;
    element("tool-prior").setAttribute("aria-pressed", "true");
    const viewer = new Viewer(element("prior-stage"), site.painter);
    this.viewer = viewer;
    viewer.addEventListener("lost", () => say("prior-words", "The prior is lost: this machine stopped painting it."));
    viewer.addEventListener("regained", () => say("prior-words", ""));
    try {
      const prior = await getCase(studyUid);
      if (turn !== this.desk.turn || this.viewer !== viewer) return;
      viewer.show(prior.picture);
      say("prior-caption", `Prior \u00b7 ${captionOf(prior.study)}`);
      say("prior-words", prior.picture ? "" : `Prior cannot be shown: ${prior.fault}`);
      this.follow();
    } catch (error) {
      if (this.viewer === viewer) say("prior-words", `Prior cannot be loaded: ${wordsOf(error)}`);
    }
  }

  close() {
    this.viewer?.remove();
    this.viewer = null;
    say("prior-words", "");
    element("prior-side").hidden = true;
    element("caption").hidden = true;
    element("tool-prior").setAttribute("aria-pressed", "false");
  }

  /** The prior follows in place and zoom, relative to its own size. */
  follow() {
    const { viewer } = this.desk;
    if (!this.viewer?.picture || !viewer.picture) return;
    const scale = viewer.image.width / this.viewer.image.width;
    const y = (viewer.view.y / viewer.image.height) * this.viewer.image.height;
    this.viewer.setView({ zoom: viewer.view.zoom * scale, x: viewer.view.x / scale, y });
  }
}
