import { baselineOf } from './baseline.ts'
import type { AlertRules } from './settings.ts'
import type { Severity } from './severity.ts'

/** A backup whose size is not what this database's usually are. */
export interface SizeAnomaly {
  readonly what: 'shrank' | 'jumped' | 'ratio'
  readonly severity: Severity
  readonly text: string
  readonly usual: number
  readonly now: number
}

/** The sizes of one backup. */
export interface BackupSizes {
  readonly rawBytes: number
  readonly storedBytes: number
}

/**
 * Whether a backup's size is unusual against those before it: it shrank (data may be gone), it jumped, or its
 * compression ratio changed twofold (other contents, or encrypted by somebody else). Small databases and ones
 * without a history are left alone; a spread as wide as the change is none. After five backups of the new size,
 * that is the usual one.
 */
export function sizeAnomaly(
  backup: BackupSizes,
  before: { readonly rawBytes: readonly number[]; readonly storedBytes: readonly number[] },
  { shrinkTo, growBy, atLeastBytes }: AlertRules['size'],
): SizeAnomaly | undefined {
  const raw = baselineOf(before.rawBytes)
  if (raw === undefined || Math.max(raw.median, backup.rawBytes) < atLeastBytes) return undefined
  const { median, spread } = raw
  const unusual = Math.abs(backup.rawBytes - median) > 4 * spread
  const found = { usual: median, now: backup.rawBytes }
  if (unusual && backup.rawBytes < shrinkTo * median)
    return {
      what: 'shrank',
      severity: backup.rawBytes < 0.1 * median ? 'critical' : 'warning',
      text: `shrank to ${percent(backup.rawBytes / median)} of its usual size`,
      ...found,
    }
  if (unusual && backup.rawBytes > growBy * median && backup.rawBytes - median >= atLeastBytes)
    return {
      what: 'jumped',
      severity: 'warning',
      text: `grew to ${percent(backup.rawBytes / median)} of its usual size`,
      ...found,
    }
  return ratioAnomaly(backup, before)
}

function ratioAnomaly(
  backup: BackupSizes,
  before: { readonly rawBytes: readonly number[]; readonly storedBytes: readonly number[] },
): SizeAnomaly | undefined {
  const ratios = before.rawBytes.flatMap((raw, i) => {
    const stored = before.storedBytes[i]
    return raw > 0 && stored !== undefined && stored > 0 ? [stored / raw] : []
  })
  const usual = baselineOf(ratios)
  if (usual === undefined || usual.median === 0 || backup.rawBytes === 0) return undefined
  const ratio = backup.storedBytes / backup.rawBytes
  const change = ratio / usual.median
  if ((change < 2 && change > 0.5) || Math.abs(ratio - usual.median) <= 4 * usual.spread) return undefined
  return {
    what: 'ratio',
    severity: 'warning',
    text: `is stored in ${percent(ratio)} of its raw size, usually in ${percent(usual.median)}`,
    usual: usual.median,
    now: ratio,
  }
}

function percent(share: number): string {
  const value = share * 100
  return `${value >= 10 ? Math.round(value) : Number(value.toPrecision(2))} %`
}
