import { closeSync, constants, openSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { AppError } from '../../shared/errors/index.ts'

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

/**
 * Opens `count` pipes: Node cannot make one, so they begin as named pipes in a private folder which is gone
 * before this returns.
 *
 * @param mkfifo absolute path of coreutils' `mkfifo`
 */
export async function openPipes(count: number, mkfifo: string): Promise<readonly KernelPipe[]> {
  if (count === 0) return []
  const opened: number[] = []
  const open = (path: string, flags: number): number => {
    const fd = openSync(path, flags)
    opened.push(fd)
    return fd
  }
  let folder: string | undefined
  try {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-pipe-'))
    const paths = Array.from({ length: count }, (_, index) => join(folder ?? '', String(index)))
    await execa(mkfifo, ['-m', '600', ...paths])
    return paths.map(path => {
      // Opened for both first, so that neither of the others waits for its opposite.
      const both = open(path, constants.O_RDWR)
      const pipe = {
        reader: open(path, constants.O_RDONLY),
        writer: open(path, constants.O_WRONLY),
        witness: open(path, constants.O_RDONLY | constants.O_NONBLOCK),
      }
      closeSync(both)
      opened.splice(opened.indexOf(both), 1)
      return pipe
    })
  } catch (thrown) {
    for (const fd of opened) closeSync(fd)
    throw new AppError('agent.state-unwritable', {
      message: 'a named pipe cannot be made in the temporary folder',
      hint: 'Check owner, permissions and kind of the temporary folder, or set TMPDIR.',
      context: { folder: tmpdir(), detail: (thrown as Error).message.split('\n')[0] ?? '' },
      cause: thrown,
    })
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
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
