import { access, constants, readdir, stat, statfs } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import type { DoctorFinding } from './finding.ts'

const mebibyte = 2 ** 20

/**
 * The host itself: memory for the part budget, the state folder and the room in it, results a coordinator
 * refused. Looks only: nothing is made or locked, so that it may run beside the agent.
 */
export async function checkHost(options: {
  readonly stateFolder: string
  /** Bytes. */
  readonly partBudget: number
}): Promise<readonly DoctorFinding[]> {
  return [
    memory(options.partBudget, totalmem()),
    ...(await state(options.stateFolder)),
    ...(await refusedResults(options.stateFolder)),
  ]
}

/** Exported for its test. */
export function memory(partBudget: number, total: number): DoctorFinding {
  const share = partBudget / total
  const detail = `${mib(partBudget)} for part buffers of ${mib(total)} of memory`
  return {
    ...{ area: 'host', subject: 'memory', level: share > 0.25 ? 'warning' : 'ok' },
    detail: share > 0.25 ? `${detail}: more than a quarter; lower \`part_budget\`` : detail,
  }
}

async function state(folder: string): Promise<readonly DoctorFinding[]> {
  const finding = (level: DoctorFinding['level'], detail: string): DoctorFinding => ({
    ...{ area: 'state', subject: folder, level, detail },
  })
  const existing = await nearestFolder(folder)
  const space = await statfs(existing)
  const free = space.bavail * space.bsize
  const room =
    free < 64 * mebibyte
      ? finding('problem', `${mib(free)} free: the journal cannot be kept`)
      : finding(free < 1_024 * mebibyte ? 'warning' : 'ok', `${mib(free)} free`)
  const writable = await access(existing, constants.W_OK).then(
    () => true,
    () => false,
  )
  if (existing !== folder)
    return [
      room,
      finding(
        writable ? 'note' : 'problem',
        `does not exist yet${writable ? '' : ', and this user cannot make it'}`,
      ),
    ]
  if (!writable)
    return [room, finding('problem', 'this user cannot write to it; run the doctor as the agent’s user')]
  const others = ((await stat(folder)).mode & 0o077) !== 0
  return others ? [room, finding('warning', 'others can look into it: chmod 0700')] : [room]
}

/** What a coordinator would not take stays on the host for a person to look at (J12). */
async function refusedResults(folder: string): Promise<readonly DoctorFinding[]> {
  const refused = await readdir(join(folder, 'spool', 'rejected')).catch(() => [] as string[])
  const count = refused.filter(name => name.endsWith('.json')).length
  return count === 0
    ? []
    : [
        {
          ...{ area: 'state', subject: 'spool/rejected', level: 'warning' },
          detail: `${count} results were refused by a coordinator; look at them, then remove them`,
        },
      ]
}

/** The folder itself, or the nearest one above it that is there. */
export async function nearestFolder(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    const found = await stat(at).catch(() => undefined)
    if (found?.isDirectory() === true || at === dirname(at)) return at
  }
}

function mib(bytes: number): string {
  return bytes >= 1_024 * mebibyte
    ? `${(bytes / (1_024 * mebibyte)).toFixed(1)} GiB`
    : `${Math.floor(bytes / mebibyte)} MiB`
}
