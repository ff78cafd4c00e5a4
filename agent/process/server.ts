import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ToolFinder } from '../engines/port.ts'
import type { ChildRecord } from './child-record.ts'
import type { Command } from './command.ts'
import { endLeftovers } from './leftovers.ts'
import { type StageEnd, StageProcess } from './stage-process.ts'

/** Who runs in a folder is written down in it. */
const recordFile = 'server.json'

/** A server of ours: a child that serves until it is stopped. It dies with this process. */
export interface RunningServer {
  readonly running: boolean
  /** Resolves when it is gone, whatever the reason; its stderr tail tells why. */
  readonly exited: Promise<StageEnd>
  /** Asks it to go with `signal`, and makes it go after `graceMs`. Resolves when it is gone. */
  stop(signal: NodeJS.Signals, graceMs: number): Promise<void>
}

/**
 * Starts a server, and writes down in its folder who it is, so that a later agent can end it (`endServerIn`)
 * should it outlive this one.
 */
export async function startServer(
  command: Command,
  folder: string,
  tools: ToolFinder,
): Promise<RunningServer> {
  const setpriv = await tools.find(['setpriv'], [], 'path')
  const child = new StageProcess(command, setpriv.path, ['ignore', 'ignore', 'pipe'])
  let running = true
  void child.exited.then(() => {
    running = false
  })
  if (child.record !== undefined)
    await writeFile(join(folder, recordFile), JSON.stringify(child.record), { mode: 0o600 })
  return {
    get running() {
      return running
    },
    exited: child.exited,
    async stop(signal, graceMs) {
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      await child.closed
      clearTimeout(timer)
    },
  }
}

/** Ends the server that an earlier process left running in a folder: pid, start time and boot must all match. */
export async function endServerIn(folder: string): Promise<readonly ChildRecord[]> {
  const text = await readFile(join(folder, recordFile), 'utf8').catch(() => '')
  const record = recordFrom(text)
  return record === undefined ? [] : endLeftovers([record])
}

function recordFrom(text: string): ChildRecord | undefined {
  let content: Partial<ChildRecord> | null
  try {
    content = JSON.parse(text)
  } catch {
    return undefined
  }
  const { name, pid, startTime, bootId } = content ?? {}
  return typeof name === 'string' &&
    typeof pid === 'number' &&
    Number.isInteger(pid) &&
    pid > 1 &&
    typeof startTime === 'string' &&
    typeof bootId === 'string'
    ? { name, pid, startTime, bootId }
    : undefined
}
