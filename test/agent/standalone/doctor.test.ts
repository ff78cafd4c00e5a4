import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { run } from '../../../agent/standalone/program.ts'
import { type FakeS3, startFakeS3, temporaryFolder } from '../../harness/index.ts'

describe('holdfast-agent doctor', () => {
  let fake: FakeS3
  beforeAll(async () => {
    fake = await startFakeS3({ abortUploadsAfterDays: 7 })
    vi.stubEnv('AWS_ACCESS_KEY_ID', fake.accessKeyId)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', fake.secretAccessKey)
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await fake?.stop()
  })

  async function doctor(...argv: readonly string[]) {
    let out = ''
    let err = ''
    const never = new AbortController().signal
    const status = await run(['doctor', ...argv], {
      out: text => {
        out += text
      },
      err: text => {
        err += text
      },
      ...{ interactive: false, columns: () => 100, stop: never, abort: never, environment: {} },
    })
    return { status, out, err }
  }
  const there = () => ['--destination', 's3://bucket/prod', '--endpoint', fake.endpoint] as const

  it.each([
    [['--destination', 'ftp://x'], 'destination.invalid'],
    [['--destination', 's3://b', '--profile', 'nimbus'], 'usage.invalid'],
    [['--destination', 's3://b', '--longest-dump', 'long'], 'usage.invalid'],
    [['--destination', 's3://b', '--object-lock', 'compliance'], 'usage.invalid'],
    [['--destination', 's3://b', '--tag', 'nameless'], 'usage.invalid'],
    [['--destination', 's3://b', '--profile', 'r2', '--encryption', 'sse-s3'], 'destination.invalid'],
  ])('%j is refused with status 2', async (argv, code) => {
    const { status, err } = await doctor(...argv)
    expect(err).toContain(`[${code}]`)
    expect(status).toBe(2)
  })

  it('prints a table of what a bucket supports, suggests a profile, and takes everything away again', async () => {
    const { status, out } = await doctor(...there(), '--profile', 'generic')
    expect(out).toMatch(/ok\s+multipart\s+yes/)
    expect(out).toContain('suggested: profile generic, checksum sha256')
    expect(out).toMatch(/no problem(, \d warnings?)?\n$/)
    expect(status).toBe(0)
    expect(fake.objects.size).toBe(0)
    expect(out).not.toContain(fake.accessKeyId)
  })

  it('as JSON gives the whole probe; a problem is status 1', async () => {
    const { status, out } = await doctor(
      ...there(),
      '--store-profile',
      'aws',
      '--object-lock',
      'compliance:30',
      '-o',
      'json',
    )
    const { ok, probe } = JSON.parse(out)
    expect(ok).toBe(false)
    expect(status).toBe(1)
    expect(probe.findings).toContainEqual(expect.objectContaining({ check: 'object-lock', level: 'problem' }))
  })

  it('uses the credentials the configuration has for a destination’s name', async () => {
    await using folder = await temporaryFolder('doctor')
    const secret = async (name: string, text: string) => {
      const path = join(folder.path, name)
      await writeFile(path, text, { mode: 0o600 })
      return path
    }
    const config = join(folder.path, 'agent.yaml')
    await writeFile(
      config,
      JSON.stringify({
        destinations: {
          main: {
            credentials: {
              access_key_id_file: await secret('id', 'AKIACONFIGURED'),
              secret_access_key_file: await secret('key', 'hunter2'),
            },
          },
        },
      }),
    )
    const before = fake.requests.length
    const { status, out } = await doctor(...there(), '--config', config, '--destination-name', 'main')
    expect(status).toBe(0)
    expect(String(fake.requests[before]?.headers['authorization'])).toContain('AKIACONFIGURED')
    expect(out).not.toContain('hunter2')
  })

  it('without a destination looks at tools, state and instances', async () => {
    await using folder = await temporaryFolder('doctor')
    const config = join(folder.path, 'agent.yaml')
    await writeFile(
      config,
      JSON.stringify({
        state_dir: folder.path,
        tools: { paths: { pv: '/nonexistent/pv' } },
        instances: [{ match: { engine: 'postgres', port: 1 }, user: 'backup' }],
      }),
    )
    const { status, out } = await doctor('--config', config)
    expect(out).toMatch(/PROBLEM\s+pv\s+not found/)
    expect(out).toMatch(/PROBLEM\s+postgres 127\.0\.0\.1:1 \(backup as backup\)/)
    expect(out).toMatch(/\n\d problems, \d warnings?\n$/)
    expect(status).toBe(1)
  })
})
