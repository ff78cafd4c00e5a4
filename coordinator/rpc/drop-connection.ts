/**
 * Ends the connection below a call. A peer that reads nothing never learns that its stream was cut, and the HTTP/2
 * stream stays open until its session goes (facts-runtime §4). grpc-js has no public door to it, hence this one place
 * that walks its insides and a test that fails when an upgrade moves them.
 *
 * @returns false when the insides are not as they were
 */
export function dropConnection(call: unknown): boolean {
  let at: unknown = call
  // the call holds the interceptors' calls, one inside the other; the innermost holds the stream
  for (let depth = 0; depth < 16 && isObject(at); depth++) {
    const { stream } = at
    if (
      isObject(stream) &&
      isObject(stream['session']) &&
      typeof stream['session']['destroy'] === 'function'
    ) {
      stream['session']['destroy'].call(stream['session'])
      return true
    }
    at = at['call'] ?? at['nextCall']
  }
  return false
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
