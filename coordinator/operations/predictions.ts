import type { BackupId, DatabaseId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'
import { type Fit, fitOf, type Prediction, predict } from '../planner/index.ts'
import type { Policy } from '../policy/index.ts'
import type { ReadModel } from '../store/port.ts'
import type { DatabaseRecord, DatabaseStateRecord, KnownEngine } from '../store/records.ts'

/** Backups of a database that are looked at: enough for a median, a tail and a trend. */
const history = 12
/** Fewer say no more than the last one, which is at hand. */
const worthReading = 4

/** A database as predictions are made of it. */
export interface Predicted {
  readonly record: DatabaseRecord
  readonly state: DatabaseStateRecord | undefined
  readonly engine: KnownEngine | undefined
  readonly policy: Policy | undefined
}

/**
 * How long backups will take, from each database's own history. The history stays where it is, in the rows of the
 * backups: what was read of it is kept as a handful of numbers, for those that were asked for, until there is a
 * newer backup. Reading is bounded at each look; until it was done, the last backup speaks.
 */
export class Predictions {
  readonly #fits = new Map<DatabaseId, { readonly of: BackupId; readonly fit: Fit | undefined }>()
  readonly #wanted = new Map<DatabaseId, BackupId>()

  /** @param at when the run would be; `wanted`: whether its history is worth reading soon */
  of({ record, state, engine, policy }: Predicted, at: Millis, wanted = false): Prediction {
    const known = this.#fits.get(record.id)
    const newest = state?.lastBackupId
    if (wanted && newest !== undefined && (state?.backups ?? 0) >= worthReading && known?.of !== newest)
      this.#wanted.set(record.id, newest)
    return predict({
      engine: engine === undefined || engine === 'unknown' ? 'postgres' : engine,
      sizeBytes: record.sizeBytes,
      at,
      ...(known?.fit === undefined ? {} : { fit: known.fit }),
      ...(state?.lastDurationMs === undefined ? {} : { lastDurationMs: state.lastDurationMs }),
      ...(state?.lastStoredBytes === undefined ? {} : { lastStoredBytes: state.lastStoredBytes }),
      ...(policy?.maxRate === undefined ? {} : { maxRate: policy.maxRate }),
    })
  }

  /** Reads the history of at most `most` databases that were asked for: an indexed page each. */
  async read(store: Pick<ReadModel, 'backups'>, most: number): Promise<void> {
    for (const [databaseId, newest] of [...this.#wanted].slice(0, most)) {
      this.#wanted.delete(databaseId)
      const { items } = await store.backups({ size: history }, { databaseId })
      const runs = items.map(({ startedAt, committedAt, storedBytes }) => ({
        startedAt,
        durationMs: Math.max(0, committedAt - startedAt),
        storedBytes,
      }))
      this.#fits.set(databaseId, { of: newest, fit: fitOf(runs) })
    }
  }
}
