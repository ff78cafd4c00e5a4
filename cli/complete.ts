import type { Command, Option } from 'commander'
import { defaultCoordinator } from '../shared/model/ports.ts'
import { type Coordinator, connect } from './connect.ts'
import { printable } from './print/table.ts'
import { readProfiles, withProfile } from './profiles.ts'
import { shownBy } from './shown.ts'
import type { Terminal } from './terminal.ts'
import { shownCommands } from './tree.ts'

/** Whoever presses a key does not wait longer for names. */
const patienceMs = 1_500

/**
 * `holdfast __complete WORDS…`: a line for each candidate, value and description apart by a tab. Silent whatever
 * fails: it runs while somebody types.
 */
export async function complete(root: Command, words: readonly string[], terminal: Terminal): Promise<void> {
  const said = (...options: readonly string[]) => {
    const at = words.findIndex(word => options.includes(word))
    return at < 0 || at + 1 >= words.length ? undefined : words[at + 1]
  }
  const open = async () => {
    const told = said('-c', '--coordinator')
    const environment =
      told === undefined ? withProfile(terminal.environment, said('--profile')) : terminal.environment
    const address = told ?? (environment['HOLDFAST_COORDINATOR'] || defaultCoordinator)
    const named = { identity: said('--identity'), tokenFile: said('--token-file') }
    return connect(address, { ...(await shownBy(named, environment)), deadlineMs: patienceMs })
  }
  const found = await candidates(root, words, { environment: terminal.environment, connect: open })
  for (const { value, about } of found)
    if (printable(value) === value) terminal.out(`${value}\t${printable(about)}\n`)
}

/** What may stand where the cursor is, and a few words about it. */
export interface Candidate {
  readonly value: string
  readonly about: string
}

/** What the words say before the cursor's one, as far as it matters for that. */
type Place =
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'option'; readonly command: Command }
  | { readonly kind: 'value'; readonly command: Command; readonly option: Option }
  | { readonly kind: 'argument'; readonly command: Command; readonly name: string }
  | { readonly kind: 'nothing' }

/** Live data is asked for so many rows; who has more types more. */
const most = 1_000

/**
 * What may stand for the last word, which may be empty or begun. Never asks more than one question of the
 * coordinator; whatever fails is no candidate.
 *
 * @param words what was typed behind the program's name
 */
export async function candidates(
  root: Command,
  words: readonly string[],
  sources: {
    readonly environment: Readonly<Record<string, string | undefined>>
    readonly connect: () => Promise<Coordinator>
  },
): Promise<readonly Candidate[]> {
  // bash makes words of their own of `=`
  const joined = words.filter(word => word !== '=')
  const begun = joined.at(-1) ?? ''
  const place = placeOf(root, joined.slice(0, -1), begun)
  const all = await of(place, sources).catch(() => [])
  return all.filter(({ value }) => value.startsWith(begun)).sort((a, b) => (a.value < b.value ? -1 : 1))
}

function placeOf(root: Command, before: readonly string[], begun: string): Place {
  let command = root
  let given = 0
  let pending: Option | undefined
  for (const word of before) {
    if (pending !== undefined) pending = undefined
    else if (word.startsWith('-')) {
      const option = optionOf(command, word)
      if (option?.required === true && !word.includes('=')) pending = option
    } else {
      const inner = shownCommands(command).find(each => each.name() === word)
      if (inner === undefined) given++
      else command = inner
    }
  }
  if (pending !== undefined) return { kind: 'value', command, option: pending }
  if (begun.startsWith('-')) return { kind: 'option', command }
  if (shownCommands(command).length > 0) return given > 0 ? { kind: 'nothing' } : { kind: 'command', command }
  const argument = command.registeredArguments[given]
  return argument === undefined ? { kind: 'nothing' } : { kind: 'argument', command, name: argument.name() }
}

function optionOf(command: Command, word: string): Option | undefined {
  const name = word.replace(/=.*$/s, '')
  return command.options.find(each => each.long === name || each.short === name)
}

async function of(place: Place, sources: Parameters<typeof candidates>[2]): Promise<readonly Candidate[]> {
  switch (place.kind) {
    case 'nothing':
      return []
    case 'command':
      return shownCommands(place.command).map(each => ({ value: each.name(), about: each.description() }))
    case 'option':
      return place.command
        .createHelp()
        .visibleOptions(place.command)
        .map(each => ({ value: each.long ?? each.short ?? '', about: each.description }))
    case 'value': {
      const told = wordsOf(place.option)
      return told.length > 0 ? told : live(place.option.attributeName(), sources)
    }
    case 'argument':
      return live(place.name, sources)
  }
}

/** The words that an option takes, where its help lists them: `queued, assigned or running`. */
function wordsOf({ argChoices, description }: Option): readonly Candidate[] {
  const listed = /^[a-z][a-z-]*((,| or) [a-z][a-z-]*)+$/.test(description)
  const words = argChoices ?? (listed ? description.split(/, | or /) : [])
  return words.map(value => ({ value, about: '' }))
}

async function live(
  what: string,
  { environment, connect }: Parameters<typeof candidates>[2],
): Promise<readonly Candidate[]> {
  if (what === 'profile')
    return [...readProfiles(environment).all].map(([value, { coordinator }]) => ({
      value,
      about: coordinator,
    }))
  const page = { pageSize: most, pageToken: '', filter: '' }
  const asked: Readonly<Record<string, (coordinator: Coordinator) => Promise<readonly Candidate[]>>> = {
    database: async coordinator => {
      const { databases } = await coordinator.ask('listDatabases', page)
      const counts = new Map<string, number>()
      for (const { name } of databases) counts.set(name, (counts.get(name) ?? 0) + 1)
      return databases.map(each => ({
        value:
          each.scope === 'cluster'
            ? `${each.service}/(globals)`
            : counts.get(each.name) === 1
              ? each.name
              : `${each.service}/${each.name}`,
        about: `${each.engine} ${each.protection}`,
      }))
    },
    job: async coordinator =>
      (await coordinator.ask('listJobs', { ...page, pageSize: 100 })).jobs.map(each => ({
        value: each.jobId,
        about: `${each.kind} of ${each.subjectName} ${each.state}`,
      })),
    backup: async coordinator =>
      (await coordinator.ask('listBackups', { ...page, pageSize: 100 })).backups.map(each => ({
        value: each.backupId,
        about: `${each.subjectName} ${new Date(each.dataAsOf).toISOString().slice(0, 16)}`,
      })),
    agent: async coordinator =>
      (await coordinator.ask('listAgents', page)).agents.map(each => ({
        value: each.hostname,
        about: each.state,
      })),
    cluster: async coordinator =>
      (await coordinator.ask('listClusters', page)).clusters.map(each => ({
        value: each.name,
        about: each.engine,
      })),
    instance: async coordinator => unique(await instances(coordinator, each => each.service)),
    service: async coordinator => unique(await instances(coordinator, each => each.service)),
    datacenter: async coordinator => unique(await instances(coordinator, each => each.datacenter)),
    alert: async coordinator =>
      (await coordinator.ask('listAlerts', { ...page, pageSize: 100, filter: 'state=open' })).alerts.map(
        each => ({
          value: each.alertId,
          about: each.summary,
        }),
      ),
    silence: async coordinator =>
      (await coordinator.ask('listSilences', {})).silences.map(each => ({
        value: each.silenceId,
        about: each.reason,
      })),
  }
  const ask = asked[what === 'host' ? 'agent' : what]
  if (ask === undefined) return []
  const coordinator = await connect()
  try {
    return await ask(coordinator)
  } finally {
    coordinator.close()
  }
}

async function instances(
  coordinator: Coordinator,
  naming: (instance: { readonly service: string; readonly datacenter: string }) => string,
): Promise<readonly Candidate[]> {
  const { instances: all } = await coordinator.ask('listInstances', {
    pageSize: most,
    pageToken: '',
    filter: '',
  })
  return all.map(each => ({ value: naming(each), about: each.engine }))
}

function unique(all: readonly Candidate[]): readonly Candidate[] {
  return [...new Map(all.filter(({ value }) => value !== '').map(each => [each.value, each])).values()]
}
