import stringWidth from 'string-width'
import { expect, test } from 'vitest'
import { AppError } from '../../shared/errors/index.ts'
import { Cluster, GetClusterResponse } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import type { Answers } from '../harness/fake-operator-service.ts'
import { holdfast as cli, now } from './holdfast.ts'

const holdfast = (argv: readonly string[], answers: Answers) => cli(['cluster', ...argv], { answers })

const prod = Cluster.fromPartial({
  clusterId: 'cls_01890a5d-ac96-774b-bcce-b302099a8057',
  name: `orders-db@${'p'.repeat(63)}`,
  engine: 'postgres',
  evidence: [
    {
      kind: 'postgres-system-identifier',
      value: '7400000000000000001',
      firstSeenAt: now - 7_200_000,
      lastSeenAt: now - 60_000,
    },
  ],
  conflicts: [
    {
      clusterId: 'cls_01890a5d-ac96-774b-bcce-b302099a8058',
      clusterName: 'orders-db@staging',
      kind: 'clone',
      shared: [{ kind: 'postgres-system-identifier', value: '7400000000000000001' }],
      firstSeenAt: now - 3_600_000,
      lastSeenAt: now,
    },
    { kind: 'unclear', firstSeenAt: now, lastSeenAt: now },
  ],
  instances: 2,
  databases: 41,
  firstSeenAt: now - 7_200_000,
})

test('nothing there says so, with and without conflicts; a coordinator that cannot is older', async () => {
  const none = { listClusters: () => ({ clusters: [], nextPageToken: '' }) }
  expect((await holdfast(['list'], none)).out).toMatch(/no cluster is known/)
  const conflicts = await holdfast(['list', '--conflicts'], none)
  expect(conflicts.out).toMatch(/no two clusters show one identity/)
  expect(conflicts.seen[0]?.request).toMatchObject({ filter: 'conflict=true' })
  const older = await holdfast(['list'], {})
  expect(older.status).not.toBe(0)
  expect(older.err).toMatch(/older/)
})

test('one that is not there exits as any thing that is not there', async () => {
  const { status, err } = await holdfast(['get', 'nobody'], {
    getCluster: () => {
      throw new AppError('not-found')
    },
  })
  expect(status).toBe(11)
  expect(err).not.toBe('')
})

test('a list names the kind of conflict and the other one, and fits 100 columns', async () => {
  const { status, out } = await holdfast(['list'], {
    listClusters: () => ({ clusters: [prod], nextPageToken: '' }),
  })
  expect(status).toBe(0)
  expect(out).toContain('clone')
  for (const line of out.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(100)
})

test('get shows instances, evidence with its times, and what a conflict means', async () => {
  const answer = GetClusterResponse.fromPartial({
    cluster: prod,
    instances: [{ address: '10.0.0.7', port: 5432, node: 'prod', role: 'primary' }],
  })
  const { status, out } = await holdfast(['get', 'orders-db'], { getCluster: () => answer })
  expect(status).toBe(0)
  expect(out).toMatch(/10\.0\.0\.7:5432 on prod, primary/)
  expect(out).toMatch(/postgres-system-identifier\s+7400000000000000001/)
  expect(out.replace(/\s+/g, ' ')).toMatch(/clone orders-db@staging, same .*both accept writes/)
  expect(out).toContain('(outside your scope)')
  for (const line of out.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(100)
})
