import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Database } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { startFakeOperatorService } from '../harness/fake-operator-service.ts'
import { freePort, provision, requireServers } from '../harness/index.ts'
import { projectRoot } from '../harness/project-root.ts'
import { pseudoTerminal } from '../harness/pseudo-terminal.ts'
import { run } from '../harness/run.ts'
import { holdfast } from './holdfast.ts'

const databases = [
  { name: 'orders', service: 'orders-db', engine: 'postgres', protection: 'protected' },
  { name: 'order book', service: 'shop-db', engine: 'mariadb', protection: 'breached' },
  { name: 'app', service: 'a-db', engine: 'mysql' },
  { name: 'app', service: 'b-db', engine: 'mysql' },
].map(each => Database.fromPartial(each))
const answers = { listDatabases: () => ({ databases, nextPageToken: '' }) }

const path = `${projectRoot}/bin:${process.env['PATH'] ?? ''}`

async function shellOf(name: 'zsh' | 'fish'): Promise<string> {
  const found = await provision(name)
  if (!found.available) throw new Error(found.reason)
  return join(found.bin, name)
}

/** The values offered for the last word. */
const offered = async (...words: string[]) =>
  (await holdfast(['__complete', ...words], { answers })).out
    .split('\n')
    .filter(Boolean)
    .map(line => line.split('\t')[0])

describe('what is offered', () => {
  test('commands, verbs and options, as far as they are begun', async () => {
    expect(await offered('')).toContain('status')
    expect(await offered('')).not.toContain('__complete')
    expect(await offered('job', 'ca')).toEqual(['cancel'])
    expect(await offered('job', 'list', '--ki')).toEqual(['--kind'])
    expect(await offered('job', 'nonsense', '')).toEqual([])
  })

  test('the words that an option takes', async () => {
    expect(await offered('job', 'list', '--state', 'c')).toEqual(['cancelled', 'cancelling'])
    expect(await offered('job', 'list', '-o', '')).toEqual(['csv', 'json', 'table', 'wide', 'yaml'])
    // bash makes a word of its own of `=`
    expect(await offered('job', 'list', '--state', '=', 'fa')).toEqual(['failed'])
  })

  test('live names, by the service where two have the same, for arguments and options', async () => {
    const all = ['a-db/app', 'b-db/app', 'order book', 'orders']
    expect(await offered('backup', 'start', '')).toEqual(all)
    expect(await offered('backup', 'start', '--reason', 'why', 'order')).toEqual(['order book', 'orders'])
    expect(await offered('job', 'list', '--database', 'or')).toEqual(['order book', 'orders'])
    expect(await offered('backup', 'start', 'orders', '')).toEqual([])
  })

  test('nothing, silently and with status 0, when the coordinator is away or too old', async () => {
    const away = await holdfast(['__complete', 'backup', 'start', ''], {
      address: `127.0.0.1:${await freePort()}`,
    })
    expect(away).toMatchObject({ status: 0, out: '', err: '' })
    expect(await holdfast(['__complete', 'agent', 'get', ''])).toMatchObject({ status: 0, out: '', err: '' })
    expect(await holdfast(['__complete', '-c', 'nonsense', 'agent', 'get', ''])).toMatchObject({
      status: 0,
      err: '',
    })
  })
})

const shells = {
  zsh: await requireServers('completion in zsh', 'zsh'),
  fish: await requireServers('completion in fish', 'fish'),
}

describe('in real shells', () => {
  test('bash completes by the tab key, and quotes what has blanks', async () => {
    const service = await startFakeOperatorService(answers)
    try {
      await using terminal = await pseudoTerminal(['bash', '--norc', '--noprofile', '-i'], {
        columns: 120,
        env: { HOLDFAST_COORDINATOR: service.address, PS1: 'ready> ', LC_ALL: 'C.UTF-8' },
      })
      await terminal.shows('ready>')
      terminal.type('bind "set bell-style none"; source <(holdfast completion bash); echo so""urced\n')
      await terminal.shows(/^sourced/)
      terminal.type('holdfast jo\t')
      await terminal.shows(/holdfast job$/)
      terminal.type('can\t')
      await terminal.shows(/holdfast job cancel$/)
      terminal.type('\u0015holdfast backup start order\\ \t')
      await terminal.shows(/holdfast backup start order\\ book$/)
    } finally {
      await service.stop()
    }
  })

  test.skipIf(shells.zsh.missing)('zsh completes by the tab key, and quotes what has blanks', async () => {
    const service = await startFakeOperatorService(answers)
    try {
      await using terminal = await pseudoTerminal([await shellOf('zsh'), '-f', '-i'], {
        columns: 120,
        env: { HOLDFAST_COORDINATOR: service.address, PS1: 'ready> ', LC_ALL: 'C.UTF-8', PATH: path },
      })
      await terminal.shows('ready>')
      terminal.type(
        'autoload -U compinit && compinit -D -u; source <(holdfast completion zsh); echo so""urced\n',
      )
      await terminal.shows(/^sourced/)
      // what the line holds is printed, a word a line: how it is painted is the shell's own affair
      terminal.type('holdfast jo\tcan\t\u0001print -rl -- \n')
      await terminal.shows(/^cancel$/)
      terminal.type('holdfast backup start order\\ \t\u0001print -rl -- \n')
      await terminal.shows(/^order book$/)
    } finally {
      await service.stop()
    }
  })

  test.skipIf(shells.fish.missing)('fish is told what there is, with what it is', async () => {
    const service = await startFakeOperatorService(answers)
    try {
      const fish = async (line: string) => {
        const command = `holdfast completion fish | source; complete -C '${line}'`
        const { stdout } = await run(await shellOf('fish'), ['--no-config', '-c', command], {
          env: { ...process.env, HOLDFAST_COORDINATOR: service.address, PATH: path },
        })
        return stdout.split('\n').filter(Boolean)
      }
      expect(await fish('holdfast job can')).toEqual([expect.stringMatching(/^cancel\t/)])
      const names = (await fish('holdfast backup start ord')).map(each => each.split('\t')[0])
      expect(names).toEqual(['order book', 'orders'])
    } finally {
      await service.stop()
    }
  })

  test('every script is one its shell can read', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { status, out } = await holdfast(['completion', shell])
      expect(status).toBe(0)
      expect(out).toContain('holdfast __complete')
    }
    execFileSync('bash', ['-n'], { input: (await holdfast(['completion', 'bash'])).out })
    if (!shells.zsh.missing)
      execFileSync(await shellOf('zsh'), ['-n'], { input: (await holdfast(['completion', 'zsh'])).out })
  })
})
