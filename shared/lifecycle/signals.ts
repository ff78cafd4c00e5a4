/**
 * Graceful, then forceful: the first SIGINT or SIGTERM aborts `stop`, a second one aborts `abort`.
 * `received` names the first signal, so that the exit status can tell the truth.
 */
export interface StopSignals {
  readonly stop: AbortSignal
  readonly abort: AbortSignal
  received(): NodeJS.Signals | undefined
  close(): void
}

/** Listens for SIGINT and SIGTERM until closed. */
export function listenForStop(): StopSignals {
  const stop = new AbortController()
  const abort = new AbortController()
  let first: NodeJS.Signals | undefined
  const onSignal = (signal: NodeJS.Signals) => {
    if (first === undefined) {
      first = signal
      stop.abort(new Error(signal))
    } else abort.abort(new Error(signal))
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    stop: stop.signal,
    abort: abort.signal,
    received: () => first,
    close: () => {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}
