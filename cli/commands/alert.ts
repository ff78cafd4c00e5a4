import type { Command } from 'commander'
import { Answer } from '../../shared/command-line/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import { parseDuration } from '../../shared/time/index.ts'
import { Alert, type GetAlertResponse, Silence } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { list, paged, selected, selectorOf } from '../list.ts'
import { mutating, mutationOf } from '../mutation.ts'
import { card, table } from '../print/table.ts'
import { ago, instant } from '../print/units.ts'
import { inTime, stretchOf } from '../time-options.ts'
import { watchOption } from '../watch.ts'

/** `holdfast alert list|get|ack|silence|silences|unsilence|test`: what people are or were told. */
export function alertCommand(terminal: Terminal): Command {
  return noun('alert', 'what people are told', [
    listing(terminal),
    get(terminal),
    ack(terminal),
    silence(terminal),
    silences(terminal),
    unsilence(terminal),
    test(terminal),
  ])
}

function listing(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'list',
      summary: 'list alerts, newest first',
      examples: [
        'holdfast alert list --state open',
        "holdfast alert list --selector 'severity=critical,datacenter=ams'",
      ],
    },
    command => inTime(selected(paged(command), 'alerts')).option('--state <state>', 'open, resolved'),
    async (session, _args, options) => {
      const filter = {
        state: options.state as string | undefined,
        ...selectorOf(options),
        ...stretchOf(options, terminal.now()),
      }
      await list(session, options, filter, request => session.coordinator.ask('listAlerts', request), {
        rowsOf: answer => answer.alerts,
        key: 'alerts',
        like: Alert.fromPartial({}),
        none: 'no alert',
        table: rows =>
          table(
            rows,
            [
              { heading: 'ID', value: a => a.alertId, wide: true },
              { heading: 'ALERT', value: a => a.kind },
              { heading: 'SEVERITY', value: a => a.severity, paint: terminal.paint },
              { heading: 'STATE', value: stateOf, paint: terminal.paint },
              { heading: 'OPENED', value: a => ago(a.openedAt, terminal.now()) },
              { heading: 'TOLD', value: a => a.delivery, paint: terminal.paint },
              { heading: 'SUMMARY', value: a => a.summary, shrinkTo: 20 },
            ],
            terminal.width,
          ),
      })
    },
  )
}

function get(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'get',
      summary: 'show one alert: who was told what, and what it explains',
      examples: ['holdfast alert get alr_01890a5d-…', 'holdfast alert get site-silent/ams'],
    },
    command => watchOption(command.argument('<alert>', 'alert id, or the key of an open alert')),
    async ({ coordinator, print }, [alert = '']) => {
      const answer = await coordinator.ask('getAlert', { alert })
      print(answer, () => alertCard(answer, terminal))
    },
  )
}

function ack(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'ack',
      summary: 'say that you look after an alert: no reminders while it does not get worse',
      examples: ['holdfast alert ack alr_01890a5d-… --reason "disk ordered, HW-4711"'],
    },
    command => mutating(command.argument('<alert>', 'alert id, or the key of an open alert')),
    async ({ coordinator, print }, [alert = ''], options) => {
      const answer = await coordinator.ask('ackAlert', { alert, ...mutationOf(options) })
      print(
        answer.alert,
        () => `${answer.alert?.kind ?? alert} is looked after by ${answer.alert?.ackedBy ?? ''}`,
      )
    },
  )
}

const selectorOptions = [
  'kind',
  'severity',
  'alert',
  'datacenter',
  'service',
  'engine',
  'database',
  'host',
  'destination',
] as const

function silence(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'silence',
      summary: 'tell nobody of matching alerts for a while; what is still wrong then is told then',
      examples: [
        'holdfast alert silence --datacenter ams --for 4h --reason "power works, CHG-88"',
        'holdfast alert silence --service orders-db,shop-db --kind long-running --for 2d --reason "index rebuild"',
      ],
    },
    command => {
      const shaped = mutating(
        command.requiredOption('--for <duration>', 'how long, such as 2h or 3d; up to 31d'),
      )
      for (const key of selectorOptions)
        shaped.option(
          `--${key} <patterns>`,
          key === 'alert' ? 'one alert by its id' : 'patterns with *, joined by commas',
        )
      return shaped
    },
    async ({ coordinator, print }, _args, options) => {
      const durationMs = parseDuration(String(options.for ?? ''))
      if (durationMs === undefined || durationMs === 0)
        throw new AppError('usage.invalid', {
          message: '--for must be a duration such as 30m, 4h or 2d',
          context: { for: String(options.for) },
        })
      const selector = selectorOptions.flatMap(name =>
        String(options[name] ?? '')
          .split(',')
          .map(value => value.trim())
          .filter(value => value !== '')
          .map(value => ({ name, value })),
      )
      if (selector.length === 0)
        throw new AppError('usage.invalid', {
          message: 'say what is to be silent',
          hint: `Give one of ${selectorOptions.map(each => `--${each}`).join(', ')}.`,
        })
      const answer = await coordinator.ask('silenceAlerts', { selector, durationMs, ...mutationOf(options) })
      print(
        answer,
        () =>
          `${answer.silence?.silenceId ?? ''}: silent until ${instant(answer.silence?.endsAt ?? 0)}; matches ${answer.matches} open ${answer.matches === 1 ? 'alert' : 'alerts'} now`,
      )
    },
  )
}

function silences(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'silences',
      summary: 'list the silences that hold now',
      examples: ['holdfast alert silences'],
    },
    watchOption,
    async ({ coordinator, print }) => {
      const answer = await coordinator.ask('listSilences', {})
      print(
        answer,
        () =>
          answer.silences.length === 0
            ? 'no silence'
            : table(
                answer.silences,
                [
                  { heading: 'SILENCE', value: s => s.silenceId },
                  { heading: 'ENDS', value: s => ago(s.endsAt, terminal.now()) },
                  { heading: 'BY', value: s => s.createdBy, shrinkTo: 10, drop: 1 },
                  { heading: 'OVER', value: selectorText, shrinkTo: 15 },
                  { heading: 'REASON', value: s => s.reason, shrinkTo: 10 },
                ],
                terminal.width,
              ),
        answer.silences,
        Silence.fromPartial({}),
      )
    },
  )
}

function unsilence(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'unsilence',
      summary: 'end a silence before its time',
      examples: ['holdfast alert unsilence sil_01890a5d-…'],
    },
    command => mutating(command.argument('<silence>', 'silence id')),
    async ({ coordinator, print }, [silenceId = ''], options) => {
      const answer = await coordinator.ask('endSilence', { silenceId, ...mutationOf(options) })
      print(answer.silence, () => `${silenceId} has ended`)
    },
  )
}

function test(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'test',
      summary: 'send a marked message to one channel and show what it answers',
      examples: ['holdfast alert test --channel ops'],
      exits: '0 it was taken; 1 it was not',
    },
    command => mutating(command.requiredOption('--channel <name>', 'a channel of the configuration')),
    async ({ coordinator, print }, _args, options) => {
      const channel = String(options.channel ?? '')
      const answer = await coordinator.ask('testAlertChannel', { channel, ...mutationOf(options) })
      print(
        answer,
        () =>
          `${channel}: ${answer.delivered ? 'delivered' : 'not delivered'} in ${answer.tookMs} ms: ${answer.answer}`,
      )
      if (!answer.delivered) throw new Answer(1)
    },
  )
}

function stateOf(alert: Alert): string {
  return alert.state === 'open' && alert.ackedBy !== '' ? 'acked' : alert.state
}

function selectorText({ selector }: Silence): string {
  return selector.map(({ name, value }) => `${name}=${value}`).join(' ')
}

function alertCard({ alert, messages, members }: GetAlertResponse, terminal: Terminal): string {
  if (alert === undefined) return ''
  const now = terminal.now()
  const seen = `${instant(alert.openedAt)} (${ago(alert.openedAt, now)})`
  const blocks = [
    card(
      [
        ['alert', alert.alertId],
        ['about', alert.dedupKey],
        ['kind', `${alert.kind}, ${alert.severity}`],
        ['state', stateOf(alert), terminal.paint],
        ['summary', alert.summary],
        ['opened', seen],
        ['last seen', instant(alert.lastSeenAt)],
        ['resolved', alert.resolvedAt === 0 ? '' : instant(alert.resolvedAt)],
        ['explained by', alert.explainedBy],
        ['explains', alert.members === 0 ? '' : `${alert.members} alerts`],
        [
          'looked after',
          alert.ackedBy === '' ? '' : `${alert.ackedBy}, ${ago(alert.ackedAt, now)}: ${alert.ackReason}`,
        ],
        ['looked at again', alert.nextLookAt === 0 ? '' : ago(alert.nextLookAt, now)],
        ...alert.facts.map(({ name, value }) => [name, value] as const),
      ],
      terminal.width,
    ),
  ]
  if (messages.length > 0)
    blocks.push(
      table(
        messages,
        [
          { heading: 'CHANNEL', value: m => m.channel, shrinkTo: 10 },
          { heading: 'EVENT', value: m => m.event },
          { heading: 'STATE', value: m => m.state, paint: terminal.paint },
          { heading: 'TRIES', value: m => String(m.attempts), align: 'right' },
          { heading: 'WHEN', value: m => ago(m.createdAt, now) },
          { heading: 'NEXT', value: m => (m.nextAttemptAt === 0 ? '' : ago(m.nextAttemptAt, now)) },
          { heading: 'LAST ERROR', value: m => m.lastError, shrinkTo: 15 },
        ],
        terminal.width,
      ),
    )
  if (members.length > 0)
    blocks.push(
      table(
        members,
        [
          { heading: 'EXPLAINS', value: m => m.kind },
          { heading: 'SEVERITY', value: m => m.severity, paint: terminal.paint },
          { heading: 'SUMMARY', value: m => m.summary, shrinkTo: 20 },
        ],
        terminal.width,
      ),
    )
  return blocks.join('\n\n')
}
