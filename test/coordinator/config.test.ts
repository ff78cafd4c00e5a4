import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadCoordinatorConfig, settingsOf } from '../../coordinator/config.ts'
import { AppError } from '../../shared/errors/index.ts'
import { temporaryFolder } from '../harness/index.ts'

async function load(yaml: string, environment: Record<string, string> = {}) {
  await using folder = await temporaryFolder('config')
  const file = join(folder.path, 'coordinator.yaml')
  await writeFile(file, yaml)
  return loadCoordinatorConfig(file, {}, environment)
}

async function problems(yaml: string): Promise<string> {
  const thrown = await load(yaml).catch((error: unknown) => error)
  expect(thrown).toBeInstanceOf(AppError)
  return JSON.stringify((thrown as AppError).context['problems'])
}

describe('the configuration of the coordinator', () => {
  test('the example is valid, and says what it promises', () => {
    const { value } = loadCoordinatorConfig('deploy/examples/coordinator.yaml', {}, {})
    const settings = settingsOf(value)
    expect(settings.policies.map(each => each.name)).toEqual(['important', 'everything'])
    expect(settings.policies[0]).toMatchObject({ rpo: 8 * 3_600_000, destination: 'main' })
    expect(settings.alerts.channels).toEqual(['ops'])
    expect(value.insecure_loopback).toBe(false)
  })

  test('what no key can tell by itself is told beside what is wrong with single keys, all at once', async () => {
    const told = await problems(
      'lisen: x\ntimes: 5\npolicies: [{ name: a, destination: nowhere, every: 1x }, { name: a, destination: nowhere }]',
    )
    for (const each of ['lisen', 'times', 'policies.0.every', 'policies.0.destination', 'policies.1.name'])
      expect(told).toContain(each)
    expect(told).not.toContain('leader_margin')
  })

  test('consul is asked by name, tag or filter, in datacenters, with certificates; halves of it are refused', async () => {
    const { value } = await load(
      `discovery:
  consul:
    address: https://consul.internal:8501
    services: [{ name: pg, engine: postgres }, { tag: holdfast }, { filter: ServiceMeta.team == "x" }]
    datacenters: [dc1, dc2]
    tls: { ca_file: /etc/holdfast/consul-ca.pem, cert_file: /c.pem, key_file: /k.pem, server_name: server.dc1.consul }
`,
    )
    expect(value.discovery.consul).toMatchObject({ datacenters: ['dc1', 'dc2'], services: [{}, {}, {}] })
    const told = await problems(
      'discovery: { consul: { services: [{ engine: mysql }], tls: { cert_file: /c.pem } } }',
    )
    for (const each of ['discovery.consul.services.0', 'discovery.consul.tls']) expect(told).toContain(each)
    expect(await problems('discovery: { consul: { services: [{ tag: x }], tls: {} } }')).toContain('https:')
  })

  test('the audit is shipped by absolute path and by a way of syslog; what is for TLS stands with tls: only', async () => {
    const { value } = await load(
      'audit: { ship: { file: { path: /a.jsonl }, syslog: { url: "tls://[::1]:6514", ca_file: /c } } }',
    )
    expect(settingsOf(value).ship?.sinks.map(each => each.to)).toEqual(['/a.jsonl', 'tls://[::1]:6514'])
    const told = await problems(
      'audit: { ship: { file: { path: a }, syslog: { url: "udp://h:514", key_file: /k } } }',
    )
    for (const each of ['audit.ship.file.path', 'begins with tls:', 'go together'])
      expect(told).toContain(each)
    expect(await problems('audit: { ship: { syslog: { url: "h:514" } } }')).toContain('unix:///absolute/path')
  })

  test('a policy says how many streams, and how long others may wait for them; absent, the agent decides', async () => {
    const of = async (keys: string) => {
      const yaml = `destinations: { a: { url: file:///a } }\npolicies: [{ name: p, destination: a${keys} }]\n`
      return settingsOf((await load(yaml)).value).policies[0]
    }
    expect(await of(', streams: 3, blocking_limit: 45s')).toMatchObject({ streams: 3, blockingLimit: 45_000 })
    expect(await of(', blocking_limit: 0s')).toMatchObject({ blockingLimit: 0 })
    expect(
      await of(', xmin_age_limit: 1000000, replay_lag_limit: 10m, replay_backlog_limit: 5GB'),
    ).toMatchObject({ xminAgeLimit: 1_000_000, replayLagLimit: 600_000, replayBacklogLimit: 5e9 })
    const plain = await of('')
    expect(plain).not.toHaveProperty('streams')
    expect(plain).not.toHaveProperty('blockingLimit')
    expect(plain?.version).not.toBe((await of(', streams: 3'))?.version)
    const told = await problems(
      'destinations: { a: { url: file:///a } }\npolicies: [{ name: p, destination: a, streams: 33, blocking_limit: soon }]',
    )
    for (const each of ['policies.0.streams', 'policies.0.blocking_limit']) expect(told).toContain(each)
  })

  test('a policy names one destination or several; what copies cost is said, and absent where there are none', async () => {
    const of = async (text: string) => {
      const loaded = await load(
        `destinations:\n  a: { url: file:///a }\n  b: { url: file:///b }\npolicies: [${text}]\n`,
      )
      const [policy] = settingsOf(loaded.value).policies
      return { destination: policy?.destination, copies: policy?.copies }
    }
    expect(await of('{ name: p, destination: a }')).toEqual({ destination: 'a', copies: undefined })
    expect(await of('{ name: p, destinations: [b] }')).toEqual({ destination: 'b', copies: undefined })
    expect(await of('{ name: p, destinations: [b, a] }')).toEqual({
      destination: 'b',
      copies: { destinations: ['a'], when: 'at-once', min: 1, patience: 600_000 },
    })
    expect(
      await of('{ name: p, destinations: [a, b], min_copies: 2, copy_patience: 1h, copies: at-once }'),
    ).toMatchObject({ copies: { min: 2, patience: 3_600_000 } })
  })

  test.each([
    ['{ name: p }', 'policies.0.destination'],
    ['{ name: p, destination: a, destinations: [a] }', 'policies.0.destinations'],
    ['{ name: p, destinations: [a, c] }', 'policies.0.destinations.1'],
    ['{ name: p, destinations: [a, a] }', 'policies.0.destinations.1'],
    ['{ name: p, destinations: [a, b], min_copies: 3 }', 'policies.0.min_copies'],
    ['{ name: p, destination: a, min_copies: 2 }', 'policies.0.min_copies'],
    ['{ name: p, destinations: [a, b], min_copies: 2, copies: after }', 'policies.0.min_copies'],
  ])('the policy %s is refused at %s', async (text, key) => {
    const told = await problems(
      `destinations:\n  a: { url: file:///a }\n  b: { url: file:///b }\npolicies: [${text}]\n`,
    )
    expect(JSON.stringify(told)).toContain(key)
  })

  test('destinations say how objects are kept there', async () => {
    const loaded = await load(
      `destinations:
  main:
    url: s3://backups/prod
    storage_class: STANDARD_IA
    encryption: sse-kms
    kms_key_id: alias/backups
    bucket_owner: "123456789012"
    checksum: crc64nvme
    tags: { team: data, tier: gold }
    object_lock: { mode: compliance, days: 30 }
  other: { url: s3://backups, endpoint: "https://s3.example.com" }
`,
    )
    const { destinations } = settingsOf(loaded.value)
    expect(destinations.get('main')?.settings).toEqual({
      ...{
        storageClass: 'STANDARD_IA',
        encryption: 'sse-kms',
        kmsKeyId: 'alias/backups',
        checksum: 'crc64nvme',
      },
      bucketOwner: '123456789012',
      tags: [
        { name: 'team', value: 'data' },
        { name: 'tier', value: 'gold' },
      ],
      objectLock: { mode: 'compliance', days: 30 },
    })
    expect(destinations.get('other')).not.toHaveProperty('settings')
    expect(loaded.render()).toContain('object_lock')
  })

  test.each([
    [
      '{ url: "s3://b", profile: r2, object_lock: { mode: compliance, days: 1 } }',
      'object_lock',
      'R2 has bucket lock rules',
    ],
    ['{ url: "s3://b", storage_class: DEEP_ARCHIVE }', 'storage_class', 'read at once'],
    ['{ url: "s3://b", kms_key_id: x }', 'kms_key_id', 'sse-kms'],
    ['{ url: "s3://b", profile: b2, checksum: sha256 }', 'checksum', 'Backblaze B2 takes: none'],
    ['{ url: "file:///b", tags: { a: b } }', 'tags', 'directory'],
    ['{ url: "s3://b", profile: directory }', 'profile', 's3://'],
    ['{ url: "s3://b", object_lock: { mode: polite, days: 1 } }', 'object_lock.mode', 'governance'],
  ])('the destination %s is refused: key, source, what is expected', async (destination, key, expected) => {
    const told = await problems(`destinations:\n  main: ${destination}\n`)
    expect(told).toContain(`destinations.main.${key}`)
    expect(told).toContain('coordinator.yaml:2')
    expect(told).toContain(expected)
  })

  test.each([
    [
      'a policy whose destination is not configured',
      'policies: [{ name: a, destination: nowhere }]',
      'nowhere|destination',
    ],
    [
      'an RPO shorter than the interval',
      'destinations: { m: { url: "file:///x" } }\npolicies: [{ name: a, destination: m, every: 2h, rpo: 1h }]',
      'rpo',
    ],
    [
      'two policies of one name',
      'destinations: { m: { url: "file:///x" } }\npolicies: [{ name: a, destination: m }, { name: a, destination: m }]',
      'name',
    ],
    [
      'a webhook with both URLs',
      'alerts: { webhooks: { ops: { url: "http://x", url_file: /y } } }',
      'url_file',
    ],
    ['an unknown key', 'lisen: 127.0.0.1:1', 'listen'],
    ['a destination that is no URL', 'destinations: { m: { url: bucket } }', 's3://'],
    ['a lease shorter than three heartbeats', 'times: { heartbeat: 1m, lease_ttl: 2m }', 'heartbeat'],
  ])('%s is told with its key', async (_what, yaml, said) => {
    expect(await problems(yaml)).toMatch(new RegExp(said))
  })

  test('all problems at once', async () => {
    const text = await problems('listen: nowhere\nstatus: { port: high }\nlog: { level: loud }')
    for (const key of ['listen', 'status.port', 'log.level']) expect(text).toContain(key)
  })

  test('the version of a policy changes with its promise', async () => {
    const of = async (every: string) => {
      const { value } = await load(
        `destinations: { m: { url: "file:///x" } }\npolicies: [{ name: a, destination: m, every: ${every} }]`,
      )
      return settingsOf(value).policies[0]?.version
    }
    expect(await of('12h')).toBe(await of('12h'))
    expect(await of('12h')).not.toBe(await of('6h'))
  })
})
