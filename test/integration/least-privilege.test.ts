import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PutBucketPolicyCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engineFor } from '../../agent/engines/index.ts'
import { createToolFinder } from '../../agent/process/index.ts'
import { silentLog } from '../../shared/log/index.ts'
import { objectKey, openObjectStore } from '../../shared/object-store/index.ts'
import {
  type MariadbServer,
  type PostgresServer,
  requireServers,
  type S3Server,
  startMariadb,
  startPostgres,
  startS3,
  temporaryFolder,
} from '../harness/index.ts'

import { projectRoot } from '../harness/project-root.ts'

const servers = await requireServers('least privilege', 'postgres', 'mariadb', 's3')

describe.skipIf(servers.missing)(
  'what a role or key lacks is named, what it must not have it has not',
  () => {
    let pg: PostgresServer
    let maria: MariadbServer
    let s3: S3Server
    let folder: Awaited<ReturnType<typeof temporaryFolder>>

    beforeAll(async () => {
      pg = await startPostgres()
      maria = await startMariadb()
      s3 = await startS3()
      folder = await temporaryFolder('privileges')
    })
    afterAll(() => Promise.all([pg?.stop(), maria?.stop(), s3?.stop(), folder?.remove()]))

    const lacks = async (
      engine: 'postgres' | 'mariadb',
      login: { readonly user: string; readonly passwordFile: string },
    ) => {
      const { host, port, bin } = engine === 'postgres' ? pg : maria
      const { missingPrivileges } = await engineFor(engine).probe(
        { engine, host, port, ...{ user: login.user, passwordFile: login.passwordFile } },
        {
          ...{ scratch: folder.path, signal: new AbortController().signal },
          tools: createToolFinder({ folders: [bin] }),
        },
      )
      return missingPrivileges
    }

    test('PostgreSQL: one grant after the other is taken away, and named', async () => {
      await pg.createDatabase('closed one')
      const role = await pg.createRole('holdfast_backup', 'BYPASSRLS IN ROLE pg_read_all_data')
      expect(await lacks('postgres', role)).toEqual([])
      await pg.psql('REVOKE CONNECT ON DATABASE "closed one" FROM PUBLIC')
      expect(await lacks('postgres', role)).toEqual(['CONNECT on database "closed one"'])
      await pg.psql('GRANT CONNECT ON DATABASE "closed one" TO holdfast_backup')
      await pg.psql('REVOKE pg_read_all_data FROM holdfast_backup')
      expect(await lacks('postgres', role)).toEqual(['membership in pg_read_all_data'])
    })

    test('PostgreSQL: the role can change nothing', async () => {
      await pg.psql('CREATE TABLE t (a int)', 'closed one')
      for (const sql of [
        'INSERT INTO t VALUES (1)',
        'DROP TABLE t',
        'CREATE TABLE u (a int)',
        'CREATE ROLE r',
      ])
        await expect(pg.psql(`SET ROLE holdfast_backup; ${sql}`, 'closed one'), sql).rejects.toThrow(
          /permission denied|must be owner/,
        )
    })

    test.each(['SELECT', 'SHOW VIEW', 'TRIGGER', 'EVENT'])(
      'MariaDB: %s is taken away, and named',
      async privilege => {
        const grants = ['SELECT', 'SHOW VIEW', 'TRIGGER', 'EVENT', 'SHOW DATABASES']
        const name = `without_${privilege.replace(' ', '_').toLowerCase()}`
        await maria.sql('CREATE DATABASE IF NOT EXISTS guarded')
        const user = await maria.createUser(name, `${grants.join(', ')} ON *.*`)
        expect(await lacks('mariadb', user)).toEqual([])
        const [account] = (
          await maria.sql(
            `SELECT CONCAT(QUOTE(user), '@', QUOTE(host)) FROM mysql.user WHERE user = '${name}'`,
          )
        ).split('\n')
        await maria.sql(`REVOKE ${privilege} ON *.* FROM ${account}`)
        expect((await lacks('mariadb', user)).join('\n')).toContain(privilege)
      },
    )

    test('the agent’s policy, as the page has it: its own clusters and manifests, no delete, nobody else’s data', async () => {
      const bucket = await s3.createBucket()
      const page = await readFile(join(projectRoot, 'docs/reference/least-privilege.md'), 'utf8')
      const written = /```json\n(\{ "Version"[\s\S]*?)```/.exec(page)?.[1] ?? ''
      const { Statement, ...rest } = JSON.parse(
        written.replaceAll('BUCKET', bucket).replaceAll('PREFIX', 'fleet').replaceAll('CLUSTER-SLUG', 'shop'),
      ) as { Statement: { Action: string | string[] }[] }
      // who asks without a signature has what this allows, and nothing else
      const statements = Statement.filter(each => each.Action !== 'kms:Encrypt')
      expect(statements).toHaveLength(2)
      await s3.client().send(
        new PutBucketPolicyCommand({
          Bucket: bucket,
          Policy: JSON.stringify({
            ...rest,
            Statement: statements.map(each => ({ ...each, Principal: '*' })),
          }),
        }),
      )
      const others = ['/fleet/v1/data/payroll/a', '/fleet/v1/data/shopping/a', '/elsewhere']
      for (const other of others)
        await s3
          .client()
          .send(new PutObjectCommand({ Bucket: bucket, Key: other.slice(1), Body: 'a secret' }))
      const ask = async (method: string, path: string) => {
        const body = method === 'PUT' ? { body: 'bytes' } : {}
        const answer = await fetch(`${s3.endpoint}/${bucket}${path}`, { method, ...body })
        await answer.arrayBuffer()
        return answer.status
      }
      for (const own of ['/fleet/v1/data/shop/a', '/fleet/v1/manifests/2026/01/01/att_1.json']) {
        expect(await ask('PUT', own), own).toBe(200)
        expect(await ask('GET', own), own).toBe(200)
        expect(await ask('DELETE', own), own).toBe(403)
      }
      for (const other of others)
        for (const method of ['PUT', 'GET', 'DELETE'])
          expect(await ask(method, other), `${method} ${other}`).toBe(403)
      expect(await ask('GET', '?list-type=2&prefix=fleet/v1/data/shop/')).toBe(200)
      expect(await ask('GET', '?list-type=2')).toBe(403)
    })

    test('an agent’s keys under a policy without delete: store, read and abort, and delete nothing', async () => {
      const bucket = await s3.createBucket()
      await s3.client().send(
        new PutBucketPolicyCommand({
          Bucket: bucket,
          Policy: JSON.stringify({
            Version: '2012-10-17',
            Statement: [
              {
                ...{ Effect: 'Deny', Principal: '*' },
                Action: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
                Resource: `arn:aws:s3:::${bucket}/fleet/v1/*`,
              },
            ],
          }),
        }),
      )
      const store = openObjectStore(
        {
          ...{ name: 'main', url: `s3://${bucket}/fleet`, profile: 'ceph' },
          ...{ endpoint: s3.endpoint, region: s3.region },
        },
        {
          log: silentLog,
          credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
        },
      )
      const key = objectKey('v1/manifests/2026/01/01/att_1.json')
      await store.put(key, Buffer.from('{}'), { ifAbsent: true })
      const upload = await store.createUpload(objectKey('v1/data/c/000-full.pgdump'))
      await store.abortUpload(upload)
      await expect(store.delete([key])).rejects.toMatchObject({
        code: expect.stringMatching(/^object-store\./),
      })
      expect(await store.head(key)).toMatchObject({ size: 2 })
      await store.close()
    })
  },
)
