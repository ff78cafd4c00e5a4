import { chown } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as passing } from 'node:timers/promises'
import { AppError } from '../../shared/errors/index.ts'
import { type OtherUser, otherUser, type RunningServer } from '../process/index.ts'
import type { ThrowawayOptions, ToolFinder } from './port.ts'

/** What the throw-away servers of all engines have in common: whom they run as, where, and how they are waited for. */

/** How long a server may take to be made, and to start, on a busy host, ms. */
export const throwawayStartMs = 120_000

/** The longest path of a socket Linux takes. */
const longestSocket = 107

/** Where one lives. */
export interface ThrowawayPlace {
  readonly folder: string
  /** Whom it runs as when we are root. */
  readonly as: OtherUser | undefined
  /** What its programs are started through (`Command.through`). */
  readonly through: readonly string[]
}

/** Whether servers could be run at all: none of ours runs as root. */
export async function mayRunServers(tools: ToolFinder, user: string | undefined): Promise<boolean> {
  return runAs(user, tools).then(
    () => true,
    () => false,
  )
}

/**
 * Gives the folder to whom the server runs as.
 *
 * @param socket name of its socket in that folder
 * @throws AppError `verify.user-missing`, `verify.server-failed`
 */
export async function takePlace(
  { folder, user }: Pick<ThrowawayOptions, 'folder' | 'user'>,
  socket: string,
  tools: ToolFinder,
): Promise<ThrowawayPlace> {
  const as = await runAs(user, tools)
  if (Buffer.byteLength(join(folder, socket)) > longestSocket)
    throw new AppError('verify.server-failed', {
      message: 'the path of the verify folder is too long for a socket',
      hint: 'Give `verify.folder` a shorter path.',
      context: { folder },
    })
  if (as !== undefined) await chown(folder, as.uid, as.gid)
  const env = await tools.find(['env'], [], 'path')
  // not every folder we may be in is one that the other user may
  return { folder, as, through: [...(as?.through ?? []), env.path, `--chdir=${folder}`] }
}

/** Whoever else we are, it runs as that. */
async function runAs(user: string | undefined, tools: ToolFinder): Promise<OtherUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  if (user === undefined) throw new AppError('verify.user-missing')
  const found = await otherUser(user, tools)
  if (found.uid === 0) throw new AppError('verify.user-missing', { context: { user } })
  return found
}

/**
 * Tries to open a session until one opens.
 *
 * @throws AppError `verify.server-failed` when the server dies before, or takes too long
 */
export async function answering<T>(
  open: () => Promise<T>,
  server: RunningServer,
  signal: AbortSignal,
): Promise<T> {
  const until = performance.now() + throwawayStartMs
  for (;;) {
    try {
      return await open()
    } catch (thrown) {
      signal.throwIfAborted()
      const error = AppError.from(thrown)
      // no waiting brings what this host has not
      if (error.code === 'tool.missing') throw error
      if (!server.running) throw serverFailed(error, (await server.exited).stderr.text)
      if (performance.now() > until) throw serverFailed(error)
      await passing(50, undefined, { signal }).catch(() => {})
    }
  }
}

/** Says nothing of a backup: none was touched yet. */
export function serverFailed(cause: AppError, stderr = ''): AppError {
  if (cause.code !== 'stage.failed' && cause.code !== 'database.unreachable') return cause
  return new AppError('verify.server-failed', {
    context: { ...cause.context, ...(stderr === '' ? {} : { stderr }) },
    cause,
  })
}
