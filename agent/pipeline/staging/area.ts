import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../../shared/errors/index.ts'
import type { Log } from '../../../shared/log/index.ts'
import type { ObjectStoreCapabilities } from '../../../shared/object-store/port.ts'
import { isAlive, ownRecord } from '../../process/index.ts'
import { StagedUploads } from './staged-uploads.ts'

export interface StagingAreaOptions {
  /** Absolute path; made when it is not there. For one agent only. */
  readonly folder: string
  /** Staging never takes the disk below this, bytes. */
  readonly reserveBytes: number
  readonly log: Log
  /** `freeSpace` of agent/host. */
  readonly freeSpace: (folder: string) => Promise<number>
}

/** A staged attempt's folder; gone with everything in it when disposed. */
export interface Staging extends AsyncDisposable {
  readonly uploads: StagedUploads
}

/** What a folder of ours is called: attempt, pid, start time and boot of the process that staged. */
const folderName = /^(att_[0-9a-f-]+)~(\d+)~(\d+)~([0-9a-f-]*)$/

/**
 * The private folder (0700) on a host where encoded streams wait for their upload. Each attempt has a folder of
 * its own, whose name says which process it belongs to: what a dead one left is swept, what a live one uses is
 * never touched, whoever looks.
 */
export class StagingArea {
  readonly folder: string
  readonly reserveBytes: number
  readonly #log: Log
  readonly #freeSpace: (folder: string) => Promise<number>
  /** Attempts being staged by this process, and what each will still write. */
  readonly #live = new Map<string, { readonly predicted: number; readonly uploads: StagedUploads }>()

  constructor(options: StagingAreaOptions) {
    this.folder = options.folder
    this.reserveBytes = options.reserveBytes
    this.#log = options.log
    this.#freeSpace = options.freeSpace
  }

  /** What attempts that are being staged will still write, bytes. */
  get promisedBytes(): number {
    let promised = 0
    for (const { predicted, uploads } of this.#live.values())
      promised += Math.max(0, predicted - uploads.bytes)
    return promised
  }

  /** Free bytes of its file system. @throws AppError `staging.unusable` */
  async freeBytes(): Promise<number> {
    return this.#usable(async () => {
      await mkdir(this.folder, { recursive: true, mode: 0o700 })
      return this.#freeSpace(this.folder)
    })
  }

  /**
   * Removes what dead processes left. Returns how many bytes that freed.
   *
   * @throws AppError `staging.unusable`
   */
  async sweep(): Promise<number> {
    let freed = 0
    for (const name of await this.#names()) {
      const [, attempt = '', pid, startTime = '', bootId = ''] = folderName.exec(name) ?? []
      // not a name of ours: not ours to remove
      if (pid === undefined) continue
      const owner = { name: 'agent', pid: Number(pid), startTime, bootId }
      const ours = Number(pid) === process.pid && startTime === ownRecord().startTime
      if (ours ? this.#live.has(attempt) : isAlive(owner)) continue
      const path = join(this.folder, name)
      const bytes = await sizeOf(path)
      await this.#usable(() => rm(path, { recursive: true, force: true }))
      this.#log.info('what a dead attempt had staged was removed', { folder: path, bytes })
      freed += bytes
    }
    return freed
  }

  /**
   * Makes the folder of an attempt.
   *
   * @param predictedBytes what will be written, for those who ask for room meanwhile
   * @param capabilities of the store the bytes go to in the end
   * @throws AppError `staging.unusable`
   */
  async open(
    attemptId: string,
    predictedBytes: number,
    capabilities: ObjectStoreCapabilities,
  ): Promise<Staging> {
    const { pid, startTime, bootId } = ownRecord()
    const path = join(this.folder, `${attemptId}~${pid}~${startTime}~${bootId}`)
    const uploads = new StagedUploads({
      folder: path,
      reserveBytes: this.reserveBytes,
      capabilities,
      freeSpace: this.#freeSpace,
    })
    // known as alive before it is there, so that no sweep takes it
    this.#live.set(attemptId, { predicted: predictedBytes, uploads })
    try {
      await this.#usable(async () => {
        await mkdir(this.folder, { recursive: true, mode: 0o700 })
        await mkdir(path, { mode: 0o700 })
      })
    } catch (thrown) {
      this.#live.delete(attemptId)
      throw thrown
    }
    return {
      uploads,
      [Symbol.asyncDispose]: async () => {
        await uploads.close()
        // what cannot be removed now is swept later: it is dead from here on
        await rm(path, { recursive: true, force: true }).catch((error: unknown) =>
          this.#log.warn('a staging folder could not be removed', { folder: path, error }),
        )
        this.#live.delete(attemptId)
      },
    }
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await readdir(this.folder)
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw this.#unusable(thrown)
    }
  }

  async #usable<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (thrown) {
      throw this.#unusable(thrown)
    }
  }

  #unusable(thrown: unknown): AppError {
    return new AppError('staging.unusable', {
      context: { folder: this.folder, detail: (thrown as NodeJS.ErrnoException).code ?? 'unknown' },
      cause: thrown,
    })
  }
}

/** Bytes of the files in one folder; what vanishes meanwhile counts nothing. */
async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => [] as string[])
  const sizes = await Promise.all(
    names.map(name =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
