import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../shared/errors/index.ts'

/** A private folder for an attempt's 0600 files; gone with everything in it when disposed. */
export interface Scratch extends AsyncDisposable {
  readonly path: string
}

/** Makes a folder of its own below `root`. @throws AppError `agent.state-unwritable` */
export async function makeScratch(root: string): Promise<Scratch> {
  try {
    await mkdir(root, { recursive: true, mode: 0o700 })
    const path = await mkdtemp(join(root, 'attempt-'))
    return {
      path,
      [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
    }
  } catch (cause) {
    throw new AppError('agent.state-unwritable', {
      context: { path: root, detail: (cause as NodeJS.ErrnoException).code ?? 'unknown' },
      cause,
    })
  }
}
