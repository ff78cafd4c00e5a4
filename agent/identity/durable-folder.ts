import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../shared/errors/index.ts'

/**
 * A folder whose files are there whole or not at all, even after a power cut: write to a temporary name,
 * fsync, rename, fsync the folder (architecture §4). Files are 0600, folders 0700.
 *
 * @throws AppError `agent.state-unwritable` from everything that writes
 */
export class DurableFolder {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** Opens a folder, made with its parents when it is not there. */
  static async open(path: string): Promise<DurableFolder> {
    return writing(path, async () => {
      await mkdir(path, { recursive: true, mode: 0o700 })
      if (!(await stat(path)).isDirectory()) throw new Error('not a folder')
      return new DurableFolder(path)
    })
  }

  /** Writes a file whole; on return it survives a power cut. The former content stays if this fails. */
  async write(name: string, bytes: Uint8Array | string): Promise<void> {
    // a leading dot: never taken for an entry, swept by `names`
    const temporary = join(this.path, `.${name}.${randomBytes(6).toString('hex')}`)
    await writing(this.path, async () => {
      try {
        const file = await open(temporary, 'wx', 0o600)
        try {
          await file.writeFile(bytes)
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(temporary, join(this.path, name))
      } catch (thrown) {
        await rm(temporary, { force: true }).catch(() => {})
        throw thrown
      }
      await this.#sync()
    })
  }

  /** Removes a file; one that is not there is no error. */
  async remove(name: string): Promise<void> {
    await writing(this.path, async () => {
      await rm(join(this.path, name), { force: true })
      await this.#sync()
    })
  }

  /** Moves a file into another folder of the same state folder, durably. */
  async move(name: string, to: DurableFolder, newName = name): Promise<void> {
    await writing(this.path, async () => {
      await rename(join(this.path, name), join(to.path, newName))
      await to.#sync()
      await this.#sync()
    })
  }

  /** The bytes of a file, or undefined when it is not there. */
  async read(name: string): Promise<Buffer | undefined> {
    try {
      return await readFile(join(this.path, name))
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new AppError('agent.state-unwritable', {
        message: 'a file of the state folder cannot be read',
        context: { path: join(this.path, name), detail: (thrown as NodeJS.ErrnoException).code ?? 'unknown' },
        cause: thrown,
      })
    }
  }

  /** The files, sorted. Temporary files of a writer that died are removed: they were never valid. */
  async names(): Promise<readonly string[]> {
    return writing(this.path, async () => {
      const entries = await readdir(this.path, { withFileTypes: true })
      for (const entry of entries)
        if (entry.isFile() && entry.name.startsWith('.'))
          await rm(join(this.path, entry.name), { force: true })
      return entries
        .filter(entry => entry.isFile() && !entry.name.startsWith('.'))
        .map(entry => entry.name)
        .sort()
    })
  }

  async #sync(): Promise<void> {
    const folder = await open(this.path, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }
}

async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown
    const { code, message } = thrown as NodeJS.ErrnoException
    throw new AppError('agent.state-unwritable', {
      message:
        code === 'ENOSPC'
          ? 'the state folder of the agent is on a full disk'
          : 'the state folder of the agent cannot be written',
      context: { path, detail: code ?? message },
      cause: thrown,
    })
  }
}
