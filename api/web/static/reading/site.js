// @ts-check
/** What the server says of this site and of who reads, once, with the page. */

const { dataset } = document.body;

export const site = {
  minimumViewMilliseconds: Number(dataset.minimumView),
  isBlindFirst: dataset.blindFirst === "true",
  mayReview: dataset.mayReview === "true",
  viewerLink: dataset.viewerLink || "",
  /** `webgl` or `canvas` where the address asks for one; else what this machine does best. */
  painter: new URLSearchParams(location.search).get("painter") || "",
};
