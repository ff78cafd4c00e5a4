import type { Command } from 'commander'
import { Answer } from '../../shared/command-line/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import { formatFilter } from '../../shared/model/filter.ts'
import { AuditEvent, type VerifyAuditResponse } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { type ListRequest, list, paged } from '../list.ts'
import { csv } from '../print/csv.ts'
import { plain } from '../print/json.ts'
import { atWords, table } from '../print/table.ts'
import { instant } from '../print/units.ts'
import { timed, timesOf } from '../time-options.ts'

const filters = ['actor', 'action', 'subject'] as const
const columns = [
  'seq',
  'at',
  'event_class',
  'actor',
  'action',
  'subject',
  'reason',
  'detail',
  'prev_hash',
  'hash',
]

/** `holdfast audit list|export|verify`. */
export function auditCommand(terminal: Terminal): Command {
  const listing = leaf(
    terminal,
    {
      name: 'list',
      summary: 'list audit events, newest first',
      examples: ['holdfast audit list', 'holdfast audit list --actor operator:alice --since 24h -o json'],
    },
    command => paged(filtered(command)),
    async (session, _args, options) => {
      const ask = (request: ListRequest) =>
        session.coordinator.ask('listAudit', { ...request, oldestFirst: false })
      await list(session, options, filterOf(options, terminal.now()), ask, {
        rowsOf: answer => answer.events,
        key: 'events',
        like: AuditEvent.fromPartial({}),
        none: 'no event',
        table: rows =>
          table(
            rows,
            [
              { heading: 'SEQ', value: e => String(e.seq), align: 'right' },
              { heading: 'AT', value: e => instant(e.at) },
              { heading: 'ACTOR', value: e => e.actor, shrinkTo: 10, cut: 'middle' },
              { heading: 'ACTION', value: e => e.action },
              { heading: 'SUBJECT', value: e => e.subject, shrinkTo: 12, cut: 'middle' },
              { heading: 'REASON', value: e => e.reason, shrinkTo: 6 },
            ],
            terminal.width,
          ),
      })
    },
  )
  const verify = leaf(
    terminal,
    {
      name: 'verify',
      summary: 'check the hash chain of the audit from its first row, and against its anchors in the bucket',
      examples: ['holdfast audit verify', 'holdfast audit verify --without-anchors'],
      exits: '0 intact; 1 a row was changed, removed or inserted; 14 the anchors could not be read',
    },
    command =>
      command
        .option('--without-anchors', 'only the chain itself: a rewritten one is not noticed')
        .option('--this-incarnation', 'leave out anchors made before the store was put back from a copy'),
    async ({ coordinator, print }, _args, options) => {
      const answer = await coordinator.ask('verifyAudit', {
        withoutAnchors: options.withoutAnchors === true,
        thisIncarnation: options.thisIncarnation === true,
      })
      print(answer, () => {
        const said = answer.intact
          ? `intact: ${answer.checked} events, head ${answer.headSeq} ${answer.headHash}\n${anchorsOf(answer)}`
          : `broken at ${answer.brokenSeq}: ${answer.problem} (${answer.checked} events before it fit)\n${answer.detail}`
        return said
          .split('\n')
          .flatMap(each => atWords(each, terminal.width))
          .join('\n')
      })
      if (!answer.intact) throw new Answer(1)
    },
  )
  return noun('audit', 'who did what', [listing, exporting(terminal), verify])
}

function anchorsOf({ anchorDestination, anchors, anchoredSeq }: VerifyAuditResponse): string {
  if (anchorDestination === '')
    return 'not compared with anchors: what was rewritten as a whole is not noticed'
  return `fits ${anchors} anchors in ${anchorDestination}, the newest of event ${anchoredSeq}`
}

function exporting(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'export',
      summary: 'write every event of a time, oldest first, for an archive or another tool',
      examples: [
        'holdfast audit export --since 2026-10-01T00:00:00Z --until 2026-11-01T00:00:00Z > october.jsonl',
        'holdfast audit export --actor operator:alice --format csv > alice.csv',
      ],
    },
    command => filtered(command).option('--format <format>', 'jsonl (a JSON object a line) or csv', 'jsonl'),
    async ({ coordinator }, _args, options) => {
      const { format } = options
      if (format !== 'jsonl' && format !== 'csv')
        throw new AppError('usage.invalid', {
          message: `\`${String(format)}\` is no format; there are jsonl and csv`,
        })
      const filter = formatFilter(filterOf(options, terminal.now()))
      if (format === 'csv') terminal.out(csv(columns, []))
      let pageToken = ''
      do {
        const answer = await coordinator.ask('listAudit', {
          pageSize: 500,
          pageToken,
          filter,
          oldestFirst: true,
        })
        for (const event of answer.events) terminal.out(format === 'csv' ? row(event) : line(event))
        pageToken = answer.nextPageToken
      } while (pageToken !== '')
    },
  )
}

/** One line: whoever reads it line by line needs no parser that understands the whole. */
function line({ detail, ...event }: AuditEvent): string {
  return `${JSON.stringify({ ...(plain(event) as object), detail: JSON.parse(detail) as unknown })}\n`
}

function row(event: AuditEvent): string {
  const told = plain(event) as Readonly<Record<string, string | number>>
  return csv([], [columns.map(column => told[column] ?? '')])
}

function filtered(command: Command): Command {
  return timed(command)
    .option('--actor <actor>', 'who')
    .option('--action <action>', 'what')
    .option('--subject <subject>', 'on what')
}

function filterOf(options: Readonly<Record<string, string | boolean | undefined>>, now: number) {
  const words = Object.fromEntries(filters.map(key => [key, options[key] as string | undefined]))
  return { ...words, ...timesOf(options, now) }
}
