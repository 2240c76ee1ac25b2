// @ts-check
/** Follows changes: by server-sent events, and by asking every 15 seconds while they are lost. */

const POLL_SECONDS = 15;

/**
 * @param {(studyUid: string | null) => void} onChange null: anything may have changed
 * @param {(isLive: boolean) => void} onState
 */
export function follow(onChange, onState) {
  const source = new EventSource("/api/v1/events");
  let isLive = true;
  const say = (/** @type {boolean} */ now) => {
    if (now !== isLive) onState(now);
    isLive = now;
  };
  source.addEventListener("change", (event) => {
    say(true);
    const change = JSON.parse(event.data);
    onChange(change.kind === "study" ? change.study_uid : null);
  });
  source.addEventListener("open", () => say(true));
  source.addEventListener("error", () => {
    // A stream that ended by itself is opened again at once; only a longer silence is told.
    setTimeout(() => {
      if (source.readyState !== EventSource.OPEN) say(false);
      if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 60_000);
    }, 4000);
  });
  setInterval(() => {
    if (!isLive) onChange(null);
  }, POLL_SECONDS * 1000);
}
