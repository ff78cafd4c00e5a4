import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Runs the work while holding an exclusive lock on the file, across processes. The lock goes with this process, whatever ends it. */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const holder = spawn('flock', [path, 'sh', '-c', 'echo held; read -r _'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const closed = once(holder, 'close')
  const held = await Promise.race([once(holder.stdout, 'data'), closed.then(() => undefined)])
  if (held === undefined) throw new Error(`the lock ${path} could not be taken`)
  try {
    return await work()
  } finally {
    holder.stdin.end()
    await closed
  }
}
