import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadAgentConfig } from '../../agent/config.ts'
import { temporaryFolder } from '../harness/index.ts'

describe('the configuration of the agent', () => {
  it('has defaults for everything', () => {
    expect(loadAgentConfig(undefined, {}, {}).value).toMatchObject({
      coordinator: { address: '127.0.0.1:7400', insecure_loopback: false },
      slots: 2,
      part_budget: 512 * 2 ** 20,
      codec: 'zstd',
      instances: [],
      idle_timeout: 900_000,
      staging: { reserve: 2 * 2 ** 30 },
      children: { nice: 0 },
      status: { host: '127.0.0.1' },
    })
  })

  it('says how bytes travel and children stand back, and refuses what cannot be', async () => {
    await using folder = await temporaryFolder('config')
    const file = join(folder.path, 'agent.yaml')
    const load = async (text: string) => {
      await writeFile(file, text)
      return loadAgentConfig(file, {}, {}).value
    }
    expect(
      await load(
        'max_rate: 50MB\nidle_timeout: 30s\nstaging: { folder: /var/stage, reserve: 1GiB }\nchildren: { nice: 10, ionice_class: idle }\n',
      ),
    ).toMatchObject({
      max_rate: 50e6,
      idle_timeout: 30_000,
      staging: { folder: '/var/stage', reserve: 2 ** 30 },
      children: { nice: 10, ionice_class: 'idle' },
    })
    for (const wrong of [
      'idle_timeout: 1s',
      'staging: { folder: relative }',
      'children: { nice: -5 }',
      'children: { ionice_class: realtime }',
    ])
      await expect(load(`${wrong}\n`)).rejects.toMatchObject({ code: 'config.invalid' })
  })

  it('takes a secret as a path or from a provider, and shows where it comes from', async () => {
    await using folder = await temporaryFolder('config')
    const file = join(folder.path, 'agent.yaml')
    const load = async (source: string) => {
      await writeFile(file, `instances: [{ user: u, password_file: ${source} }]\n`)
      return loadAgentConfig(file, {}, {})
    }
    for (const source of [
      '/etc/pw',
      '{ file: /etc/pw }',
      '{ mounted: /var/run/secrets/db/password }',
      '{ env: DB_PASSWORD }',
      '{ command: [/usr/bin/pass, show, db], pass_env: [VAULT_ADDR], timeout: 5s }',
      '{ aws_secrets_manager: { id: prod/db, field: password } }',
    ])
      expect((await load(source)).value.instances[0]?.password_file, source).toBeDefined()
    expect((await load('{ command: [/usr/bin/pass, show, db] }')).render()).toContain('/usr/bin/pass')
    for (const wrong of ['{ env: "A B" }', '{ command: [] }', '{ vault: x }', '{ env: A, file: b }', '7'])
      await expect(load(wrong), wrong).rejects.toMatchObject({
        code: 'config.invalid',
        context: { problems: expect.arrayContaining([expect.stringContaining('password_file')]) },
      })
  })

  it('takes file, environment and flags, the last strongest', async () => {
    await using folder = await temporaryFolder('config')
    const file = join(folder.path, 'agent.yaml')
    await writeFile(
      file,
      'slots: 3\nkeeper: true\ninstances:\n  - match: { service: orders-db }\n    user: backup\n    password_file: /x\ndestinations:\n  main:\n    credentials: { access_key_id_file: /a, secret_access_key_file: /b }\n',
    )
    const { value } = loadAgentConfig(
      file,
      { state_dir: '/from-flag' },
      { HOLDFAST_SLOTS: '4', HOLDFAST_COORDINATOR__ADDRESS: '127.0.0.1:9' },
    )
    expect(value).toMatchObject({
      slots: 4,
      keeper: true,
      state_dir: '/from-flag',
      coordinator: { address: '127.0.0.1:9' },
      instances: [{ match: { service: 'orders-db' }, user: 'backup', password_file: '/x' }],
      destinations: { main: { credentials: { access_key_id_file: '/a' } } },
    })
  })

  it('tells every problem at once, each with its key and source', async () => {
    await using folder = await temporaryFolder('config')
    const file = join(folder.path, 'agent.yaml')
    await writeFile(
      file,
      'slotz: 3\nslots: 0\ninstances:\n  - { match: { engine: oracle }, user: x, password: hunter2 }\n',
    )
    let problems: readonly string[] = []
    try {
      loadAgentConfig(file, {}, {})
    } catch (thrown) {
      problems = (thrown as { context: { problems: readonly string[] } }).context.problems
    }
    const told = problems.join('\n')
    expect(problems).toHaveLength(4)
    expect(told).toMatch(/slotz.*did you mean/)
    expect(told).toContain('instances.0.match.engine')
    expect(told).toContain('instances.0.password')
    expect(told).not.toContain('hunter2')
  })

  it('the example of the documentation is valid', () => {
    const { value } = loadAgentConfig(join(import.meta.dirname, '../../deploy/examples/agent.yaml'), {}, {})
    expect(value.instances.length).toBeGreaterThan(0)
  })

  it('says what runs for a hook; a file that others may write to cannot say that', async () => {
    await using folder = await temporaryFolder('config')
    const file = join(folder.path, 'agent.yaml')
    await writeFile(file, 'hooks: { freeze: { program: /opt/freeze, args: [a b] } }\n')
    await chmod(file, 0o644)
    // what a hook is told is no configuration: it may call our programs
    const told = { HOLDFAST_HOOK: 'freeze', HOLDFAST_HOOK_DATABASE: 'orders' }
    expect(loadAgentConfig(file, {}, told).value.hooks).toEqual({
      freeze: { program: '/opt/freeze', args: ['a b'], timeout: 300_000 },
    })
    await chmod(file, 0o664)
    expect(() => loadAgentConfig(file, {}, {})).toThrow(
      expect.objectContaining({ code: 'hook.unsafe', message: expect.stringContaining('may be written') }),
    )
    // without hooks it decides nothing that runs
    await writeFile(file, 'slots: 3\n')
    expect(loadAgentConfig(file, {}, {}).value.slots).toBe(3)
    await chmod(file, 0o644)
    for (const [hooks, problem] of [
      ['{ freeze: { program: freeze } }', 'hooks.freeze.program'],
      ['{ "/bin/sh": { program: /bin/sh } }', 'hooks'],
      ['{ freeze: { program: /opt/freeze, timeout: 25h } }', 'hooks.freeze.timeout'],
    ] as const) {
      await writeFile(file, `hooks: ${hooks}\n`)
      expect(() => loadAgentConfig(file, {}, {})).toThrow(problem)
    }
  })
})
