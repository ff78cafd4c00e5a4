import type { Command } from 'commander'
import { Answer } from '../../shared/command-line/index.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { list, paged } from '../list.ts'
import { table } from '../print/table.ts'
import { instant } from '../print/units.ts'

/** `holdfast audit list|verify`. */
export function auditCommand(terminal: Terminal): Command {
  const listing = leaf(
    terminal,
    {
      name: 'list',
      summary: 'list audit events, newest first',
      examples: ['holdfast audit list', 'holdfast audit list --actor alice -o json'],
    },
    command =>
      paged(command)
        .option('--actor <actor>', 'who')
        .option('--action <action>', 'what')
        .option('--subject <subject>', 'on what'),
    async (session, _args, options) => {
      const filter = Object.fromEntries(
        ['actor', 'action', 'subject'].map(key => [key, options[key] as string | undefined]),
      )
      await list(session, options, filter, request => session.coordinator.ask('listAudit', request), {
        rowsOf: answer => answer.events,
        key: 'events',
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
      summary: 'check the hash chain of the audit from its first row',
      examples: ['holdfast audit verify'],
      exits: '0 intact; 1 a row was changed, removed or inserted',
    },
    command => command,
    async ({ coordinator, print }) => {
      const answer = await coordinator.ask('verifyAudit', {})
      print(answer, () =>
        answer.intact
          ? `intact: ${answer.checked} events, head ${answer.headSeq} ${answer.headHash}`
          : `broken at ${answer.brokenSeq}: ${answer.problem} (${answer.checked} events before it fit)`,
      )
      if (!answer.intact) throw new Answer(1)
    },
  )
  return noun('audit', 'who did what', [listing, verify])
}
