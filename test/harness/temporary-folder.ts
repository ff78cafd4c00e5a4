import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder that is removed with all it holds at the end. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string
  remove(): Promise<void>
}

const live = new Set<string>()
let home: string | undefined

/**
 * Makes a temporary folder. All folders of a process stand in one, which a small watcher removes when the process is gone,
 * whatever ended it: SIGKILL leaves nothing either.
 */
export async function temporaryFolder(label = 'folder'): Promise<TemporaryFolder> {
  home ??= makeHome()
  const path = await mkdtemp(join(home, `${label}-`))
  live.add(path)
  const remove = async () => {
    await rm(path, { recursive: true, force: true, maxRetries: 5 })
    live.delete(path)
  }
  return { path, remove, [Symbol.asyncDispose]: remove }
}

/** Temporary folders of this process that nobody has removed yet; the leak check asks. */
export function liveTemporaryFolders(): string[] {
  return [...live]
}

// Removes the folder once its standard input ends, that is, once the process holding the other end is gone.
// It tries again for a while, since servers that die with their parent may still be writing.
const watcher = `read -r _; n=0
while [ -e "$1" ] && [ $n -lt 100 ]; do rm -rf -- "$1" 2>/dev/null; [ -e "$1" ] && sleep 0.1; n=$((n + 1)); done`

let watcherPid: number | undefined

/** Process id of the watcher, which the leak check must not count. */
export function watcherProcess(): number | undefined {
  return watcherPid
}

function makeHome(): string {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-'))
  // Servers that refuse root run as nobody and must get through to their own folder below
  if (process.getuid?.() === 0) chmodSync(path, 0o711)
  const child = spawn('sh', ['-c', watcher, 'holdfast-watcher', path], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
  })
  watcherPid = child.pid
  child.unref()
  const pipe = child.stdin as typeof child.stdin & { unref?: () => void }
  pipe.unref?.()
  process.on('exit', () => rmSync(path, { recursive: true, force: true }))
  return path
}
