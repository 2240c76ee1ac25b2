// @ts-check
/** Requests to our own API: JSON in and out, refusals as errors that carry the problem. */

const AGAIN_AFTER_MILLISECONDS = 500;

/** A refusal of the server, or its silence (status 0). */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {{code?: string, detail?: string, title?: string}} problem
   */
  constructor(status, problem) {
    super(problem.detail || problem.title || "the server did not answer");
    this.status = status;
    this.code = problem.code || "";
  }
}

/** @type {() => Promise<void>} */
let signInAgain = async () => {
  window.location.assign("/sign-in");
};

/** Say what to do when the session has ended; the request is then made once more. */
export function onSessionEnded(/** @type {() => Promise<void>} */ action) {
  signInAgain = action;
}

/**
 * @param {string} method
 * @param {string} address
 * @param {{body?: unknown, ifMatch?: string, mayAskToSignIn?: boolean, keepAlive?: boolean, signal?: AbortSignal, isSecondTry?: boolean}} [options]
 * @returns {Promise<Response>}
 */
export async function ask(method, address, options = {}) {
  const headers = new Headers();
  if (options.body !== undefined) headers.set("Content-Type", "application/json");
  if (options.ifMatch) headers.set("If-Match", options.ifMatch);
  /** @type {Response} */
  let response;
  try {
    response = await fetch(address, {
      method,
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      credentials: "same-origin",
      keepalive: options.keepAlive === true,
      signal: options.signal,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    // A connection that broke (another network, a restarted server) mostly holds a moment later.
    if (method !== "GET" || options.isSecondTry) throw new Refused(0, {});
    await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MILLISECONDS));
    return ask(method, address, { ...options, isSecondTry: true });
  }
  if (response.ok) return response;
  if (response.status === 401 && options.mayAskToSignIn !== false) {
    await signInAgain();
    return ask(method, address, { ...options, mayAskToSignIn: false });
  }
  const problem = await response.json().catch(() => ({}));
  throw new Refused(response.status, problem);
}

/** What went wrong, for the reader. @param {unknown} error */
export function wordsOf(error) {
  if (error instanceof Refused && error.status === 0) return "the server does not answer";
  return error instanceof Error ? error.message : String(error);
}

/** @param {string} address @param {{mayAskToSignIn?: boolean, signal?: AbortSignal}} [options] */
export async function getJson(address, options) {
  const response = await ask("GET", address, options);
  return { body: await response.json(), etag: response.headers.get("ETag") || "" };
}

/** @param {string} address @param {AbortSignal} [signal] */
export async function getBytes(address, signal) {
  return (await ask("GET", address, { signal })).arrayBuffer();
}
