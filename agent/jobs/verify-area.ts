import { chmod, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import { type ChildRecord, endServerIn, isAlive, ownRecord } from '../process/index.ts'

export interface VerifyAreaOptions {
  /** Absolute path; made when it is not there. */
  readonly folder: string
  /** Verifications at the same time. */
  readonly atOnce: number
  /** As whom throw-away servers run when we are root. */
  readonly user?: string | undefined
  readonly log: Log
  /** `freeSpace` of agent/host. */
  readonly freeSpace: (folder: string) => Promise<number>
}

/** The folder of one throw-away server; gone with everything in it when disposed. */
export interface VerifyFolder extends AsyncDisposable {
  readonly path: string
}

/** A restored database needs its indexes and the log of its server beside its rows. */
const roomFactor = 1.5
/** A server with nothing in it, its log, and what the disk keeps, bytes. */
const roomFloor = 1 << 30

/** What a folder of ours is called: pid, start time and boot (its beginning) of the process it belongs to, a number. */
const folderName = /^(\d+)-(\d+)-([0-9a-f]{8})-\d+$/

let made = 0

/**
 * The folder on a host in which throw-away servers live. Each verification has a folder of its own, whose name says
 * which process it belongs to (a socket's path must be short): what a dead one left is swept, its server ended, what
 * a live one uses is never touched, whoever looks.
 */
export class VerifyArea {
  readonly folder: string
  readonly atOnce: number
  readonly user: string | undefined
  readonly #options: VerifyAreaOptions
  #underWay = 0

  constructor(options: VerifyAreaOptions) {
    this.folder = options.folder
    this.atOnce = options.atOnce
    this.user = options.user
    this.#options = options
  }

  /** @throws AppError `verify.busy` */
  demandTurn(): void {
    if (this.#underWay >= this.atOnce)
      throw new AppError('verify.busy', { context: { at_once: this.atOnce, under_way: this.#underWay } })
  }

  /**
   * Whether there is room to restore so much.
   *
   * @param rawBytes of the dump; 0 when unknown
   * @throws AppError `verify.low-space`, `agent.state-unwritable`
   */
  async demandRoom(rawBytes: number): Promise<void> {
    const needed = Math.ceil(rawBytes * roomFactor) + roomFloor
    const free = await this.#usable(async () => {
      await this.#make()
      return this.#options.freeSpace(this.folder)
    })
    if (free < needed)
      throw new AppError('verify.low-space', {
        context: {
          folder: this.folder,
          raw_bytes: rawBytes,
          needed_bytes: needed,
          free_bytes: free,
          missing_bytes: needed - free,
        },
      })
  }

  /**
   * Makes the folder of a verification, and takes one of the turns there are.
   *
   * @throws AppError `verify.busy`, `agent.state-unwritable`
   */
  async open(): Promise<VerifyFolder> {
    this.demandTurn()
    this.#underWay++
    const { pid, startTime, bootId } = ownRecord()
    const path = join(this.folder, `${pid}-${startTime}-${bootId.slice(0, 8)}-${++made}`)
    try {
      await this.#usable(async () => {
        await this.#make()
        await mkdir(path, { mode: 0o700 })
      })
    } catch (thrown) {
      this.#underWay--
      throw thrown
    }
    return {
      path,
      [Symbol.asyncDispose]: async () => {
        // what cannot be removed now is swept by a later start: it is dead from here on
        await removed(path).catch((error: unknown) =>
          this.#options.log.warn('the folder of a throw-away server could not be removed', {
            folder: path,
            error,
          }),
        )
        this.#underWay--
      },
    }
  }

  /** Ends the servers of dead processes and removes what they left. Never touches what a live one uses. */
  async sweep(): Promise<void> {
    const names = await readdir(this.folder).catch(() => [] as string[])
    for (const name of names) {
      const [, pid, startTime = '', boot = ''] = folderName.exec(name) ?? []
      // not a name of ours: not ours to remove
      if (pid === undefined) continue
      const own = ownRecord()
      const sameBoot = own.bootId.slice(0, 8) === boot
      const owner: ChildRecord = { name: 'agent', pid: Number(pid), startTime, bootId: own.bootId }
      if (sameBoot && isAlive(owner)) continue
      const path = join(this.folder, name)
      const ended = await endServerIn(path)
      await this.#usable(() => removed(path))
      this.#options.log.info('what a dead verification left was removed', {
        folder: path,
        children: ended.map(each => `${each.name}:${each.pid}`),
      })
    }
  }

  /** Others may pass through: the server may be another user's. Each verification's own folder is private. */
  async #make(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o711 })
    if (this.user !== undefined) await chmod(this.folder, 0o711)
  }

  async #usable<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      throw new AppError('agent.state-unwritable', {
        context: { path: this.folder, detail: (cause as NodeJS.ErrnoException).code ?? 'unknown' },
        cause,
      })
    }
  }
}

/** A server that was just killed may still write: tried again a few times. */
function removed(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}
