/** What went wrong, in words, with the next step. */

export class Trouble extends Error {
  /**
   * @param {string} what
   * @param {string} next
   * @param {{needsKey?: boolean}} [more]
   */
  constructor(what, next, more = {}) {
    super(what);
    this.what = what;
    this.next = next;
    this.needsKey = more.needsKey ?? false;
  }
}

/** @type {Record<number, [string, string]>} */
const CLOSES = {
  1000: ['The agent ended the conversation.', 'Connect again to begin a new one.'],
  1001: ['The server is shutting down or restarting.', 'Wait a moment, then connect again.'],
  1006: ['The connection was lost without a word.', 'Check your network and whether the server still runs, then connect again.'],
  1007: ['The server could not read what this page sent.', 'Reload the page: it may be older than the server.'],
  1008: ['The server refused the connection: its token was wrong, used before or too old, or this page is not allowed.',
    'Connect again for a fresh token. If it stays so, add this address to ALLOWED_ORIGINS.'],
  1009: ['A message was too large for the server.', 'Connect again and send something shorter.'],
  1011: ['The server met an error.', 'Its log names the cause under this session. Connect again.'],
  1012: ['The server restarts.', 'Wait a moment, then connect again.'],
  1013: ['The server is full.', 'Try again in a minute, or raise its limit of sessions.'],
};

/**
 * @param {number} code of the close frame
 * @param {string} reason its text
 * @param {boolean} early before the agent was ready
 */
export function closeTrouble(code, reason, early) {
  if (early && code === 1006) {
    return new Trouble('The server refused the socket, or could not be reached (close code 1006).',
      'See whether the server still runs and whether a proxy in between lets WebSockets through, then connect again.');
  }
  const [what, next] = CLOSES[code] ?? ['The connection was closed.', 'Connect again.'];
  return new Trouble(`${what} (close code ${code}${reason ? `: ${reason}` : ''})`, next);
}

/** @param {unknown} error of getUserMedia */
export function microphoneTrouble(error) {
  const name = error instanceof Error ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return new Trouble('The microphone was refused.', 'Allow it for this page (the icon left of the address), then press Talk again. You can type meanwhile.');
    case 'NotFoundError':
    case 'OverconstrainedError':
      return new Trouble('No microphone was found.', 'Plug one in, then press Talk again. You can type meanwhile.');
    case 'NotReadableError':
    case 'AbortError':
      return new Trouble('The microphone is there but gives no sound.', 'Another program may hold it: close that, then press Talk again.');
    default:
      return new Trouble(`The microphone could not be opened (${name || 'unknown reason'}).`, 'Reload the page, or type.');
  }
}

/** Sound needs a secure page in every browser. */
export function insecureTrouble() {
  return new Trouble('The browser gives sound and microphone only to pages over https or from this very machine.',
    'Open the page over https or at 127.0.0.1. Typing works here.');
}

/**
 * An answer to POST start that is not 2xx.
 * @param {number} status
 * @param {any} body JSON, or null
 */
export function startTrouble(status, body) {
  const said = [body?.error, body?.details].filter((s) => typeof s === 'string' && s).join(': ');
  const id = typeof body?.request_id === 'string' ? ` Request ${body.request_id} in the server's log.` : '';
  const words = said ? ` The server says: ${said}.` : '';
  switch (status) {
    case 401:
      return new Trouble('This agent asks for an access key.', 'Enter the key that its operator gave you.', { needsKey: true });
    case 403:
      return new Trouble(`The server does not let this page in (403).${words}`, `Add this address to ALLOWED_ORIGINS.${id}`);
    case 404:
      return new Trouble('The server has no browser agent (404).', 'Start it with --profile julia or --profile all.');
    case 429:
      return new Trouble('Too many connections from here (429).', 'Wait a minute, then connect again.');
    case 503:
      return new Trouble(`The server takes no conversation now (503).${words}`, `It is warming up, full, or shutting down: try again in a moment.${id}`);
    default:
      return new Trouble(`The server answered ${status}.${words}`, `Its log names the cause.${id}`);
  }
}
