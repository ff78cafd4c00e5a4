import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { Scripts } from '../agent/process/scripts.ts'
import { layStack, requireServers, startPostgres, temporaryFolder, waitUntil } from '../harness/index.ts'

vi.setConfig({ testTimeout: 240_000 })

const servers = await requireServers('hooks, end to end', 'postgres', 'pv', 'zstd')

interface Run {
  readonly name: string
  readonly moment: string
  readonly outcome: string
}
interface Job {
  readonly job: { readonly job_id: string; readonly state: string; readonly backup_id: string }
  readonly attempts: readonly { readonly epoch: string; readonly hooks?: readonly Run[] }[]
}

test.skipIf(servers.missing)(
  'hooks run around a real backup on its host; one that fails behind it is told; an agent killed between dump and thaw still thaws; a policy cannot name what no host has',
  async () => {
    await using postgres = await startPostgres()
    await postgres.createDatabase('orders')
    await using folder = await temporaryFolder('hooks')
    const scripts = await Scripts.open()
    const frozen = join(folder.path, 'frozen')
    const hang = join(folder.path, 'hang')
    const story = join(folder.path, 'story')
    const freeze = await scripts.script('freeze', `[ ! -e ${frozen} ] && touch ${frozen}`)
    // hangs where it is asked to; else thaws, and then complains
    const thaw = await scripts.script(
      'thaw',
      [
        `echo "$HOLDFAST_HOOK_DATABASE $HOLDFAST_HOOK_OUTCOME" >> ${story}`,
        `if [ -e ${hang} ]; then sleep 600; fi`,
        `rm ${frozen}; echo "half thawed" >&2; exit 4`,
      ].join('\n'),
    )
    const { port, user, passwordFile } = postgres
    await using stack = await layStack({
      agents: [
        {
          name: 'db1',
          logins: [{ engine: 'postgres', port, user, passwordFile, service: 'orders-db' }],
          hooks: { freeze: { program: freeze }, thaw: { program: thaw, timeout: '5m' } },
        },
      ],
      coordinator: {
        policies: [
          {
            name: 'frozen',
            match: { databases: ['orders'] },
            hooks: { before: ['freeze'], after: ['thaw'] },
          },
          { name: 'all' },
        ],
      },
    })
    await stack.start()
    const job = async (id: string) => stack.ask<Job>('job', 'get', id)
    const runs = ({ attempts }: Job) =>
      attempts.flatMap(each => (each.hooks ?? []).map(run => `${run.moment} ${run.name} ${run.outcome}`))

    // the first, by its policy
    const first = await waitUntil(
      async () => {
        const { jobs } = await stack.ask<{ jobs: { job_id: string; subject_name: string; state: string }[] }>(
          'job',
          'list',
          '--state',
          'succeeded',
        )
        return jobs.find(each => each.subject_name.includes('orders-db/orders'))
      },
      { what: 'the backup with hooks', timeout: 90_000, interval: 200 },
    )
    const one = await job(first.job_id)
    expect(one.job.state).toBe('succeeded')
    expect(runs(one)).toEqual(['before freeze succeeded', 'after thaw failed'])
    expect(existsSync(frozen)).toBe(false)
    expect((await stack.holdfast('job', 'get', first.job_id)).stdout).toMatch(
      /thaw +after +\S+ +failed +exited with status 4: half thawed/,
    )
    expect((await stack.holdfast('alert', 'list')).stdout).toContain('hook-failed')
    const { agents } = await stack.ask<{ agents: { agent_id: string; hooks: string[] }[] }>('agent', 'list')
    expect(agents.map(each => each.hooks)).toEqual([['freeze', 'thaw']])

    // killed while it thaws
    await writeFile(hang, '')
    await rm(story)
    const { stdout } = await stack.holdfast('backup', 'start', 'orders', '-o', 'json')
    const second = (JSON.parse(stdout) as Job['job'] & { job?: Job['job'] }).job_id
    await waitUntil(() => existsSync(story), { what: 'the hook behind the dump', timeout: 60_000 })
    await stack.agent('db1').kill('SIGKILL')
    expect(existsSync(frozen)).toBe(true)
    await rm(hang)
    await stack.agent('db1').start()
    const two = await waitUntil(
      async () => {
        const found = await job(second)
        return found.job.state === 'succeeded' ? found : undefined
      },
      { what: 'the job of the agent that was killed', timeout: 90_000, interval: 200 },
    )
    expect(runs(two)).toEqual(['after thaw failed'])
    expect(existsSync(frozen)).toBe(false)
    expect((await readFile(story, 'utf8')).trim().split('\n')).toEqual([
      'orders succeeded',
      'orders succeeded',
    ])
    expect((await stack.holdfast('backup', 'get', two.job.backup_id)).stdout).toContain('orders')

    // what no host has
    const file = join(folder.path, 'policies.yaml')
    await writeFile(file, 'fleet: { destination: main, hooks: { before: [freeze, unheard-of] } }\n')
    const refused = await stack.holdfast('policy', 'apply', file)
    expect(refused.code).not.toBe(0)
    expect(refused.stdout + refused.stderr).toContain('has the hook `unheard-of`')
    await scripts.remove()
  },
)
