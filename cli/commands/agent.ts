import type { Command } from 'commander'
import { Agent } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { list, paged } from '../list.ts'
import { mutating, mutationOf } from '../mutation.ts'
import { card, table } from '../print/table.ts'
import { ago, bytes, instant } from '../print/units.ts'

/** `holdfast agent list|get|drain|undrain`. */
export function agentCommand(terminal: Terminal): Command {
  const listing = leaf(
    terminal,
    {
      name: 'list',
      summary: 'list agents',
      examples: ['holdfast agent list', 'holdfast agent list --state silent'],
    },
    command => paged(command).option('--state <state>', 'connected, silent, away'),
    async (session, _args, options) => {
      await list(
        session,
        options,
        { state: text(options.state) },
        request => session.coordinator.ask('listAgents', request),
        {
          rowsOf: answer => answer.agents,
          key: 'agents',
          like: Agent.fromPartial({}),
          none: 'no agent has connected yet',
          table: rows => agentTable(rows, terminal),
        },
      )
    },
  )
  const get = leaf(
    terminal,
    { name: 'get', summary: 'show one agent', examples: ['holdfast agent get db-host-7'] },
    command => command.argument('<agent>', 'agent id or hostname'),
    async ({ coordinator, print }, [agent = '']) => {
      const answer = await coordinator.ask('getAgent', { agent })
      print(answer.agent, () => (answer.agent ? agentCard(answer.agent, terminal) : ''))
    },
  )
  return noun('agent', 'the processes on database hosts', [
    listing,
    get,
    drain(terminal, true),
    drain(terminal, false),
  ])
}

function drain(terminal: Terminal, on: boolean): Command {
  const name = on ? 'drain' : 'undrain'
  return leaf(
    terminal,
    {
      name,
      summary: on
        ? 'let an agent finish what it has in hand, and give it nothing new'
        : 'give an agent work again',
      examples: [`holdfast agent ${name} db-host-7 --reason "kernel update, CHG-91"`],
    },
    command => mutating(command.argument('<agent>', 'agent id or hostname')),
    async ({ coordinator, print }, [agent = ''], options) => {
      const request = { agent, ...mutationOf(options) }
      const answer = await (on
        ? coordinator.ask('drainAgent', request)
        : coordinator.ask('undrainAgent', request))
      const running = answer.agent?.runningJobIds.length ?? 0
      const left = running === 0 ? 'is idle' : `finishes ${running} ${running === 1 ? 'job' : 'jobs'}`
      const host = answer.agent?.hostname ?? agent
      print(answer.agent, () => (on ? `${host} takes no new work and ${left}` : `${host} takes work again`))
    },
  )
}

function text(option: string | boolean | undefined): string | undefined {
  return typeof option === 'string' ? option : undefined
}

function agentTable(rows: readonly Agent[], terminal: Terminal): string {
  return table(
    rows,
    [
      { heading: 'HOST', value: a => a.hostname, shrinkTo: 10 },
      { heading: 'STATE', value: stateOf },
      { heading: 'SEEN', value: a => ago(a.lastSeenAt, terminal.now()) },
      { heading: 'INSTANCES', value: a => String(a.instances), align: 'right' },
      { heading: 'RUNNING', value: a => String(a.runningJobIds.length), align: 'right' },
      { heading: 'CLOCK', value: a => `${a.clockOffsetMs} ms`, align: 'right' },
      { heading: 'ROLE', value: roleOf },
      { heading: 'VERSION', value: a => a.version },
    ],
    terminal.width,
  )
}

/** One that drains and has nothing in hand any more is `drained`: it may be stopped. */
function stateOf(agent: Agent): string {
  if (!agent.draining) return agent.state
  const drain = agent.connected && agent.runningJobIds.length === 0 ? 'drained' : 'draining'
  return agent.connected ? drain : `${agent.state}, ${drain}`
}

function roleOf(agent: Agent): string {
  return [agent.keeper ? 'keeper' : '', agent.pool ? 'pool' : ''].filter(Boolean).join(',') || 'host'
}

function agentCard(agent: Agent, { now: clock, width }: Terminal): string {
  const now = clock()
  return card(
    [
      ['agent', agent.agentId],
      ['host', agent.hostname],
      ['state', `${stateOf(agent)}, last seen ${ago(agent.lastSeenAt, now)}`],
      ['first seen', instant(agent.firstSeenAt)],
      ['role', roleOf(agent)],
      ['version', agent.version],
      ['addresses', agent.addresses.join(', ')],
      ['cores', String(agent.cores)],
      ['memory', bytes(agent.memoryBytes)],
      ['clock offset', `${agent.clockOffsetMs} ms`],
      ['instances', String(agent.instances)],
      ['running', agent.runningJobIds.join(', ')],
      ['results waiting', String(agent.spooledResults)],
      ['features', agent.features.join(', ')],
      ['tools', agent.tools.map(tool => `${tool.name} (${tool.value})`).join(', ')],
    ],
    width,
  )
}
