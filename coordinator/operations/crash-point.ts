/**
 * TEST HOOK. Kills this process with SIGKILL between a commit and what follows it, when the environment asks
 * for it (`HOLDFAST_TEST_CRASH_AT=before-start`), so that tests can see what a restart makes of every step.
 * Without the variable it does nothing; nothing else in the coordinator knows of tests.
 */
export type CrashPoint =
  /** `assigned` is committed, the agent has not been told. */
  | 'before-assign'
  /** `accepted` is committed, Start has not been sent (J10). */
  | 'before-start'
  /** A result has arrived, nothing of it is committed. */
  | 'before-result'
  /** The result is committed, its Ack has not been sent (J12). */
  | 'before-ack'

/** The variable that asks for it. */
const crashVariable = 'HOLDFAST_TEST_CRASH_AT'

/** Marks a point; dies here when asked to. */
export function crashPoint(point: CrashPoint): void {
  if (process.env[crashVariable] !== point) return
  process.kill(process.pid, 'SIGKILL')
  // the signal is delivered before the next turn of the loop; nothing may run in between
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000)
}
