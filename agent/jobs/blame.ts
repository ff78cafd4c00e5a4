import type { AppError } from '../../shared/errors/index.ts'

/**
 * What the tools of a restore say when the server or its host lacks something, or dies: it says nothing of the
 * backup. Messages of PostgreSQL, MySQL and MariaDB in English (`LC_ALL=C`).
 */
const lacking: readonly RegExp[] = [
  /no space left on device|disk full|could not (extend|write)|can't create\/write to file|the table '.*' is full/i,
  /out of (shared )?memory|cannot allocate memory/i,
  /server closed the connection|terminating connection|connection to server|lost connection|server has gone away/i,
  /extension ".*" is not available|could not open extension control file|no installation script/i,
  /could not (access|load|open) (file|library)|shared_preload_libraries|must be (pre)?loaded|unrecognized configuration parameter/i,
  /role ".*" does not exist|tablespace ".*" does not exist|permission denied|must be superuser/i,
  /collation ".*" .*does not exist|unknown collation|unknown character set|unknown storage engine/i,
  /plugin .* is not loaded|access denied|unknown or incorrect time zone/i,
]

/** Codes of failures that lie in the backup whatever server it is restored into. */
const damaged: ReadonlySet<string> = new Set(['backup.corrupt', 'backup.incomplete', 'manifest.invalid'])

/** Stages that read what is stored before a server sees any of it. `age` is not among them: keys may be wrong. */
const readers: ReadonlySet<string> = new Set(['zstd', 'gzip', 'xz', 'bzip2'])

/**
 * Whether a restore into a server of ours failed for a reason that lies in the backup. In doubt it does not: a
 * verdict against a backup must be certain, and what is not one is tried again.
 *
 * @param sameLine the server was of the backup's own version; a newer one may refuse what its own would take
 */
export function liesInBackup(error: AppError, sameLine: boolean): boolean {
  const { code, context } = error
  if (damaged.has(code)) return true
  if (code === 'stage.bytes-lost')
    return context['to'] === 'the manifest' && typeof context['wrote_bytes'] === 'number'
  if (code !== 'restore.failed' && code !== 'stage.failed') return false
  // ended by a signal, or never begun: somebody's doing, not the data's
  if (code === 'stage.failed' && typeof context['status'] !== 'number') return false
  const { stage } = context
  if (code === 'stage.failed' && typeof stage === 'string' && readers.has(stage)) return true
  if (code === 'stage.failed' && stage === 'age') return false
  return sameLine && !lacking.some(pattern => pattern.test(saidBy(error)))
}

/** Everything that was said of it: a failed stage's stderr stands in its context, or in that of its cause. */
function saidBy(error: AppError): string {
  return [error.message, ...Object.values(error.context).flat().map(String)].join('\n')
}
