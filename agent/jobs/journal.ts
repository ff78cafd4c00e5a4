import { join } from 'node:path'
import type { Log } from '../../shared/log/index.ts'
import { DurableFolder } from '../identity/index.ts'
import { type JournalRecord, journalRecordSchema } from './journal-record.ts'
import { readEntries } from './set-aside.ts'

/**
 * The commit journal: one file an attempt, always its latest record, there whole or not at all. Only the
 * recipes write it and only `recover` reads it.
 */
export class Journal {
  readonly #folder: DurableFolder
  readonly #aside: DurableFolder
  readonly #log: Log
  /** Writes of one attempt go one after the other: an older record never lands on a newer one. */
  readonly #tails = new Map<string, Promise<void>>()

  private constructor(folder: DurableFolder, aside: DurableFolder, log: Log) {
    this.#folder = folder
    this.#aside = aside
    this.#log = log
  }

  /** Opens the journal of a state folder. */
  static async open(state: string, log: Log): Promise<Journal> {
    return new Journal(
      await DurableFolder.open(join(state, 'journal')),
      await DurableFolder.open(join(state, 'aside')),
      log,
    )
  }

  /** Writes a record; on return it is on the disk. */
  write(record: JournalRecord): Promise<void> {
    const { attempt_id } = record.attempt
    const bytes = `${JSON.stringify(journalRecordSchema.parse(record))}\n`
    return this.#inOrder(attempt_id, () => this.#folder.write(fileOf(attempt_id), bytes))
  }

  /** Whether the state folder takes writes, told before work is accepted. @throws AppError `agent.state-unwritable` */
  async probe(): Promise<void> {
    await this.#aside.write('.probe', `${process.pid}\n`)
  }

  /** Forgets an attempt: its result is in the spool. */
  remove(attemptId: string): Promise<void> {
    return this.#inOrder(attemptId, () => this.#folder.remove(fileOf(attemptId)))
  }

  /** Every attempt that has no result yet. */
  async records(): Promise<JournalRecord[]> {
    return readEntries(
      this.#folder,
      this.#aside,
      (name, content) => {
        const record = journalRecordSchema.parse(content)
        if (name !== fileOf(record.attempt.attempt_id)) throw new Error('the name is not that of its attempt')
        return record
      },
      this.#log,
    )
  }

  #inOrder(attemptId: string, write: () => Promise<void>): Promise<void> {
    const before = this.#tails.get(attemptId) ?? Promise.resolve()
    const mine = before.catch(() => {}).then(write)
    this.#tails.set(attemptId, mine)
    const forget = () => {
      if (this.#tails.get(attemptId) === mine) this.#tails.delete(attemptId)
    }
    mine.then(forget, forget)
    return mine
  }
}

/** Attempt ids are ours or a coordinator's; neither may choose a path. */
function fileOf(attemptId: string): string {
  return `${encodeURIComponent(attemptId).replaceAll('.', '%2E')}.json`
}
