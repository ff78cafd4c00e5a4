import type { Command } from 'commander'
import { AppError } from '../../shared/errors/index.ts'
import { parseDuration } from '../../shared/time/index.ts'
import type { Backup } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, type Terminal } from '../command.ts'
import { approvable, approvableOf, mutating, mutationOf } from '../mutation.ts'
import { ago, instant } from '../print/units.ts'

/** `holdfast backup hold|release|delete`. */
export function keepingCommands(terminal: Terminal): readonly Command[] {
  return [hold(terminal), release(terminal), remove(terminal)]
}

function hold(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'hold',
      summary: 'keep a backup whatever any rule says, until it is released',
      examples: [
        'holdfast backup hold bak_01890a5d-… --reason "evidence, CASE-7"',
        'holdfast backup hold bak_01890a5d-… --for 90d --reason "year end"',
      ],
    },
    command =>
      mutating(command.argument('<backup>', 'backup id'))
        .option('--for <duration>', 'when it is over by itself, such as 90d; never when absent')
        .option('--until <time>', 'the same as a time: ISO 8601'),
    async ({ coordinator, print }, [backupId = ''], options) => {
      const until = endOf(options, terminal.now())
      const answer = await coordinator.ask('holdBackup', { backupId, until, ...mutationOf(options) })
      print(answer, () => `held ${until === 0 ? 'until it is released' : `until ${instant(until)}`}`)
    },
  )
}

function release(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'release',
      summary: 'end a hold: from then on retention decides again',
      examples: ['holdfast backup release bak_01890a5d-… --reason "CASE-7 is closed"'],
    },
    command => approvable(command.argument('<backup>', 'backup id')),
    async ({ coordinator, print }, [backupId = ''], options) => {
      const answer = await coordinator.ask('releaseBackup', { backupId, ...approvableOf(options) })
      print(answer, () => 'released')
    },
  )
}

function remove(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'delete',
      summary: 'delete a backup everywhere; never the last good one of a database by accident',
      examples: ['holdfast backup delete bak_01890a5d-… --reason "holds what must be erased, DPO-12"'],
    },
    command =>
      approvable(command.argument('<backup>', 'backup id')).option(
        '--even-last-good',
        'also when nothing else of its database is left',
      ),
    async ({ coordinator, print }, [backupId = ''], options) => {
      const answer = await coordinator.ask('deleteBackup', {
        ...{ backupId, lastGood: options.evenLastGood === true },
        ...approvableOf(options),
      })
      print(
        answer,
        () => `it is no backup any more; keepers remove its objects: holdfast backup get ${backupId}`,
      )
    },
  )
}

/** Who holds a backup and why, on one line. */
export function holdText({ hold }: Backup): string {
  if (hold === undefined) return ''
  const until = hold.until === 0 ? '' : `, until ${instant(hold.until)}`
  return `by ${hold.by} since ${instant(hold.at)}${until}: ${hold.reason}`
}

/** When it goes, or went, and who let it. */
export function goesFields(backup: Backup, now: number): string {
  const { deletedAt, deletingSince, expiredSince, expiresAt, deletedBy, deletedFor } = backup
  const words = `let go by ${deletedBy}: ${deletedFor}`
  if (deletedAt > 0) return `gone since ${instant(deletedAt)}, ${words}`
  if (deletingSince > 0) return `being deleted since ${ago(deletingSince, now)}, ${words}`
  if (expiredSince > 0) return `${instant(expiresAt)}: nothing keeps it since ${instant(expiredSince)}`
  return expiresAt > 0 ? `${instant(expiresAt)} at the earliest` : ''
}

/** When a hold is over; 0: never. @throws AppError `usage.invalid` */
function endOf(options: Readonly<Record<string, string | boolean | undefined>>, now: number): number {
  const wrong = (message: string) => new AppError('usage.invalid', { message })
  if (options.for === undefined && options.until === undefined) return 0
  if (options.for !== undefined && options.until !== undefined)
    throw wrong('--for and --until say the same: give one')
  const span = options.for === undefined ? undefined : parseDuration(String(options.for))
  if (options.for !== undefined && span === undefined)
    throw wrong(`--for: \`${String(options.for)}\` is no duration such as 90d`)
  const at = span === undefined ? Date.parse(String(options.until)) : now + span
  if (!Number.isSafeInteger(at) || at <= now)
    throw wrong(`--until: \`${String(options.until)}\` is no time to come`)
  return at
}
