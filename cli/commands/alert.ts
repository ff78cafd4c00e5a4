import type { Command } from 'commander'
import { leaf, noun, type Terminal } from '../command.ts'
import { list, paged } from '../list.ts'
import { table } from '../print/table.ts'
import { ago } from '../print/units.ts'

/** `holdfast alert list`: what people are or were told. */
export function alertCommand(terminal: Terminal): Command {
  const listing = leaf(
    terminal,
    { name: 'list', summary: 'list alerts, newest first', examples: ['holdfast alert list --state open'] },
    command => paged(command).option('--state <state>', 'open, resolved'),
    async (session, _args, options) => {
      const filter = { state: options.state as string | undefined }
      await list(session, options, filter, request => session.coordinator.ask('listAlerts', request), {
        rowsOf: answer => answer.alerts,
        key: 'alerts',
        none: 'no alert',
        table: rows =>
          table(
            rows,
            [
              { heading: 'ALERT', value: a => a.kind },
              { heading: 'SEVERITY', value: a => a.severity },
              { heading: 'STATE', value: a => a.state },
              { heading: 'OPENED', value: a => ago(a.openedAt, terminal.now()) },
              { heading: 'TOLD', value: a => a.delivery },
              { heading: 'SUMMARY', value: a => a.summary, shrinkTo: 20 },
            ],
            terminal.width,
          ),
      })
    },
  )
  return noun('alert', 'what people are told', [listing])
}
