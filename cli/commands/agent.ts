import type { Command } from 'commander'
import type { Disk } from '../../shared/wire/gen/holdfast/v1/common.ts'
import { Agent } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { list, paged } from '../list.ts'
import { mutating, mutationOf } from '../mutation.ts'
import { card, table } from '../print/table.ts'
import { ago, bytes, instant, shortDuration } from '../print/units.ts'
import { watchOption } from '../watch.ts'
import { joining } from './agent-joining.ts'

/** `holdfast agent list|get|drain|undrain`. */
export function agentCommand(terminal: Terminal): Command {
  const listing = leaf(
    terminal,
    {
      name: 'list',
      summary: 'list agents',
      examples: ['holdfast agent list', 'holdfast agent list --state silent'],
    },
    command => paged(command).option('--state <state>', 'connected, silent, away, refused'),
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
    command => watchOption(command.argument('<agent>', 'agent id or hostname')),
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
    ...joining(terminal),
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
      { heading: 'STATE', value: stateOf, paint: terminal.paint },
      // an agent and a keeper may share a host, and its name
      { heading: 'ROLE', value: roleOf },
      { heading: 'SEEN', value: a => ago(a.lastSeenAt, terminal.now()) },
      { heading: 'RUNNING', value: slotsOf, align: 'right' },
      { heading: 'CLOCK', value: a => `${a.clockOffsetMs} ms`, align: 'right' },
      { heading: 'VERSION', value: a => a.version, shrinkTo: 8 },
      { heading: 'SKEW', value: a => a.versionSkew },
      { heading: 'INSTANCES', value: a => String(a.instances), align: 'right', wide: true },
      { heading: 'CORES', value: a => String(a.cores), align: 'right', wide: true },
      { heading: 'LOAD', value: a => a.resources?.load1.toFixed(1) ?? '-', align: 'right', wide: true },
      { heading: 'MEMORY', value: memoryOf, wide: true },
      { heading: 'PRESSURE', value: pressureOf, wide: true },
      { heading: 'FULLEST DISK', value: fullestOf, wide: true },
      { heading: 'NETWORK', value: networkOf, wide: true },
      { heading: 'LAG', value: lagsOf, wide: true },
      { heading: 'RUNS', value: a => a.running.map(each => each.value).join(', ') || '-', wide: true },
    ],
    terminal.width,
  )
}

/** The version, and what sets it apart from the coordinator's. */
function versionOf({ version, versionSkew }: Agent): string {
  return versionSkew === '' || versionSkew === 'same' ? version : `${version} (${versionSkew})`
}

/** What it runs, of what it may. */
function slotsOf({ runningJobIds, slots }: Agent): string {
  return slots === 0 ? String(runningJobIds.length) : `${runningJobIds.length}/${slots}`
}

function memoryOf({ resources, memoryBytes }: Agent): string {
  return resources === undefined
    ? `${bytes(memoryBytes)}`
    : `${bytes(resources.memoryAvailableBytes)} of ${bytes(memoryBytes)} free`
}

/** What is not told is unknown, which is not none. */
function pressureOf({ resources }: Agent): string {
  if (resources?.pressure === undefined) return 'unknown'
  const { cpu, memory, io } = resources.pressure
  const one = (name: string, value: number | undefined) =>
    value === undefined ? [] : [`${name} ${Math.round(value)} %`]
  return [...one('cpu', cpu), ...one('memory', memory), ...one('io', io)].join(', ')
}

function diskText({ path, freeBytes, totalBytes, purposes }: Disk): string {
  return `${path} ${bytes(freeBytes)} of ${bytes(totalBytes)} free (${purposes.join(', ')})`
}

function fullestOf({ resources }: Agent): string {
  const full = (disk: Disk) => 1 - disk.freeBytes / Math.max(1, disk.totalBytes)
  const [fullest] = [...(resources?.disks ?? [])].sort((a, b) => full(b) - full(a))
  return fullest === undefined ? '-' : diskText(fullest)
}

function networkOf({ resources }: Agent): string {
  const links = resources?.links ?? []
  const rate = (name: string, sent: number, received: number) =>
    `${name} ${bytes(sent)}/s out, ${bytes(received)}/s in`
  return links.map(each => rate(each.name, each.sentBytesPerSecond, each.receivedBytesPerSecond)).join('; ')
}

function lagsOf({ replicationLags }: Agent): string {
  return replicationLags.map(({ name, value }) => `${name} ${shortDuration(Number(value))}`).join(', ') || '-'
}

/** One that drains and has nothing in hand any more is `drained`: it may be stopped. */
function stateOf(agent: Agent): string {
  if (!agent.draining) return agent.state
  const drain = agent.connected && agent.runningJobIds.length === 0 ? 'drained' : 'draining'
  return agent.connected ? drain : `${agent.state}, ${drain}`
}

/** Whether the agent itself says that it takes nothing new. */
function drainOf({ draining, drainTaken }: Agent): string {
  if (draining) return drainTaken ? 'the agent takes nothing new' : 'the agent has not heard of it yet'
  return drainTaken ? 'the agent takes nothing new: it is stopping' : ''
}

function roleOf(agent: Agent): string {
  return [agent.keeper ? 'keeper' : '', agent.pool ? 'pool' : ''].filter(Boolean).join(',') || 'host'
}

function agentCard(agent: Agent, { now: clock, width, paint }: Terminal): string {
  const now = clock()
  return card(
    [
      ['agent', agent.agentId],
      ['host', agent.hostname],
      ['state', `${stateOf(agent)}, last seen ${ago(agent.lastSeenAt, now)}`, paint],
      ['first seen', instant(agent.firstSeenAt)],
      ['role', roleOf(agent)],
      ['version', versionOf(agent)],
      ['addresses', agent.addresses.join(', ')],
      ['cores', String(agent.cores)],
      ['memory', bytes(agent.memoryBytes)],
      ['clock offset', `${agent.clockOffsetMs} ms`],
      ['instances', String(agent.instances)],
      ['running', agent.running.map(({ name, value }) => `${value} (${name})`).join(', ')],
      ['slots', slotsOf(agent)],
      ['drain', drainOf(agent)],
      ['load', agent.resources?.load1.toFixed(2) ?? ''],
      ['memory free', agent.resources === undefined ? '' : bytes(agent.resources.memoryAvailableBytes)],
      ['part buffers', agent.resources === undefined ? '' : bytes(agent.resources.partBufferBytes)],
      ['rate limit', agent.resources?.maxRate ? `${bytes(agent.resources.maxRate)}/s` : ''],
      ['pressure', pressureOf(agent)],
      ['yields', agent.resources?.yielding ?? ''],
      ...(agent.resources?.disks ?? []).map(disk => ['disk', diskText(disk)] as const),
      ['network', networkOf(agent)],
      ['replication lag', agent.replicationLags.length === 0 ? '' : lagsOf(agent)],
      ...agent.doubts.map(doubt => ['not believed', doubt] as const),
      ['results waiting', String(agent.spooledResults)],
      ['features', agent.features.join(', ')],
      ['hooks', agent.hooks.join(', ')],
      ['tools', agent.tools.map(tool => `${tool.name} (${tool.value})`).join(', ')],
    ],
    width,
  )
}
