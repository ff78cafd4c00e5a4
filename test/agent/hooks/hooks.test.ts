import { existsSync } from 'node:fs'
import { chmod, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Engine } from '../../../agent/engines/port.ts'
import type { Hook } from '../../../agent/hooks/hook.ts'
import { recover } from '../../../agent/jobs/recover.ts'
import type { AttemptResult } from '../../../agent/jobs/result.ts'
import type { Surroundings } from '../../../agent/jobs/surroundings.ts'
import { AppError } from '../../../shared/errors/index.ts'
import { createLogger } from '../../../shared/log/index.ts'
import type { BackupSpec } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { requireServers, temporaryFolder, waitUntil } from '../../harness/index.ts'
import { conducted } from '../jobs/conducted.ts'
import { fakeEngine } from '../jobs/fake-engine.ts'
import { backupSpec, bucketContent, folders, makeWorld } from '../jobs/world.ts'
import { Scripts } from '../process/scripts.ts'

const servers = await requireServers('hooks of the agent', 'pv')

/** Writes its name, so that a test sees what ran in which order. */
const says = (file: string) => `echo "$HOLDFAST_HOOK $HOLDFAST_HOOK_MOMENT $HOLDFAST_HOOK_OUTCOME" >> ${file}`

describe.runIf(servers)('hooks around a backup', () => {
  let scripts: Scripts
  let root: Awaited<ReturnType<typeof temporaryFolder>>
  let places: Awaited<ReturnType<typeof folders>>
  let story: string
  let log: string[]

  beforeEach(async () => {
    scripts = await Scripts.open()
    root = await temporaryFolder('hooks')
    places = await folders(root.path)
    story = join(root.path, 'story')
    log = []
  })
  afterEach(async () => {
    await scripts.remove()
    await root[Symbol.asyncDispose]()
  })

  async function world(
    bodies: Readonly<Record<string, string>>,
    options: { readonly timeout?: number; readonly engine?: Engine } = {},
  ): Promise<Surroundings> {
    const { timeout = 20_000, engine } = options
    const hooks = new Map<string, Hook>()
    for (const [name, body] of Object.entries(bodies))
      hooks.set(name, { program: await scripts.script(name, body), args: ['fixed', 'two words'], timeout })
    const logger = createLogger({
      level: 'debug',
      format: 'json',
      name: 'test',
      destination: { write: (line: string) => void log.push(line) },
    })
    return makeWorld(places, { hooks, log: logger, ...(engine === undefined ? {} : { engine }) })
  }

  async function backUp(
    world: Surroundings,
    hooks: Partial<NonNullable<BackupSpec['hooks']>>,
    signal?: AbortSignal,
  ): Promise<AttemptResult> {
    const spec = backupSpec(places.bucket, { hooks: { before: [], after: [], onFailure: [], ...hooks } })
    return (await conducted(spec, world, signal)).result
  }

  const lines = async () => (await readFile(story, 'utf8')).trim().split('\n')
  const runs = (result: AttemptResult) =>
    (result.hooks ?? []).map(({ name, moment, outcome }) => `${moment} ${name} ${outcome}`)

  it('one before it that fails ends the attempt before anything is dumped; those behind it run', async () => {
    let dumped = false
    const engine = fakeEngine()
    const watched: Engine = {
      ...engine,
      openDump: (...request) => {
        dumped = true
        return engine.openDump(...request)
      },
    }
    const here = await world(
      {
        first: `${says(story)}; echo password=geheim; echo 'cannot freeze' >&2; exit 3`,
        second: says(story),
        thaw: says(story),
        tell: says(story),
      },
      { engine: watched },
    )
    const result = await backUp(here, { before: ['first', 'second'], after: ['thaw'], onFailure: ['tell'] })
    expect(result).toMatchObject({
      outcome: 'failed',
      failure: { code: 'hook.failed', context: { hook: 'first', status: 3, outcome: 'failed' } },
    })
    expect(result.failure?.message).toContain('hook first exited with status 3: ')
    expect(result.failure?.message).not.toContain('\n')
    expect(result.failure?.context['detail']).toContain('cannot freeze')
    expect(dumped).toBe(false)
    expect(await lines()).toEqual(['first before ', 'tell on_failure failed', 'thaw after failed'])
    expect(runs(result)).toEqual(['before first failed', 'on_failure tell succeeded', 'after thaw succeeded'])
    expect(await bucketContent(places.bucket)).toEqual({ objects: [], uploads: [] })
    // what it said is in the log and in its record, and what looks like a secret in neither
    expect(log.join('')).toContain('cannot freeze')
    expect(log.join('') + JSON.stringify(result)).not.toContain('geheim')
  })

  it('one behind a good backup that fails makes it no worse, and is told', async () => {
    const here = await world({ freeze: says(story), thaw: `${says(story)}; exit 1`, tell: says(story) })
    const result = await backUp(here, { before: ['freeze'], after: ['thaw', 'freeze'], onFailure: ['tell'] })
    expect(result.outcome).toBe('succeeded')
    expect(result.manifest).toBeDefined()
    expect(runs(result)).toEqual([
      'before freeze succeeded',
      'after thaw failed',
      // the next one is not its business
      'after freeze succeeded',
    ])
    expect(await lines()).toEqual(['freeze before ', 'thaw after succeeded', 'freeze after succeeded'])
    expect(here.spool.pending()).toMatchObject([{ hooks: [{ name: 'freeze' }, { name: 'thaw' }, {}] }])
  })

  it('one that hangs is ended at its time-out, with all it started', async () => {
    const child = join(root.path, 'child')
    const here = await world({ hang: `sh -c 'echo $$ > ${child}; sleep 600; true' & wait` }, { timeout: 300 })
    const result = await backUp(here, { before: ['hang'] })
    expect(result.failure).toMatchObject({ code: 'hook.failed', context: { outcome: 'timed-out' } })
    expect(result.failure?.message).toContain('did not end within 300 ms')
    const pid = (await readFile(child, 'utf8')).trim()
    await waitUntil(() => !existsSync(`/proc/${pid}`), { what: 'the end of what the hook started' })
  })

  it('a cancel ends one that runs before it, and those behind it are told', async () => {
    const cancel = new AbortController()
    const here = await world({ hang: `${says(story)}; exec sleep 600`, thaw: says(story) })
    const ended = backUp(here, { before: ['hang'], after: ['thaw'], onFailure: ['thaw'] }, cancel.signal)
    await waitUntil(() => existsSync(story), { what: 'the hook' })
    cancel.abort(new AppError('job.cancelled'))
    const result = await ended
    expect(result).toMatchObject({ outcome: 'cancelled', failure: { code: 'job.cancelled' } })
    // a cancel is no failure
    expect(await lines()).toEqual(['hang before ', 'thaw after cancelled'])
    expect(runs(result)).toEqual(['before hang cancelled', 'after thaw succeeded'])
  })

  it('one sees what the job is about and nothing of the agent: no secret, no HOME', async () => {
    process.env['HOLDFAST_TEST_SECRET'] = 'of the agent'
    const seen = join(root.path, 'seen')
    try {
      const here = await world({ look: `env > ${seen}.$HOLDFAST_HOOK_MOMENT; echo "$# $2" > ${seen}.args` })
      const result = await backUp(here, { before: ['look'], after: ['look'] })
      const environment = async (moment: string) =>
        Object.fromEntries(
          (await readFile(`${seen}.${moment}`, 'utf8'))
            .trim()
            .split('\n')
            .map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
        )
      const before = await environment('before')
      // what the shell adds by itself
      for (const name of ['PWD', 'SHLVL', '_', 'OLDPWD', 'PATH']) delete before[name]
      expect(before).toEqual({
        LC_ALL: 'C.UTF-8',
        TZ: 'UTC',
        HOLDFAST_HOOK: 'look',
        HOLDFAST_HOOK_MOMENT: 'before',
        HOLDFAST_HOOK_JOB: result.attempt.job_id,
        HOLDFAST_HOOK_ATTEMPT: result.attempt.attempt_id,
        HOLDFAST_HOOK_BACKUP: expect.stringMatching(/^bak_/),
        HOLDFAST_HOOK_ENGINE: 'postgres',
        HOLDFAST_HOOK_SERVICE: 'orders-db',
        HOLDFAST_HOOK_HOST: '127.0.0.1',
        HOLDFAST_HOOK_PORT: '5432',
        HOLDFAST_HOOK_CLUSTER: 'orders',
        HOLDFAST_HOOK_SCOPE: 'database',
        HOLDFAST_HOOK_DATABASE: 'orders',
        HOLDFAST_HOOK_POLICY: 'gold',
        HOLDFAST_HOOK_DESTINATION: 'main',
      })
      expect(await environment('after')).toMatchObject({
        HOLDFAST_HOOK_OUTCOME: 'succeeded',
        HOLDFAST_HOOK_MANIFEST: result.manifest_key,
        HOLDFAST_HOOK_STORED_BYTES: String(result.stored_bytes),
      })
      expect((await readFile(`${seen}.args`, 'utf8')).trim()).toBe('2 two words')
    } finally {
      delete process.env['HOLDFAST_TEST_SECRET']
    }
  })

  it('a name this host does not have is refused before any work, whichever moment it is for', async () => {
    const here = await world({ freeze: says(story) })
    for (const hooks of [{ before: ['freeze', 'thaw'] }, { after: ['thaw'] }, { onFailure: ['../thaw'] }])
      await expect(backUp(here, hooks)).rejects.toMatchObject({
        code: 'hook.unknown',
        context: { known: ['freeze'] },
      })
    expect(existsSync(story)).toBe(false)
  })

  it('a program that others may write to is refused before any work; when it becomes one later, before it runs', async () => {
    const here = await world({ freeze: says(story), thaw: says(story) })
    const freeze = here.hooks?.get('freeze')?.program ?? ''
    await chmod(freeze, 0o777)
    await expect(backUp(here, { before: ['freeze'] })).rejects.toMatchObject({
      code: 'hook.unsafe',
      context: { hook: 'freeze', program: freeze },
    })
    expect(existsSync(story)).toBe(false)
    await chmod(freeze, 0o755)
    // between the pre-flight and its turn
    const opener = await world({ open: `chmod 777 ${freeze}`, freeze: says(story), thaw: says(story) })
    await chmod(freeze, 0o755)
    const result = await backUp(opener, { before: ['open', 'freeze'], after: ['thaw'] })
    expect(runs(result)).toEqual(['before open succeeded', 'before freeze refused', 'after thaw succeeded'])
    expect(result.failure?.message).toContain('may be written by its group or by others')
    expect(await lines()).toEqual(['thaw after failed'])
  })

  it('an agent that is killed in between runs those behind the attempt when it is back', async () => {
    const here = await world({ thaw: says(story), tell: says(story) })
    const hooks = { after: ['thaw', 'gone'], on_failure: ['tell'], facts: { DATABASE: 'orders' } }
    const result = await recover(
      {
        version: 1,
        attempt: { job_id: 'job_1', attempt_id: 'att_1', epoch: 1 },
        kind: 'backup',
        destination: { name: 'main', url: `file://${places.bucket}`, profile: 'directory' },
        prefix: 'v1/data/x_att_1/',
        started_at: 1,
        agent_boot_id: 'before',
        hooks,
        phase: 'open',
        children: [],
      },
      here,
      new AbortController().signal,
    )
    expect(result.failure?.code).toBe('job.agent-restarted')
    expect(await lines()).toEqual(['tell on_failure failed', 'thaw after failed'])
    expect(runs(result)).toEqual([
      'on_failure tell succeeded',
      'after thaw succeeded',
      // the configuration may be another one by now
      'after gone refused',
    ])
  })
})
