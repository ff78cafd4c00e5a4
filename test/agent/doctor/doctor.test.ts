import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { agentConfigSchema } from '../../../agent/config.ts'
import { gravest } from '../../../agent/doctor/finding.ts'
import { checkHost, memory } from '../../../agent/doctor/host.ts'
import { checkInstances } from '../../../agent/doctor/instances.ts'
import { hostTable, probeTable, verdict } from '../../../agent/doctor/print.ts'
import { checkTools } from '../../../agent/doctor/tools.ts'
import type { Engine, InstanceTarget, Probe } from '../../../agent/engines/port.ts'
import { AppError } from '../../../shared/errors/index.ts'
import { temporaryFolder } from '../../harness/index.ts'

const signal = new AbortController().signal

describe('the tools', () => {
  const finder = (missing: readonly string[]) => ({
    find: async ([name = '']: readonly string[]) => {
      if (missing.includes(name))
        throw new AppError('tool.missing', { context: { tool: name, package: `the-${name}-package` } })
      return { name, path: `/usr/bin/${name}`, version: `${name} 1.0` }
    },
  })

  it('that nothing works without are a problem, others a note; what to install is said', async () => {
    const found = await checkTools(finder(['pv', 'xz', 'zstd', 'age']), 'zstd')
    const level = (tool: string) => found.find(({ subject }) => subject === tool)
    expect(level('pv')).toMatchObject({
      level: 'problem',
      detail: expect.stringContaining('install the-pv-package'),
    })
    expect(level('zstd')?.level).toBe('problem')
    expect(level('xz')?.level).toBe('note')
    expect(level('age')?.level).toBe('note')
    expect(level('setpriv')).toMatchObject({ level: 'ok', detail: 'setpriv 1.0 (/usr/bin/setpriv)' })
    expect(
      (await checkTools(finder(['zstd']), 'gzip')).find(({ subject }) => subject === 'zstd')?.level,
    ).toBe('note')
  })
})

describe('the host', () => {
  it('with a part budget of more than a quarter of its memory is warned of', () => {
    expect(memory(2 ** 30, 2 ** 31).level).toBe('warning')
    expect(memory(2 ** 28, 2 ** 33).level).toBe('ok')
  })

  it('a state folder that does not exist yet, or that others can look into, is said; nothing is made', async () => {
    await using folder = await temporaryFolder('doctor')
    const absent = join(folder.path, 'deep', 'state')
    const found = await checkHost({ stateFolder: absent, partBudget: 1 })
    expect(found.find(({ detail }) => detail.includes('does not exist yet'))).toMatchObject({ level: 'note' })
    const open = join(folder.path, 'open')
    await mkdir(open, { mode: 0o755 })
    await chmod(open, 0o755)
    expect(await checkHost({ stateFolder: open, partBudget: 1 })).toContainEqual(
      expect.objectContaining({ level: 'warning', detail: expect.stringContaining('chmod 0700') }),
    )
  })

  it('results a coordinator refused are shown (J12)', async () => {
    await using folder = await temporaryFolder('doctor')
    const rejected = join(folder.path, 'spool', 'rejected')
    await mkdir(rejected, { recursive: true })
    await writeFile(join(rejected, 'res_1.json'), '{}')
    expect(await checkHost({ stateFolder: folder.path, partBudget: 1 })).toContainEqual(
      expect.objectContaining({ subject: 'spool/rejected', level: 'warning' }),
    )
  })
})

describe('the instances', () => {
  const good: Probe = {
    ...{ serverVersion: '17.2', role: 'replica', replicationLagMs: 1_500, evidence: [], clockOffsetMs: 0 },
    ...{ tools: { pg_dump: '17.2' }, missingPrivileges: [] },
  }
  const { instances } = agentConfigSchema.parse({
    instances: [
      { match: { engine: 'postgres', port: 5433 }, user: 'backup', restore: { user: 'restorer' } },
      { match: { service: 'orders-db' }, user: 'backup' },
    ],
  })
  const check = (probe: (target: InstanceTarget) => Promise<Probe>) =>
    checkInstances(instances, () => ({ probe }) as unknown as Engine, {
      ...{ scratch: '/tmp', signal, tools: { find: () => Promise.reject(new Error('unused')) } },
    })

  it('are logged in to with each login; an entry without engine cannot be tried, and says so', async () => {
    const targets: InstanceTarget[] = []
    const found = await check(async target => {
      targets.push(target)
      return good
    })
    expect(targets.map(({ user, host, port }) => [user, host, port])).toEqual([
      ['backup', '127.0.0.1', 5433],
      ['restorer', '127.0.0.1', 5433],
    ])
    expect(found.map(({ subject, level }) => [subject, level])).toEqual([
      ['postgres 127.0.0.1:5433 (backup as backup)', 'ok'],
      ['postgres 127.0.0.1:5433 (restore as restorer)', 'ok'],
      ['service orders-db', 'note'],
    ])
    expect(found[0]?.detail).toBe('17.2, replica 1s behind; pg_dump: 17.2')
  })

  it('what a backup role lacks is a problem each; a wrong clock a warning; a failed login tells the hint', async () => {
    const lacking = await check(async ({ user }) => {
      if (user === 'restorer')
        throw new AppError('agent.no-credential', { message: 'no such role', hint: 'Make it.' })
      return { ...good, missingPrivileges: ['CONNECT on database "x"'], clockOffsetMs: -120_000 }
    })
    expect(lacking.map(({ level }) => level)).toEqual(['ok', 'problem', 'warning', 'problem', 'note'])
    expect(lacking[1]?.detail).toBe('lacks CONNECT on database "x"')
    expect(lacking[2]?.detail).toContain('2m behind')
    expect(lacking[3]?.detail).toBe('no such role: Make it.')
    expect(gravest(lacking)).toBe('problem')
  })
})

describe('what is printed', () => {
  it('lines up, and ends with a verdict', () => {
    const findings = [
      { area: 'tools', subject: 'pv', level: 'ok', detail: 'pv 1.6' },
      { area: 'host', subject: 'a longer subject', level: 'warning', detail: 'hm' },
    ] as const
    expect(hostTable(findings)).toBe(
      '         WHAT              FOUND\nok       pv                pv 1.6\nWARNING  a longer subject  hm\n',
    )
    expect(verdict(findings)).toBe('no problem, 1 warning\n')
    expect(verdict([])).toBe('no problem\n')
    expect(verdict([{ level: 'problem' }])).toBe('1 problem, 0 warnings\n')
  })

  it('tells the suggestion with its reasons, and what was left behind', () => {
    const text = probeTable({
      ...{ url: 's3://b', endpoint: 'http://x', profile: 'generic', left: ['p/v1/doctor/1/plain'] },
      findings: [{ check: 'put', answer: 'yes', level: 'ok', detail: 'stored' }],
      suggestion: { profile: 'ceph', checksum: 'crc32c', reasons: ['one', 'two'] },
    })
    expect(text).toContain('suggested: profile ceph, checksum crc32c (one; two)')
    expect(text).toContain('  p/v1/doctor/1/plain')
  })
})
