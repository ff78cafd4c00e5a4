/**
 * One piece of work among several; `signal` ends it when another one failed. With `letNext` it says that what is left of
 * it is no reason for the next one to wait.
 */
export type Task<Result> = (signal: AbortSignal, letNext: () => void) => Promise<Result>

/**
 * Does tasks with bounded concurrency, begun in their order. The first failure ends all others, and is thrown
 * only once every one of them has ended: whatever they own is closed by then. Results come in the tasks' order.
 *
 * @param atOnce how many at the same time, at least 1; those that let the next one begin are not counted any more
 * @param room asked before a task begins beside others: nothing when it may, else a promise until it may. One at a
 *   time always goes on.
 */
export async function together<Result>(
  tasks: readonly Task<Result>[],
  atOnce: number,
  outer: AbortSignal,
  room: () => Promise<void> | undefined = () => undefined,
): Promise<readonly Result[]> {
  const stop = new AbortController()
  const signal = AbortSignal.any([outer, stop.signal])
  const results = new Map<number, Result>()
  let failure: { readonly thrown: unknown } | undefined
  let next = 0
  const ended: Promise<void>[] = []
  /** Begins a task; resolves when the next one may begin. */
  const begin = (task: Task<Result>, index: number): Promise<void> => {
    const lets = Promise.withResolvers<void>()
    const running = task(signal, lets.resolve).then(
      result => void results.set(index, result),
      (thrown: unknown) => {
        failure ??= { thrown }
        stop.abort(thrown)
      },
    )
    ended.push(running)
    return Promise.race([lets.promise, running])
  }
  /** Nothing is left to begin, or nothing may any more. */
  const over = Promise.withResolvers<void>()
  if (signal.aborted) over.resolve()
  signal.addEventListener('abort', () => over.resolve(), { once: true })
  const worker = async (_: unknown, number: number) => {
    for (;;) {
      // the first worker never waits, so that one task at a time goes on
      for (let wait = room(); number > 0 && wait !== undefined && next < tasks.length; wait = room()) {
        await Promise.race([wait, over.promise])
        if (signal.aborted) break
      }
      const index = next++
      const task = tasks[index]
      if (index + 1 >= tasks.length) over.resolve()
      if (task === undefined || failure !== undefined) return
      await begin(task, index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(Math.max(1, atOnce), tasks.length) }, worker))
  await Promise.all(ended)
  if (failure !== undefined) throw failure.thrown
  return tasks.flatMap((_, index) => {
    const result = results.get(index)
    return result === undefined ? [] : [result]
  })
}
