import type { Command } from 'commander'
import { AppError } from '../../shared/errors/index.ts'
import { parseDuration } from '../../shared/time/index.ts'
import { PauseEntry } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { mutating, mutationOf } from '../mutation.ts'
import { table } from '../print/table.ts'
import { ago, instant } from '../print/units.ts'
import { watchOption } from '../watch.ts'

const subjects = {
  database: ['<database>', 'database id, name, or service/name', 'orders-db/orders'],
  host: ['<host>', 'hostname', 'db-host-7'],
  site: ['<datacenter>', 'datacenter', 'ams'],
  fleet: [undefined, '', ''],
} as const
type Scope = keyof typeof subjects

/** `holdfast pause database|host|site|fleet|list`: scheduled backups do not start. */
export function pauseCommand(terminal: Terminal): Command {
  return noun('pause', 'keep scheduled backups from starting; the promise runs on', [
    ...scopes().map(scope => begin(terminal, scope)),
    listing(terminal),
  ])
}

/** `holdfast resume database|host|site|fleet`: they start again. */
export function resumeCommand(terminal: Terminal): Command {
  return noun(
    'resume',
    'end a pause',
    scopes().map(scope => end(terminal, scope)),
  )
}

function begin(terminal: Terminal, scope: Scope): Command {
  const example = `holdfast pause ${[scope, subjects[scope][2]].join(' ').trim()} --for 4h --reason "storage moves, CHG-88"`
  return leaf(
    terminal,
    {
      name: scope,
      summary: `start no scheduled backup of ${scope === 'fleet' ? 'the fleet' : `a ${scope}`}; what runs goes on`,
      examples: [example],
    },
    command =>
      mutating(withSubject(command, scope)).option(
        '--for <duration>',
        'how long, such as 4h or 2d; until it is resumed when absent',
      ),
    async ({ coordinator, print }, [subject = ''], options) => {
      const told = options.for === undefined ? 0 : parseDuration(String(options.for))
      if (told === undefined || (options.for !== undefined && told === 0))
        throw new AppError('usage.invalid', {
          message: '--for must be a duration such as 30m, 4h or 2d',
          context: { for: String(options.for) },
        })
      const { pause } = await coordinator.ask('pause', {
        scope,
        subject,
        durationMs: told,
        ...mutationOf(options),
      })
      print(
        pause,
        () =>
          `${nameOf(pause)} is paused ${pause?.until ? `until ${instant(pause.until)}` : 'until it is resumed'}`,
      )
    },
  )
}

function end(terminal: Terminal, scope: Scope): Command {
  return leaf(
    terminal,
    {
      name: scope,
      summary: `start scheduled backups of ${scope === 'fleet' ? 'the fleet' : `a ${scope}`} again`,
      examples: [`holdfast resume ${[scope, subjects[scope][2]].join(' ').trim()}`],
    },
    command => mutating(withSubject(command, scope)),
    async ({ coordinator, print }, [subject = ''], options) => {
      const { pause } = await coordinator.ask('resume', { scope, subject, ...mutationOf(options) })
      print(
        pause,
        () => `${nameOf(pause)} is resumed; it was paused ${ago(pause?.since ?? 0, terminal.now())}`,
      )
    },
  )
}

function listing(terminal: Terminal): Command {
  return leaf(
    terminal,
    { name: 'list', summary: 'list what is paused now', examples: ['holdfast pause list'] },
    watchOption,
    async ({ coordinator, print }) => {
      const { pauses } = await coordinator.ask('listPauses', {})
      print(
        { pauses },
        () => (pauses.length === 0 ? 'nothing is paused' : pauseTable(pauses, terminal)),
        pauses,
        PauseEntry.fromPartial({}),
      )
    },
  )
}

function pauseTable(pauses: readonly PauseEntry[], terminal: Terminal): string {
  return table(
    pauses,
    [
      { heading: 'SCOPE', value: p => p.scope },
      { heading: 'SUBJECT', value: nameOf, shrinkTo: 12, cut: 'middle' },
      { heading: 'SINCE', value: p => ago(p.since, terminal.now()) },
      { heading: 'UNTIL', value: p => (p.until === 0 ? 'resumed' : instant(p.until)) },
      { heading: 'BY', value: p => p.pausedBy, shrinkTo: 8 },
      { heading: 'REASON', value: p => p.reason, shrinkTo: 12 },
    ],
    terminal.width,
  )
}

function nameOf(pause: PauseEntry | undefined): string {
  return pause?.name ?? ''
}

function withSubject(command: Command, scope: Scope): Command {
  const [argument, about] = subjects[scope]
  return argument === undefined ? command : command.argument(argument, about)
}

function scopes(): readonly Scope[] {
  return Object.keys(subjects) as Scope[]
}
