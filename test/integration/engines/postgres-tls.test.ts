import { chmod, chown, copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineFor } from '../../../agent/engines/index.ts'
import type { InstanceTarget } from '../../../agent/engines/port.ts'
import {
  type PostgresServer,
  requireServers,
  run,
  startPostgres,
  type TemporaryFolder,
  temporaryFolder,
} from '../../harness/index.ts'
import { contextIn } from './round-trip.ts'
import { runCommand } from './run-command.ts'

const servers = await requireServers('the PostgreSQL engine over TLS', 'postgres')
const postgres = engineFor('postgres')
const nobody = 65534

describe.skipIf(servers.missing)('the PostgreSQL engine over TLS', () => {
  let server: PostgresServer
  let folder: TemporaryFolder
  let target: InstanceTarget
  let certificate: string

  beforeAll(async () => {
    folder = await temporaryFolder('engine-tls')
    await chmod(folder.path, 0o711)
    certificate = join(folder.path, 'server.crt')
    const key = join(folder.path, 'server.key')
    await run('openssl', [
      ...[
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-days',
        '2',
        '-subj',
        '/CN=test',
        '-addext',
        'subjectAltName=IP:127.0.0.1',
      ],
      ...['-keyout', key, '-out', certificate],
    ])
    await chmod(key, 0o600)
    await chmod(certificate, 0o644)
    if (process.getuid?.() === 0) await chown(key, nobody, nobody)
    server = await startPostgres({ settings: { ssl: 'on', ssl_cert_file: certificate, ssl_key_file: key } })
    target = {
      engine: 'postgres',
      host: server.host,
      port: server.port,
      user: server.user,
      passwordFile: server.passwordFile,
    }
  })
  afterAll(async () => {
    await server?.stop()
    await folder?.remove()
  })

  const context = () => contextIn(folder.path, { bin: server.bin })
  const dump = async (at: InstanceTarget) => {
    const session = await postgres.openDump(at, { scope: 'database', name: 'postgres' }, await context())
    const [stream] = session.streams
    if (stream === undefined) throw new Error('no stream')
    return { session, stream, ended: await runCommand(stream.command, {}) }
  }

  it('refuses a certificate of an unknown CA with verify-full', async () => {
    await expect(dump({ ...target, tls: 'verify-full' })).rejects.toMatchObject({
      code: 'database.tls-failed',
    })
  })

  it('refuses a certificate for another host with verify-full', async () => {
    await expect(
      dump({ ...target, host: 'localhost', tls: 'verify-full', tlsCaFile: certificate }),
    ).rejects.toMatchObject({ code: 'database.tls-failed' })
  })

  it('refuses a CA file that is not there', async () => {
    await expect(dump({ ...target, tls: 'verify-full', tlsCaFile: '/nowhere/ca.pem' })).rejects.toMatchObject(
      { code: 'database.tls-failed' },
    )
  })

  it.each(['disable', 'prefer', 'require', 'verify-full'] as const)(
    'connects and dumps with %s',
    async tls => {
      const ca = join(folder.path, `ca-${tls}.pem`)
      await copyFile(certificate, ca)
      const { ended } = await dump({ ...target, tls, ...(tls === 'verify-full' ? { tlsCaFile: ca } : {}) })
      expect(ended).toEqual({ status: 0, stderr: '' })
    },
  )
})
