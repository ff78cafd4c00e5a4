/**
 * TEST HOOK. Kills this process with SIGKILL at a named point of the commit protocol when the environment
 * asks for it (`HOLDFAST_TEST_CRASH_AT=after-complete`, or `after-complete:2` for the second time), so that
 * tests can see what a restart makes of every phase. Without the variable it does nothing; nothing else in
 * the agent knows of tests.
 */
export type CrashPoint =
  | 'before-open'
  | 'after-open'
  | 'after-upload-opened'
  | 'before-completing'
  | 'after-completing'
  | 'after-complete'
  | 'before-committing'
  | 'after-committing'
  | 'after-manifest-put'
  | 'after-manifest-read-back'
  | 'before-result'
  | 'after-manifest-deleted'
  | 'after-result'

/** The variable that asks for it. */
export const crashVariable = 'HOLDFAST_TEST_CRASH_AT'

let passed = 0

/** Marks a point; dies here when asked to. */
export function crashPoint(point: CrashPoint): void {
  const asked = process.env[crashVariable]
  if (asked === undefined) return
  const [name, time = '1'] = asked.split(':')
  if (name !== point || ++passed < Number(time)) return
  process.kill(process.pid, 'SIGKILL')
  // the signal is delivered before the next turn of the loop; nothing may run in between
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000)
}
