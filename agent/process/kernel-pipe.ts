import { execFile } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { AppError } from '../../shared/errors/index.ts'
import { childEnvironment } from './environment.ts'

/**
 * A real pipe of the kernel. Node's own stdio "pipes" are socket pairs: a tool that opens `/dev/fd/N` of one
 * gets ENXIO, and what a reader left unread in one cannot be seen. All descriptors close on exec.
 */
export interface KernelPipe {
  /** To hand to the child that reads, then close here. */
  readonly reader: number
  /** To hand to the child that writes, then close here. */
  readonly writer: number
  /** A second reading end that stays with us: after the reader's exit it shows what was left unread. */
  readonly witness: number
}

/** As many are made at once: one child for all streams of a backup. */
const reserve = 32

/** Pipes nobody uses yet: one descriptor each, through which `/proc` opens their ends. */
const spare: number[] = []
let filling: Promise<void> = Promise.resolve()

/**
 * Opens `count` pipes: Node cannot make one, so they begin as named pipes in a private folder which is gone
 * before this returns. Made in advance, since every child costs a fork of this process.
 *
 * @param mkfifo absolute path of coreutils' `mkfifo`
 */
export async function openPipes(count: number, mkfifo: string): Promise<readonly KernelPipe[]> {
  if (count === 0) return []
  const taken = await take(count, mkfifo)
  const opened: number[] = []
  const open = (fd: number, flags: number): number => {
    const end = openSync(`/proc/self/fd/${fd}`, flags)
    opened.push(end)
    return end
  }
  try {
    // opened for both already, so that neither of the others waits for its opposite
    return taken.map(both => ({
      reader: open(both, constants.O_RDONLY),
      writer: open(both, constants.O_WRONLY),
      witness: open(both, constants.O_RDONLY | constants.O_NONBLOCK),
    }))
  } catch (thrown) {
    for (const fd of opened) closeSync(fd)
    throw unopened(thrown)
  } finally {
    for (const fd of taken) closeSync(fd)
  }
}

/** Takes pipes from the reserve, one caller after the other. */
function take(count: number, mkfifo: string): Promise<readonly number[]> {
  const taking = filling.then(async () => {
    if (spare.length < count) spare.push(...(await made(Math.max(count, reserve), mkfifo)))
    return spare.splice(0, count)
  })
  filling = taking.then(
    () => {},
    () => {},
  )
  return taking
}

async function made(count: number, mkfifo: string): Promise<readonly number[]> {
  const opened: number[] = []
  let folder: string | undefined
  try {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-pipe-'))
    const paths = Array.from({ length: count }, (_, index) => join(folder ?? '', String(index)))
    await promisify(execFile)(mkfifo, ['-m', '600', ...paths], { env: childEnvironment() })
    for (const path of paths) opened.push(openSync(path, constants.O_RDWR))
    return opened
  } catch (thrown) {
    for (const fd of opened) closeSync(fd)
    throw unopened(thrown)
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
}

function unopened(thrown: unknown): AppError {
  return new AppError('agent.state-unwritable', {
    message: 'a named pipe cannot be made in the temporary folder',
    hint: 'Check owner, permissions and kind of the temporary folder, or set TMPDIR.',
    context: { folder: tmpdir(), detail: (thrown as Error).message.split('\n')[0] ?? '' },
    cause: thrown,
  })
}

/**
 * What the reader of a pipe left in it. Ask after the reader's exit: resolves with 0 once every writer has
 * closed, or with the bytes of the first read that finds something, after which the pipe is broken so that
 * its writer ends. Takes the descriptor over.
 */
export function unreadBytes(witness: number): { readonly bytes: Promise<number>; close(): void } {
  const socket = new Socket({ fd: witness, readable: true, writable: false })
  const bytes = new Promise<number>(resolve => {
    socket.on('data', chunk => {
      resolve(chunk.length)
      socket.destroy()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => resolve(0))
  })
  return { bytes, close: () => socket.destroy() }
}
