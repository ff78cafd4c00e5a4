import type { Command } from 'commander'
import { Approval } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { list, paged } from '../list.ts'
import { mutating, mutationOf } from '../mutation.ts'
import { table } from '../print/table.ts'
import { ago, instant } from '../print/units.ts'

/** `holdfast approval list|grant|deny`. */
export function approvalCommand(terminal: Terminal): Command {
  return noun('approval', 'what takes a second person', [
    listing(terminal),
    decide(terminal, true),
    decide(terminal, false),
  ])
}

function listing(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'list',
      summary: 'list what waits for a second person, and what was decided',
      examples: ['holdfast approval list --state pending', 'holdfast approval list -o json'],
    },
    command => paged(command).option('--state <state>', 'pending, granted, denied, used, expired'),
    async (session, _args, options) => {
      const { state } = options as Readonly<Record<string, string | undefined>>
      const ask = (request: Parameters<typeof session.coordinator.ask<'listApprovals'>>[1]) =>
        session.coordinator.ask('listApprovals', request)
      await list(session, options, { state }, ask, {
        rowsOf: answer => answer.approvals,
        key: 'approvals',
        like: Approval.fromPartial({}),
        none: 'nothing waits for a second person',
        table: rows =>
          table(
            rows,
            [
              { heading: 'APPROVAL', value: a => a.approvalId },
              { heading: 'STATE', value: a => a.state },
              { heading: 'ASKED', value: a => ago(a.askedAt, terminal.now()), drop: 1 },
              { heading: 'BY', value: a => a.askedBy, shrinkTo: 6 },
              { heading: 'WHAT', value: a => a.summary, shrinkTo: 20, wrap: true },
            ],
            terminal.width,
          ),
      })
    },
  )
}

function decide(terminal: Terminal, granted: boolean): Command {
  const name = granted ? 'grant' : 'deny'
  return leaf(
    terminal,
    {
      name,
      summary: granted
        ? 'agree to what somebody else asked for; they repeat it once'
        : 'refuse what somebody asked for, or take back what you asked for',
      examples: [`holdfast approval ${name} apr_01890a5d-… --reason "talked it over, CHG-92"`],
    },
    command => mutating(command.argument('<approval>', 'approval id')),
    async ({ coordinator, print }, [approvalId = ''], options) => {
      const request = { approvalId, ...mutationOf(options) }
      const { approval } = await (granted
        ? coordinator.ask('grantApproval', request)
        : coordinator.ask('denyApproval', request))
      print(approval, () =>
        granted
          ? `granted: ${approval?.summary}; ${approval?.askedBy} repeats it with --approval ${approval?.approvalId} until ${instant(approval?.expiresAt ?? 0)}`
          : `denied: ${approval?.summary}`,
      )
    },
  )
}
