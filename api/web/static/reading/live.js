// @ts-check
/**
 * Follows changes: by server-sent events, and by asking every 15 seconds while they are lost.
 *
 * A browser opens six connections to a server (HTTP/1.1), and a stream keeps one. So one window
 * listens for all of them, the one that holds a lock, and the next takes its place when it closes.
 */

const POLL_SECONDS = 15;
const PATIENCE_MILLISECONDS = 4000;
const NAME = "hilum.changes";

/**
 * What one window tells the others.
 * @typedef {{ isAsking?: true, isLive?: boolean, change?: { kind: string, study_uid: string | null } }} Word
 */

/**
 * @param {(studyUid: string | null) => void} onChange null: anything may have changed
 * @param {(isLive: boolean) => void} onState
 */
export function follow(onChange, onState) {
  const others = new BroadcastChannel(NAME);
  let isLive = true;
  let isListening = false;
  let heardAt = 0;

  /** @param {Word} word */
  const hear = ({ isLive: now = isLive, change }) => {
    heardAt = performance.now();
    if (now !== isLive) onState(now);
    isLive = now;
    if (change) onChange(change.kind === "study" ? change.study_uid : null);
  };
  /** @param {Word} word */
  const tell = (word) => {
    others.postMessage(word);
    hear(word);
  };

  const listen = () => {
    isListening = true;
    const source = new EventSource("/api/v1/events");
    source.addEventListener("change", (event) => tell({ isLive: true, change: JSON.parse(event.data) }));
    source.addEventListener("open", () => tell({ isLive: true }));
    source.addEventListener("error", () => {
      // A stream that ended by itself is opened again at once; only a longer silence is told.
      setTimeout(() => {
        if (source.readyState !== EventSource.OPEN) tell({ isLive: false });
        if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 60_000);
      }, PATIENCE_MILLISECONDS);
    });
  };

  // Whether the window that listens is there at all.
  const ask = () => {
    const askedAt = performance.now();
    others.postMessage({ isAsking: true });
    setTimeout(() => {
      if (!isListening && heardAt < askedAt) hear({ isLive: false });
    }, PATIENCE_MILLISECONDS);
  };

  others.addEventListener("message", (/** @type {MessageEvent<Word>} */ { data }) => {
    if (!data.isAsking) hear(data);
    else if (isListening) others.postMessage({ isLive });
  });
  void navigator.locks.request(NAME, () => {
    listen();
    return new Promise(() => {}); // held as long as the window is there
  });
  // What changed since the list was read, and before this window heard of changes.
  onChange(null);
  ask();
  setInterval(() => {
    if (!isLive) onChange(null);
    if (!isListening) ask();
  }, POLL_SECONDS * 1000);
}
