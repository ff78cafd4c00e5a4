import { readFileSync } from 'node:fs'
import { Client, credentials, type ServiceError } from '@grpc/grpc-js'
import { describe, expect, test } from 'vitest'
import type { Principal } from '../../../coordinator/operations/index.ts'
import { access, refusal } from '../../../coordinator/rpc/access.ts'
import { loopbackCaller } from '../../../coordinator/rpc/caller.ts'
import { startServer } from '../../../coordinator/rpc/server.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { AgentLinkServiceService } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { EnrolmentServiceService } from '../../../shared/wire/gen/holdfast/v1/enrolment.ts'
import { OperatorServiceService } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { running } from '../running.ts'

const principal = (...roles: Principal['roles']): Principal => ({
  kind: roles.includes('agent') ? 'agent' : 'operator',
  name: 'x',
  roles,
  scope: { kind: 'fleet' },
})

/** Every RPC of the contract, from the service descriptors themselves. */
const paths = [AgentLinkServiceService, OperatorServiceService, EnrolmentServiceService].flatMap(service =>
  Object.values(service).map(each => each.path as string),
)

describe('who may call what', () => {
  test('every RPC of every service has its roles in the table', () => {
    expect(paths.length).toBeGreaterThan(15)
    expect(paths.filter(path => !access.has(path))).toEqual([])
  })

  test('the table names no RPC that does not exist', () => {
    const known = new Set([...paths, ...[...access.keys()].filter(path => path.startsWith('/grpc.'))])
    expect([...access.keys()].filter(path => !known.has(path))).toEqual([])
  })

  test('what is not in the table is denied, also to an admin', () => {
    expect(refusal('/holdfast.v1.OperatorService/DropEverything', principal('admin'))?.code).toBe(
      'access.denied',
    )
  })

  test.each([
    ['viewer', 'StartBackup', true],
    ['viewer', 'ListJobs', false],
    ['operator', 'StartBackup', false],
    ['operator', 'StartRestore', true],
    ['restorer', 'StartRestore', false],
    ['restorer', 'StartBackup', true],
    ['operator', 'ListAudit', true],
    ['agent', 'ListJobs', true],
  ] as const)('a %s and %s: refused %s', (role, rpc, refused) => {
    expect(refusal(`/holdfast.v1.OperatorService/${rpc}`, principal(role)) !== undefined).toBe(refused)
  })

  test('an operator may not speak as an agent', () => {
    expect(refusal('/holdfast.v1.AgentLinkService/Connect', principal('admin'))?.code).toBe('access.denied')
  })
})

describe('the listener', () => {
  test.each([
    ['plaintext beyond loopback', '0.0.0.0:0', true, 'listen.plaintext-refused'],
    ['plaintext nobody asked for', '127.0.0.1:0', false, 'listen.plaintext-refused'],
  ])('%s is refused', async (_what, listen, insecureLoopback, code) => {
    await expect(
      startServer({ listen, insecureLoopback, services: [], callerOf: loopbackCaller, log: silentLog }),
    ).rejects.toMatchObject({ code })
  })

  test('a port that is taken is said so', async () => {
    const options = { insecureLoopback: true, services: [], callerOf: loopbackCaller, log: silentLog }
    const first = await startServer({ ...options, listen: '127.0.0.1:0' })
    await expect(startServer({ ...options, listen: `127.0.0.1:${first.port}` })).rejects.toMatchObject({
      code: 'listen.failed',
    })
    await first.close()
  })

  test('health and reflection answer; health follows leadership', async () => {
    await using fleet = await running()
    const client = new Client(`127.0.0.1:${fleet.port}`, credentials.createInsecure())
    try {
      // HealthCheckResponse{status: SERVING}
      expect(await raw(client, '/grpc.health.v1.Health/Check', Buffer.alloc(0))).toEqual(
        Buffer.from([0x08, 0x01]),
      )
      const services = await reflected(client)
      for (const name of ['holdfast.v1.AgentLinkService', 'holdfast.v1.OperatorService'])
        expect(services).toContain(name)
    } finally {
      client.close()
    }
  })

  test('the contract that reflection tells of is the one that is served', () => {
    for (const file of ['agent_link', 'operator'])
      expect(readFileSync(`proto/holdfast/v1/${file}.proto`, 'utf8')).toContain('package holdfast.v1;')
  })
})

function raw(client: Client, path: string, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest<Buffer, Buffer>(
      path,
      bytes => bytes,
      bytes => bytes,
      request,
      (error: ServiceError | null, value?: Buffer) =>
        error === null ? resolve(value ?? Buffer.alloc(0)) : reject(error),
    )
  })
}

/** ServerReflectionRequest{list_services: ""}; the answer's names stand in it as text. */
function reflected(client: Client): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = client.makeBidiStreamRequest<Buffer, Buffer>(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      bytes => bytes,
      bytes => bytes,
    )
    call.on('data', (bytes: Buffer) => {
      resolve(bytes.toString('latin1'))
      call.end()
    })
    call.on('error', reject)
    call.write(Buffer.from([0x3a, 0x00]))
  })
}
