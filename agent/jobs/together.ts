/** One piece of work among several; `signal` ends it when another one failed. */
export type Task<Result> = (signal: AbortSignal) => Promise<Result>

/**
 * Does tasks with bounded concurrency, begun in their order. The first failure ends all others, and is thrown
 * only once every one of them has ended: whatever they own is closed by then. Results come in the tasks' order.
 *
 * @param atOnce how many at the same time, at least 1
 */
export async function together<Result>(
  tasks: readonly Task<Result>[],
  atOnce: number,
  outer: AbortSignal,
): Promise<readonly Result[]> {
  const stop = new AbortController()
  const signal = AbortSignal.any([outer, stop.signal])
  const results = new Map<number, Result>()
  let failure: { readonly thrown: unknown } | undefined
  let next = 0
  const worker = async () => {
    for (let index = next++; failure === undefined; index = next++) {
      const task = tasks[index]
      if (task === undefined) return
      try {
        results.set(index, await task(signal))
      } catch (thrown) {
        failure ??= { thrown }
        stop.abort(thrown)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(Math.max(1, atOnce), tasks.length) }, worker))
  if (failure !== undefined) throw failure.thrown
  return tasks.flatMap((_, index) => {
    const result = results.get(index)
    return result === undefined ? [] : [result]
  })
}
