import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineFor } from '../../agent/engines/index.ts'
import type { Probe } from '../../agent/engines/port.ts'
import type { CallContext } from '../../coordinator/rpc/handle.ts'
import { listClusters } from '../../coordinator/rpc/operator/clusters.ts'
import type { OperatorDeps } from '../../coordinator/rpc/operator/deps.ts'
import { discovered, running } from '../coordinator/running.ts'
import {
  freePort,
  type OwnedProcess,
  type PostgresServer,
  requireServers,
  run,
  startPostgres,
  startProcess,
  type TemporaryFolder,
  temporaryFolder,
  waitUntil,
} from '../harness/index.ts'
import { contextIn } from './engines/round-trip.ts'

const servers = await requireServers('the identity of real servers', 'postgres')
const postgres = engineFor('postgres')

describe.skipIf(servers.missing)('a primary, its standby and a clone of it, all real', () => {
  let primary: PostgresServer
  let folder: TemporaryFolder
  const others: OwnedProcess[] = []
  const probes: Record<string, Probe> = {}
  let standbyPort = 0

  beforeAll(async () => {
    primary = await startPostgres()
    folder = await temporaryFolder('identity')
    await chmod(folder.path, 0o711)
    const ports = {
      prod: primary.port,
      // -R: follows the primary; without it: a server of its own on production's files
      standby: await startOn('standby', ['-R']),
      staging: await startOn('staging', []),
    }
    standbyPort = ports.standby
    for (const [name, port] of Object.entries(ports)) {
      const { host, user, passwordFile } = primary
      probes[name] = await postgres.probe(
        { engine: 'postgres', host, port, user, passwordFile },
        await contextIn(folder.path, { bin: primary.bin }),
      )
    }
  })
  afterAll(async () => {
    for (const other of others) await other.stop('SIGQUIT')
    await primary?.stop()
    await folder?.remove()
  })

  async function startOn(name: string, options: readonly string[]): Promise<number> {
    const data = join(folder.path, name)
    const port = await freePort()
    const { bin, host, user, password, pgpassFile } = primary
    await run(
      join(bin, 'pg_basebackup'),
      [
        '-h',
        host,
        '-p',
        String(primary.port),
        '-U',
        user,
        '-D',
        data,
        '-X',
        'stream',
        '-c',
        'fast',
        ...options,
      ],
      { env: { ...process.env, PGPASSFILE: pgpassFile } },
    )
    if (process.getuid?.() === 0) await run('chown', ['-R', '65534:65534', data])
    const settings = {
      port: String(port),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_connections: '60',
      primary_conninfo: `host=${host} port=${primary.port} user=${user} password=${password}`,
    }
    others.push(
      await startProcess(
        join(bin, 'postgres'),
        ['-D', data, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
        { name, asNobody: true, logFile: join(folder.path, `${name}.log`), cwd: '/' },
      ),
    )
    const ready = () =>
      run(join(bin, 'pg_isready'), ['-q', '-h', host, '-p', String(port)], { allowFailure: true })
    await waitUntil(async () => (await ready()).code === 0, { what: `${name} to answer`, timeout: 30_000 })
    return port
  }

  it('show one identity and two roles: the clone is shown as one, never as a replica, and nothing is merged', async () => {
    const identities = Object.values(probes).map(
      each => each.evidence.find(({ kind }) => kind === 'postgres-system-identifier')?.value,
    )
    expect(new Set(identities).size).toBe(1)
    expect(identities[0]).toMatch(/^\d{15,}$/)

    await using fleet = await running()
    const names = Object.keys(probes)
    fleet.source.show(names.map(node => discovered({ nodeName: node, serviceId: node })))
    for (const [hostname, probe] of Object.entries(probes)) {
      const agent = await fleet.agent({ hostname })
      const watch = await agent.next('watch', each => each.instances.length === 1)
      agent.inventory(watch.instances[0]?.instanceId ?? '', ['orders'], {
        role: probe.role,
        evidence: identities[0] ?? '',
      })
    }
    const context = { scope: { kind: 'fleet' } } as unknown as CallContext
    const ask = () =>
      // as one answers that does not lead: by the store alone
      listClusters({ store: fleet.store, operations: { fleet: () => undefined } } as unknown as OperatorDeps)(
        { pageSize: 0, pageToken: '', filter: '' },
        context,
      )
    const told = await waitUntil(
      async () => {
        const { clusters } = await ask()
        const conflicts = clusters.flatMap(each => each.conflicts)
        const sure = conflicts.length === 6 && conflicts.every(each => each.kind !== 'unclear')
        return sure ? clusters : undefined
      },
      { what: 'every conflict to be judged' },
    )
    const kindsOf = (name: string) =>
      Object.fromEntries(
        told
          .filter(each => each.name === `orders-db@${name}`)
          .flatMap(each => each.conflicts.map(({ clusterName, kind }) => [clusterName, kind])),
      )
    expect(kindsOf('prod')).toEqual({ 'orders-db@staging': 'clone', 'orders-db@standby': 'replica-apart' })
    expect(kindsOf('staging')).toEqual({ 'orders-db@prod': 'clone', 'orders-db@standby': 'replica-apart' })
    expect(told.map(each => each.databases)).toEqual([1, 1, 1])
  })

  it('tell whom the standby follows, and that one which is cut off is behind, however well it replayed', async () => {
    expect(probes['standby']).toMatchObject({
      replicationLagMs: 0,
      replicationSource: { host: primary.host, port: primary.port },
    })
    for (const each of ['prod', 'staging']) expect(probes[each]?.replicationSource).toBeUndefined()
    const { host, user, passwordFile, pgpassFile, bin } = primary
    const ask = async (sql: string) => {
      const args = ['-h', host, '-p', String(standbyPort), '-U', user, '-d', 'postgres', '-Atc', sql]
      return (
        await run(join(bin, 'psql'), args, { env: { ...process.env, PGPASSFILE: pgpassFile } })
      ).stdout.trim()
    }
    const until = (sql: string, answer: string) =>
      waitUntil(async () => (await ask(sql)) === answer, { what: `${answer} of ${sql}`, timeout: 60_000 })
    await primary.psql('create table later (id int)')
    await until("select count(*) from pg_class where relname = 'later'", '1')
    await primary.kill('SIGKILL')
    await until('select count(*) from pg_stat_wal_receiver', '0')
    // nothing that was received is left to replay
    await until('select pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()', 't')
    const cut = await postgres.probe(
      { engine: 'postgres', host, port: standbyPort, user, passwordFile },
      await contextIn(folder.path, { bin }),
    )
    expect(cut.replicationSource).toBeUndefined()
    expect(cut.replicationLagMs).toBeGreaterThan(0)
    await primary.restart()
  })
})
