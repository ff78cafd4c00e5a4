import type { Command } from 'commander'
import { Instance } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { list, paged, selected, selectorOf } from '../list.ts'
import { story } from '../print/story.ts'
import { table } from '../print/table.ts'
import { ago } from '../print/units.ts'

/** `holdfast instance list`. */
export function instanceCommand(terminal: Terminal): Command {
  const listing = leaf(
    terminal,
    {
      name: 'list',
      summary: 'list database servers that discovery showed',
      examples: [
        'holdfast instance list',
        'holdfast instance list --gone',
        'holdfast instance list --selector datacenter=ams',
      ],
    },
    command =>
      selected(paged(command), 'servers').option('--gone', 'only those that vanished from discovery'),
    async (session, _args, options) => {
      const filter = { gone: options.gone === true ? 'true' : undefined, ...selectorOf(options) }
      await list(session, options, filter, request => session.coordinator.ask('listInstances', request), {
        rowsOf: answer => answer.instances,
        key: 'instances',
        like: Instance.fromPartial({}),
        none: 'no instance is known; look at `holdfast status` for the state of discovery',
        table: rows =>
          `${table(
            rows,
            [
              { heading: 'SERVICE', value: i => i.service, shrinkTo: 10 },
              { heading: 'ENGINE', value: i => i.engine },
              { heading: 'ADDRESS', value: i => `${i.address}:${i.port}`, shrinkTo: 12 },
              { heading: 'ROLE', value: i => i.role || '-' },
              { heading: 'DBS', value: i => String(i.databases), align: 'right' },
              { heading: 'AGENT', value: i => i.agentHost || '-', shrinkTo: 8 },
              {
                heading: 'GAP',
                value: i => (i.goneSince > 0 ? `gone ${ago(i.goneSince, terminal.now())}` : i.gap || '-'),
              },
              { heading: 'INVENTORY', value: i => ago(i.inventoriedAt, terminal.now()), drop: 1 },
            ],
            terminal.width,
          )}${warnings(rows, terminal.width)}`,
      })
    },
  )
  return noun('instance', 'database servers', [listing])
}

/** What the backup roles lack, below the table: it is too long for a column. */
function warnings(rows: readonly Instance[], width: number): string {
  const lacking = rows.filter(each => each.missingPrivileges.length > 0)
  if (lacking.length === 0) return ''
  return `\n\n${story(
    lacking.map(each => ({
      margin: 'warning: ',
      text: `the backup role on ${each.service} (${each.address}:${each.port}) lacks ${each.missingPrivileges.join(', ')}`,
    })),
    width,
  )}`
}
